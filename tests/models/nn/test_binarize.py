import pytest
import torch

from axonc.models.nn.binarize import (
    BinaryConv2d,
    BinaryLinear,
    WeightScale,
    binary_weight,
    channel_scale,
    sign,
)


def test_sign_of_zero_is_plus_one_and_the_gradient_is_clipped() -> None:
    latent = torch.tensor([-1.5, -1.0, -0.2, 0.0, 0.3, 1.0, 1.01], requires_grad=True)
    binary = sign(latent)
    binary.backward(torch.arange(1.0, 8.0))
    assert binary.tolist() == [-1, -1, -1, 1, 1, 1, 1]
    assert latent.grad is not None
    assert latent.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_linear_sums_signs() -> None:
    layer = BinaryLinear(3, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.3, -2.0, 0.0], [-0.1, -0.1, 5.0]]))
    assert layer(torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])).tolist() == [[0, -2], [0, 0]]


def test_convolution_equals_torch_with_the_signs() -> None:
    torch.manual_seed(0)
    layer = BinaryConv2d(4, 6, 3, stride=2, padding=1, groups=2)
    spikes = (torch.rand(2, 4, 7, 7) < 0.3).float()
    expected = torch.nn.functional.conv2d(
        spikes, torch.where(layer.weight < 0, -1.0, 1.0), stride=2, padding=1, groups=2
    )
    assert torch.equal(layer(spikes), expected)


def test_scales() -> None:
    latent = torch.tensor([[0.5, -0.5], [0.1, -0.3]])
    assert channel_scale(latent, WeightScale.NONE).flatten().tolist() == [1, 1]
    assert channel_scale(latent, WeightScale.CHANNEL).flatten().tolist() == pytest.approx(
        [0.5, 0.2]
    )
    assert channel_scale(latent, WeightScale.SHIFT).flatten().tolist() == [0.5, 0.25]


def test_a_scale_multiplies_the_gradient_but_gets_none() -> None:
    layer = BinaryLinear(2, 1, WeightScale.CHANNEL)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.5, -0.1]]))
    binary_weight(layer).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.flatten().tolist() == pytest.approx([0.3, 0.3])
