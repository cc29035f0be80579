import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from axonc.models.methods.adali import AdaLi, AdaLiConfig, Schedule


def test_two_constants_around_the_threshold() -> None:
    surrogate = AdaLi(AdaLiConfig(left=(0.5, 0.1), right=(0.25, 0.1), mass_right=0.4))
    x = torch.tensor([-0.6, -0.5, -0.1, 0.0, 0.25, 0.3], requires_grad=True)
    spikes = surrogate(x)
    (gradient,) = torch.autograd.grad(spikes.sum(), x)
    assert spikes.tolist() == [0, 0, 0, 0, 1, 1]
    assert gradient.tolist() == pytest.approx([0, 1, 1, 1.6, 1.6, 0])


def test_derivative_is_that_of_its_smooth_counterpart() -> None:
    surrogate = AdaLi(AdaLiConfig(left=(0.8, 0.1), right=(1.3, 0.1)))
    x = torch.linspace(-1.5003, 1.4999, 301, dtype=torch.float64)

    def ramp(x: torch.Tensor) -> torch.Tensor:
        return 0.5 * (x / 0.8).clamp(-1, 0) + 0.5 * (x / 1.3).clamp(0, 1)

    # Central differences of a piecewise linear function are exact up to rounding of 1e-16/1e-6.
    numeric = (ramp(x + 1e-6) - ramp(x - 1e-6)) / 2e-6
    torch.testing.assert_close(surrogate.derivative(x), numeric, rtol=0, atol=1e-8)


@given(st.sampled_from(list(Schedule)), st.integers(2, 500))
def test_schedules_fall_from_largest_to_smallest(schedule: Schedule, epochs: int) -> None:
    values = [schedule.boundary(1.5, 0.3, e, epochs) for e in range(1, epochs + 1)]
    assert values[0] == pytest.approx(1.5)
    assert values[-1] == pytest.approx(1.5 if schedule is Schedule.CONSTANT else 0.3)
    assert all(a >= b for a, b in zip(values, values[1:], strict=False))


def test_log_schedule_has_the_published_values() -> None:
    values = [Schedule.LOG.boundary(1.5, 0.3, e, 500) for e in (2, 10, 100)]
    assert values == pytest.approx([1.25, 0.83, 0.455], abs=0.005)


def test_set_epoch_narrows_the_boundaries() -> None:
    surrogate = AdaLi(AdaLiConfig())
    surrogate.set_epoch(10, 10)
    assert surrogate.boundaries == pytest.approx((0.3, 0.3))


def test_automatic_boundaries_are_quartiles_and_no_smaller_than_the_smallest() -> None:
    surrogate = AdaLi(AdaLiConfig(automatic=True, left=(1.5, 0.1), right=(1.5, 0.4)))
    assert surrogate.boundaries == (1.5, 1.5)
    for _ in range(300):  # what is left of the beginning: 0.95**300, below 1e-6
        surrogate(torch.linspace(-1.0, 0.2, 4001))
    assert surrogate.boundaries == pytest.approx((0.7, 0.4), abs=1e-3)
    before = surrogate.boundaries
    surrogate.eval()(torch.full((10,), 9.0))
    assert surrogate.boundaries == before
