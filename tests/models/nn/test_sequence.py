"""One operation for a whole sequence against the cell's own steps and autograd."""

import pytest
import torch

from axonc.models.methods.adali import AdaLi, AdaLiConfig
from axonc.models.methods.mpd_agl import MembraneRectangle
from axonc.models.nn.neurons import (
    Cell,
    IFCell,
    LIFCell,
    PLIFCell,
    if_parameters,
    lif_parameters,
    over_time,
    step_by_step,
)
from axonc.models.nn.surrogates import (
    Rectangle,
    Sigmoid,
    StraightThrough,
    SuperSpike,
    Surrogate,
    Triangle,
)

CURRENTS = torch.randn(9, 4, 5, 2, generator=torch.Generator().manual_seed(3)) * 1.5 + 0.3


def make(
    kind: type, surrogate: Surrogate, detach: bool, soft: bool, v_reset: float, v_leak: float = 0.0
) -> Cell:
    if kind is IFCell:
        p = if_parameters(0.8, v_reset=v_reset)
        return IFCell(p, surrogate, detach_reset=detach, soft_reset=soft)
    p = lif_parameters(3e-3, 0.4, v_reset=v_reset, soft_reset=soft)
    p = p._replace(v_leak=torch.tensor(v_leak))
    cell: Cell = kind(p, surrogate, detach_reset=detach)
    return cell


@pytest.mark.parametrize("kind", [LIFCell, PLIFCell, IFCell])
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(("v_reset", "v_leak"), [(0.0, 0.0), (-0.3, 0.0), (0.0, 0.2)])
def test_spikes_are_equal_and_gradients_agree(
    kind: type, detach: bool, soft: bool, v_reset: float, v_leak: float
) -> None:
    cell = make(kind, Sigmoid(2.0), detach, soft, v_reset, v_leak)
    x = CURRENTS.clone().requires_grad_()
    weight = torch.linspace(-1, 1, x.numel()).view_as(x)
    inputs = [x, *cell.parameters()]
    whole, steps = over_time(cell, x), step_by_step(cell, x)
    assert torch.equal(whole, steps)
    assert 0.1 < whole.mean() < 0.9
    gradients = torch.autograd.grad((whole * weight).sum(), inputs)
    expected = torch.autograd.grad((steps * weight).sum(), inputs)
    # The same sums in another order, in float32.
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-5)


def every_surrogate() -> list[Surrogate]:
    derived = MembraneRectangle(9)
    derived.adapt(torch.linspace(0.5, 2, 9), k=0.5, decay=0.5)
    return [
        StraightThrough(),
        Rectangle(0.8),
        Triangle(0.7),
        SuperSpike(3.0),
        Sigmoid(4.0),
        derived,
        MembraneRectangle(9, measured=True),
        AdaLi(AdaLiConfig(left=(0.9, 0.1), right=(0.5, 0.1))),
        AdaLi(AdaLiConfig(automatic=True)),
    ]


@pytest.mark.parametrize("number", range(len(every_surrogate())))
@pytest.mark.parametrize("kind", [LIFCell, IFCell])
def test_every_surrogate_passes_the_gradient_of_its_definition(kind: type, number: int) -> None:
    """Against autograd through z = h(u)*(u - u.detach()) + step, written out step by step."""
    fused, plain = every_surrogate()[number], every_surrogate()[number]
    cell = make(kind, fused, False, False, -0.3).double()
    threshold, k = (0.8, 1.0) if kind is IFCell else (0.4, 1 / 3)
    x = CURRENTS.double().requires_grad_()
    weight = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view_as(x)
    ours = over_time(cell, x)
    plain = plain.double()
    plain.load_state_dict(fused.state_dict())  # what it has learnt from the potentials by now
    v, spikes = torch.zeros_like(x[0]), []
    for step, current in enumerate(x):
        u = v + current if kind is IFCell else v + k * (current - v)
        distance = u - threshold
        slope = plain.derivative(distance.detach(), step)
        z = (distance > 0).to(x.dtype) + slope * (u - u.detach())
        v = u * (1 - z) - 0.3 * z
        spikes.append(z)
    expected = torch.stack(spikes)
    assert torch.equal(ours, expected.detach())
    (gradient,) = torch.autograd.grad((ours * weight).sum(), x)
    (reference,) = torch.autograd.grad((expected * weight).sum(), x)
    # The thresholds and time constants of the cell are float32 numbers.
    torch.testing.assert_close(gradient, reference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("measured", [False, True])
def test_surrogates_that_watch_the_potential_see_the_same(measured: bool) -> None:
    widths = []
    for run in (over_time, step_by_step):
        surrogate = MembraneRectangle(9, measured=measured)
        run(LIFCell(lif_parameters(2e-3, 0.4), surrogate), CURRENTS.clone().requires_grad_())
        widths.append(surrogate.widths)
    assert torch.equal(*widths)
    quartiles = []
    for run in (over_time, step_by_step):
        automatic = AdaLi(AdaLiConfig(automatic=True))
        run(LIFCell(lif_parameters(2e-3, 0.4), automatic), CURRENTS.clone().requires_grad_())
        quartiles.append(automatic.quartiles)
    assert torch.equal(*quartiles)


def test_less_is_kept_for_the_backward_pass() -> None:
    def kept_bytes(run: object) -> int:
        cell = LIFCell(lif_parameters(2e-3, 0.4), Triangle())
        sizes: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            x = CURRENTS.clone().requires_grad_()
            out = run(cell, x)  # type: ignore[operator]
            # The next layer keeps the spikes that it reads in any case.
            sizes.pop(out.untyped_storage().data_ptr(), None)
            return sum(sizes.values())

    assert kept_bytes(over_time) * 2 < kept_bytes(step_by_step)
