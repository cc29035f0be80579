"""Steppers by themselves: types of their states, potentials told, neurons without threshold."""

from __future__ import annotations

import numpy as np
import pytest

from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import (
    IF,
    LI,
    ContinuousNeuron,
    CubaLI,
    CubaLIF,
    Dialect,
    I,
    IFConvention,
    Integrator,
    Neuron,
    Reset,
    Threshold,
)
from axonc.toolchain.reference.neurons import ContinuousStepper, DelayStepper, NeuronStepper

ONE = np.ones(2)
DIALECT = Dialect(1e-3, Integrator.EULER, Reset.HARD)
NEURONS: list[ContinuousNeuron] = [
    I((2,), 2 * ONE),
    IF((2,), 2 * ONE, ONE, 0 * ONE),
    LI((2,), 4e-3 * ONE, 2 * ONE, 0 * ONE),
    CubaLI((2,), 2e-3 * ONE, 4e-3 * ONE, ONE, 0 * ONE, ONE),
    CubaLIF((2,), 2e-3 * ONE, 4e-3 * ONE, ONE, 0 * ONE, ONE, ONE, 0 * ONE),
]


def discrete(**changes: object) -> Neuron:
    fields: dict[str, object] = dict(decay=0.5 * ONE, gain=ONE, leak=0 * ONE)
    return Neuron((2,), **(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("real", [np.float32, np.float64])
@pytest.mark.parametrize("node", NEURONS, ids=lambda node: node.kind)
def test_states_are_of_the_type_asked_for(node: ContinuousNeuron, real: type) -> None:
    stepper = ContinuousStepper(node, DIALECT, 3, real)
    for state in (stepper.v, stepper.current, stepper.potential):
        assert (state.shape, state.dtype) == ((3, 2), real)
    assert (stepper.held.shape, stepper.held.dtype) == ((3, 2), bool)
    stepper(np.ones((3, 2), real))
    assert stepper.v.dtype == stepper.potential.dtype == real


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_discrete_states_are_of_the_type_asked_for(real: type) -> None:
    node = discrete(current_decay=0.25 * ONE, current_gain=ONE, v_start=np.array([0.5, -1.0]))
    stepper = NeuronStepper(node, 3, real)
    for state in (stepper.v, stepper.current, stepper.potential):
        assert (state.shape, state.dtype) == ((3, 2), real)
    assert stepper.held.dtype == bool and stepper.held.shape == (3, 2)
    assert stepper.potential.tolist() == stepper.v.tolist() == [[0.5, -1.0]] * 3
    assert stepper(np.zeros((3, 2), real)).tolist() == [[0.25, -0.5]] * 3


def test_a_threshold_alone_compares_what_comes_in_strictly() -> None:
    stepper = ContinuousStepper(Threshold((2,), np.array([0.5, 1.0])), DIALECT, 1)
    arriving = np.array([[0.5, 1.5]])
    assert stepper(arriving).tolist() == [[False, True]]
    assert stepper.potential.tolist() == arriving.tolist()


@pytest.mark.parametrize(
    ("convention", "factor"), [(IFConvention.PER_STEP, 1.0), (IFConvention.PER_SECOND, 1e-3)]
)
def test_an_integrator_adds_r_times_its_input(convention: IFConvention, factor: float) -> None:
    dialect = Dialect(1e-3, Integrator.EULER, Reset.HARD, if_convention=convention)
    stepper = ContinuousStepper(I((2,), np.array([2.0, 4.0])), dialect, 1)
    for step in (1, 2):
        sent = stepper(np.array([[3.0, 0.5]]))
        assert sent == pytest.approx(step * factor * np.array([[6.0, 2.0]]))  # sums of floats
        assert np.array_equal(stepper.potential, sent) and np.array_equal(stepper.v, sent)


@pytest.mark.parametrize(
    ("reset", "potentials"),
    [
        # Inputs 3, 0, 0 at threshold 1, decay 0.5, v_reset None: a reset to 0.
        (Reset.HARD, [3.0, 0.0, 0.0]),
        (Reset.HARD_NEXT, [3.0, 0.0, 0.0]),
        (Reset.SUBTRACT, [3.0, 1.0, 0.5]),
        (Reset.SUBTRACT_NEXT, [3.0, 0.5, 0.25]),
    ],
)
def test_without_a_reset_value_it_is_zero(reset: Reset, potentials: list[float]) -> None:
    stepper = NeuronStepper(discrete(threshold=ONE, reset=reset), 1)
    told = []
    for value in (3.0, 0.0, 0.0):
        stepper(np.full((1, 2), value))
        told.append(float(stepper.potential[0, 0]))
    assert told == potentials


@pytest.mark.parametrize("reset", [Reset.HARD, Reset.HARD_NEXT])
def test_a_reset_goes_to_its_value(reset: Reset) -> None:
    stepper = NeuronStepper(discrete(threshold=ONE, reset=reset, v_reset=0.5 * ONE), 1)
    assert stepper(np.full((1, 2), 3.0)).all()
    stepper(np.zeros((1, 2)))
    assert stepper.potential.tolist() == [[0.25, 0.25] if reset is Reset.HARD else [0.5, 0.5]]


@pytest.mark.parametrize("dtype", [bool, np.float32, np.int64])
def test_a_delay_keeps_the_type_and_the_order(dtype: type) -> None:
    stepper = DelayStepper("late", np.array([0.0, 2.0]), (2,), 1, 9)
    assert stepper.past.shape == (3, 1, 2)
    sent = [stepper(np.array([[step % 2, step % 2]]).astype(dtype)) for step in range(1, 6)]
    assert {array.dtype for array in sent} == {np.dtype(dtype)}
    assert [array[0].tolist() for array in sent] == [[1, 0], [0, 0], [1, 1], [0, 0], [1, 1]]


def test_a_delay_is_kept_no_longer_than_the_run() -> None:
    stepper = DelayStepper("late", np.array([1.0, 1000.0]), (2,), 1, 4)
    assert stepper.past.shape == (5, 1, 2)
    sent = [stepper(np.ones((1, 2)))[0].tolist() for _ in range(4)]
    assert sent == [[0, 0], [1, 0], [1, 0], [1, 0]]


def test_a_delay_that_is_not_whole_is_refused() -> None:
    with pytest.raises(InputError) as told:
        DelayStepper("late", np.array([1.0, 2.5, 3.0]), (3,), 1, 9)
    assert str(told.value) == (
        "delay node 'late': got a delay of 2.5 steps, expected whole steps of dt. "
        "Choose a dt that divides every delay, or discretise the graph first."
    )
