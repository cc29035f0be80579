import pytest
import torch

from axonc.models.methods.bso import BSO


def test_weights_become_binary() -> None:
    weight = torch.nn.Parameter(torch.tensor([-0.2, 0.0, 3.0]))
    BSO([weight])
    assert weight.tolist() == [-1, 1, 1]


def test_a_weight_flips_where_its_mean_gradient_agrees_with_it() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0, 1.0, -1.0, -1.0]))
    rule = BSO([weight], gamma=0.05, beta1=0.9, adaptive=False)
    weight.grad = torch.tensor([1.0, -1.0, -1.0, 0.4])  # means after one step: a tenth of it
    rule.step()
    assert weight.tolist() == [-1, 1, 1, -1]


@pytest.mark.parametrize("adaptive", [False, True])
def test_steps_equal_the_written_out_rule(adaptive: bool) -> None:
    random = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(5, 4, generator=random))
    rule = BSO([weight], gamma=0.02, beta1=0.95, beta2=0.99, adaptive=adaptive)
    expected = weight.detach().clone()
    mean, square = torch.zeros(5, 4), 0.0
    flips = 0
    for _ in range(30):
        gradient = torch.randn(5, 4, generator=random)
        weight.grad = gradient.clone()
        rule.step()
        mean = 0.95 * mean + 0.05 * gradient
        square = 0.99 * square + 0.01 * gradient.square().mean().item()
        threshold = 0.02 * ((square + 1e-8) ** 0.5 if adaptive else 1)
        flip = expected * mean > threshold
        flips += int(flip.sum())
        expected = torch.where(flip, -expected, expected)
        assert torch.equal(weight.detach(), expected)
    assert flips > 10


def test_the_rule_falls_with_the_epochs() -> None:
    rule = BSO([torch.nn.Parameter(torch.ones(2))], gamma=5e-7, beta1=0.999, beta2=0.99999)
    for share in (1.0, 0.1, 0.01):
        rule.fall(share)
        (group,) = rule.param_groups
        assert group["gamma"] == pytest.approx(5e-7 * share)
        assert 1 - group["beta1"] == pytest.approx(1e-3 * share)
        assert 1 - group["beta2"] == pytest.approx(1e-5 * share)
