import pytest
import torch
from norse.torch.functional.iaf import iaf_feed_forward_step
from norse.torch.functional.lif_box import lif_box_feed_forward_step
from norse.torch.module.snn import SNNCell

from axonc.models.nn.neurons import (
    IFCell,
    LIFCell,
    PLIFCell,
    if_parameters,
    lif_parameters,
    over_time,
)
from axonc.models.nn.surrogates import SuperSpike, Triangle

CURRENTS = torch.randn(12, 3, 7, generator=torch.Generator().manual_seed(0)) * 1.5


@pytest.mark.parametrize("soft_reset", [False, True])
@pytest.mark.parametrize("v_reset", [0.0, -0.3])
def test_lif_is_norses_lif_box(soft_reset: bool, v_reset: float) -> None:
    p = lif_parameters(2e-3, 0.5, v_reset=v_reset, soft_reset=soft_reset)
    cell = LIFCell(p, SuperSpike(1.0))
    assert isinstance(cell, SNNCell)
    x = CURRENTS.clone().requires_grad_()
    state, expected = cell.initial_state(x[0]), []
    for current in x:
        z, state = lif_box_feed_forward_step(current, state, p, dt=1e-3)
        expected.append(z)
    reference = torch.stack(expected)
    ours = over_time(cell, x)
    assert torch.equal(ours, reference)
    assert 0.1 < ours.mean() < 0.9
    weight = torch.linspace(-1, 1, x.numel()).view_as(x)
    (gradient,) = torch.autograd.grad((ours * weight).sum(), x)
    (norses,) = torch.autograd.grad((reference * weight).sum(), x)
    torch.testing.assert_close(gradient, norses)


def test_if_is_norses_iaf() -> None:
    p = if_parameters(0.8)
    cell = IFCell(p, Triangle())
    state, expected = cell.initial_state(CURRENTS[0]), []
    for current in CURRENTS:
        z, state = iaf_feed_forward_step(current, state, p)
        expected.append(z)
    assert torch.equal(over_time(cell, CURRENTS), torch.stack(expected))


def test_if_with_soft_reset_keeps_what_is_above_the_threshold() -> None:
    cell = IFCell(if_parameters(1.0), Triangle(), soft_reset=True)
    currents = torch.full((4, 1, 1), 0.75)  # v: .75, 1.5 -> .5, 1.25 -> .25, 1.0 (not above)
    assert over_time(cell, currents).flatten().tolist() == [0, 1, 1, 0]


def test_the_threshold_is_strict() -> None:
    cell = LIFCell(lif_parameters(2e-3, 0.5), Triangle())
    assert over_time(cell, torch.ones(1, 1, 1)).item() == 0  # u = 0.5 * 1 = the threshold


def test_plif_starts_as_lif_and_learns_its_time_constant() -> None:
    p = lif_parameters(4e-3, 0.3)
    plif, lif = PLIFCell(p, Triangle()), LIFCell(p, Triangle())
    assert torch.equal(over_time(plif, CURRENTS), over_time(lif, CURRENTS))
    over_time(plif, CURRENTS).sum().backward()
    assert plif.w.grad is not None
    assert plif.w.grad.item() != 0


def test_detached_reset_changes_the_gradient_only() -> None:
    p = lif_parameters(2e-3, 0.5)
    x = CURRENTS.clone().requires_grad_()
    gradients = []
    rasters = []
    for detach in (False, True):
        spikes = over_time(LIFCell(p, Triangle(), detach_reset=detach), x)
        rasters.append(spikes)
        gradients.append(torch.autograd.grad(spikes.sum(), x)[0])
    assert torch.equal(*rasters)
    assert not torch.equal(*gradients)
