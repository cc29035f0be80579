"""Each derivative against finite differences of the smooth function whose derivative it is."""

from collections.abc import Callable

import pytest
import torch
from norse.torch.functional.threshold import threshold
from torch import Tensor

from axonc.models.nn._norse import LIFBoxParameters  # noqa: F401  (imports norse without its warnings)
from axonc.models.nn.surrogates import (
    Rectangle,
    Sigmoid,
    StraightThrough,
    SuperSpike,
    Surrogate,
    Triangle,
)

Smooth = Callable[[Tensor], Tensor]

COUNTERPARTS: list[tuple[Surrogate, Smooth]] = [
    (StraightThrough(), lambda x: x),
    (Rectangle(0.8), lambda x: (x / 0.8).clamp(-0.5, 0.5)),
    (
        Triangle(0.7),
        lambda x: (
            torch.where(x < 0, 0.5 * (1 + x / 0.7).clamp_min(0) ** 2, 1.0)
            - torch.where(x < 0, 0.0, 0.5 * (1 - x / 0.7).clamp_min(0) ** 2)
        ),
    ),
    (SuperSpike(3.0), lambda x: x / (1 + 3 * x.abs())),
    (Sigmoid(4.0), lambda x: torch.sigmoid(4 * x)),
]


@pytest.mark.parametrize(("surrogate", "smooth"), COUNTERPARTS)
def test_derivative_is_that_of_the_smooth_counterpart(surrogate: Surrogate, smooth: Smooth) -> None:
    # An odd grid keeps clear of the kinks of rectangle and triangle.
    x = torch.linspace(-1.5003, 1.4999, 301, dtype=torch.float64)
    h = 1e-6
    numeric = (smooth(x + h) - smooth(x - h)) / (2 * h)
    # Central differences of step 1e-6 in float64 are good to about 1e-9 of a bounded curvature.
    torch.testing.assert_close(surrogate.derivative(x), numeric, rtol=0, atol=1e-6)


@pytest.mark.parametrize("surrogate", [s for s, _ in COUNTERPARTS])
def test_spikes_are_strict_and_carry_the_derivative(surrogate: Surrogate) -> None:
    x = torch.tensor([-0.3, 0.0, 1e-7, 0.3], requires_grad=True)
    spikes = surrogate(x)
    spikes.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert spikes.tolist() == [0, 0, 1, 1]
    assert x.grad is not None
    expected = torch.tensor([1.0, 2.0, 3.0, 4.0]) * surrogate.derivative(x.detach())
    assert torch.equal(x.grad, expected)


def test_superspike_of_slope_one_is_norses() -> None:
    x = torch.linspace(-2, 2, 41, requires_grad=True)
    (ours,) = torch.autograd.grad(SuperSpike(1.0)(x).sum(), x)
    (theirs,) = torch.autograd.grad(threshold(x, "super", 100.0).sum(), x)
    torch.testing.assert_close(ours, theirs)


def test_window_marks_what_gets_a_gradient() -> None:
    x = torch.tensor([-0.6, -0.4, 0.0, 0.4, 0.6])
    assert Rectangle(1.0).window(x).tolist() == [False, True, True, True, False]
