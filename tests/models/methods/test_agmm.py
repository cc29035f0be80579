from dataclasses import replace

import pytest
import torch
from torch import Tensor

from axonc.models.methods.agmm import Alpha, ForwardGate, GateConfig, Mean
from axonc.models.nn.batchnorm import TemporalBatchNorm

X = torch.randn(3, 4, 5, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def naive(gate: ForwardGate, x: Tensor) -> Tensor:
    """The definition, written out with a loop for every index."""
    config, (steps, batch, channels) = gate.config, x.shape[:3]
    out = torch.empty_like(x)
    for t in range(steps):
        for b in range(batch):
            for c in range(channels):
                part = x[t : t + 1] if config.per_step else x
                if config.mean in (Mean.SAMPLE, Mean.SAMPLE_CHANNEL):
                    part = part[:, b : b + 1]
                if config.mean in (Mean.CHANNEL, Mean.SAMPLE_CHANNEL):
                    part = part[:, :, c : c + 1]
                a = gate.a[t if config.per_step else 0, 0, c if config.alpha_per_channel else 0]
                alpha = {
                    Alpha.SIGMOID: torch.sigmoid(a),
                    Alpha.CLAMP: a.clamp(0, 1),
                    Alpha.FREE: a,
                    Alpha.FIXED: a,
                }[config.alpha]
                mean = part.mean()
                mean = mean.detach() if config.detach_mean else mean
                out[t, b, c] = alpha * torch.sigmoid(mean) * x[t, b, c]
    return out


@pytest.mark.parametrize("mean", list(Mean))
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("alpha_per_channel", [False, True])
@pytest.mark.parametrize("detach_mean", [False, True])
def test_value_and_gradients_equal_the_definition(
    mean: Mean, per_step: bool, alpha_per_channel: bool, detach_mean: bool
) -> None:
    config = GateConfig(
        mean=mean,
        per_step=per_step,
        alpha_per_channel=alpha_per_channel,
        detach_mean=detach_mean,
        alpha_init=0.3,
    )
    gate = ForwardGate(config, channels=5, steps=3).double()
    x = X.clone().requires_grad_()
    weight = torch.randn(X.shape, generator=torch.Generator().manual_seed(2), dtype=X.dtype)
    ours, expected = gate(x), naive(gate, x)
    torch.testing.assert_close(ours, expected)
    gradients = torch.autograd.grad((ours * weight).sum(), [x, gate.a])
    references = torch.autograd.grad((expected * weight).sum(), [x, gate.a])
    torch.testing.assert_close(gradients, references)


@pytest.mark.parametrize("alpha", list(Alpha))
@pytest.mark.parametrize("mean", list(Mean))
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_equal_finite_differences(
    alpha: Alpha, mean: Mean, per_step: bool, training: bool
) -> None:
    config = GateConfig(
        mean=mean, alpha=alpha, alpha_init=0.4, per_step=per_step, alpha_per_channel=per_step
    )
    gate = ForwardGate(config, 5, 3).double().train(training)
    gate.config = replace(config, momentum=0.0)  # the running mean must not drift under the check
    x = X[:, :2, :, 0, 0].clone().requires_grad_()

    def run(x: Tensor, a: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(gate, {"a": a}, (x,))
        return out

    assert torch.autograd.gradcheck(run, (x, gate.a.detach().requires_grad_()))


def test_a_fixed_alpha_is_not_learned() -> None:
    gate = ForwardGate(GateConfig(alpha=Alpha.FIXED, alpha_init=1.0), 5, 3)
    assert [p for p in gate.parameters() if p.requires_grad] == []
    assert gate.alpha.item() == 1


def test_gradient_only_is_the_identity_forward_and_the_gate_backward() -> None:
    gate = ForwardGate(GateConfig(gradient_only=True, detach_mean=True), 5, 3).double()
    full = ForwardGate(GateConfig(detach_mean=True), 5, 3).double()
    x = X.clone().requires_grad_()
    out = gate(x)
    assert torch.equal(out, x)
    gradients = torch.autograd.grad(out.sum(), [x, gate.a])
    torch.testing.assert_close(gradients, torch.autograd.grad(full(x).sum(), [x, full.a]))


def test_evaluation_uses_the_running_mean_and_is_a_constant() -> None:
    gate = ForwardGate(GateConfig(mean=Mean.CHANNEL, momentum=1.0), 5, 3).double()
    gate(X)
    torch.testing.assert_close(gate.running_mean.flatten(), X.mean((0, 1, 3, 4)))
    gate.eval()
    other = X[:, :1] + 7
    expected = other * gate.constant().view(1, 1, 5, 1, 1)
    torch.testing.assert_close(gate(other), expected)


def test_a_gate_of_each_sample_depends_on_no_other_sample() -> None:
    gate = ForwardGate(GateConfig(mean=Mean.SAMPLE), 5, 3).double().eval()
    torch.testing.assert_close(gate(X)[:, :1], gate(X[:, :1]))


def test_the_gate_lowers_mean_and_variance_of_the_gradient() -> None:
    gate = ForwardGate(GateConfig(detach_mean=True), 5, 3).double()
    x = X.clone().requires_grad_()
    upstream = torch.randn(X.shape, generator=torch.Generator().manual_seed(3), dtype=X.dtype)
    (gradient,) = torch.autograd.grad(gate(x), x, upstream)
    g = gate.alpha.item() * torch.sigmoid(X.mean()).item()
    assert 0 < g < 1
    assert gradient.mean().item() == pytest.approx(g * upstream.mean().item())
    assert gradient.var().item() == pytest.approx(g**2 * upstream.var().item())


@pytest.mark.parametrize("mean", [Mean.LAYER, Mean.CHANNEL])
@pytest.mark.parametrize("alpha_per_channel", [False, True])
@pytest.mark.parametrize("detach_mean", [False, True])
def test_behind_batchnorm_the_gate_is_known_from_the_bias(
    mean: Mean, alpha_per_channel: bool, detach_mean: bool
) -> None:
    config = GateConfig(mean=mean, alpha_per_channel=alpha_per_channel, detach_mean=detach_mean)
    upstream = torch.randn(X.shape, generator=torch.Generator().manual_seed(2), dtype=X.dtype)
    results = []
    for fused in (True, False):
        gate, norm = ForwardGate(config, 5, 3).double(), TemporalBatchNorm(5, scale=0.5).double()
        with torch.no_grad():
            norm.weight.copy_(torch.linspace(0.5, 2, 5))
            norm.bias.copy_(torch.linspace(-1, 2, 5))
        x = X.clone().requires_grad_()
        out = norm(x, gate.factor(norm.bias)) if fused else gate(norm(x))
        gradients = torch.autograd.grad((out * upstream).sum(), [x, norm.weight, norm.bias, gate.a])
        gate.eval(), norm.eval()
        later = norm(X, gate.factor(norm.bias)) if fused else gate(norm(X))
        results.append((out, gradients, gate.running_mean, later))
    torch.testing.assert_close(*results)


def test_only_a_mean_over_the_whole_batch_is_known_from_the_bias() -> None:
    def known(**options: object) -> bool:
        return ForwardGate(GateConfig(**options), 5, 3).of_norm  # type: ignore[arg-type]

    assert known() and known(mean=Mean.CHANNEL) and known(running=False)
    assert not known(mean=Mean.SAMPLE) and not known(per_step=True)
    assert not known(gradient_only=True)
    assert not ForwardGate(GateConfig(running=False), 5, 3).eval().of_norm
