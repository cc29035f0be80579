"""The reference against equations written out in plain Python, one neuron at a time."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.toolchain.ir import (
    IF,
    LIF,
    CubaLIF,
    Delay,
    Dialect,
    Edge,
    Graph,
    IFConvention,
    Input,
    IntegerNeuron,
    Integrator,
    LeakyState,
    Node,
    Output,
    Overflow,
    Reset,
    Rounding,
    Stage,
    WInConvention,
)
from axonc.toolchain.passes import discrete_neuron
from axonc.toolchain.reference import execute

DRIVE = [1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]


def one(node: Node, stage: Stage, dialect: Dialect | None = None) -> Graph:
    nodes = {"input": Input((1,)), "neuron": node, "output": Output((1,))}
    return Graph(stage, nodes, (Edge("input", "neuron"), Edge("neuron", "output")), dialect)


def traces(graph: Graph, drive: list[float]) -> tuple[list[bool], list[float]]:
    recording = execute(graph, np.array(drive).reshape(1, -1, 1), probes=["neuron"])
    return recording.output[0, :, 0].tolist(), recording.potentials["neuron"][0, :, 0].tolist()


def param(x: float) -> np.ndarray:
    return np.array([x])


@pytest.mark.parametrize("integrator", Integrator)
@pytest.mark.parametrize("reset", [Reset.HARD, Reset.SUBTRACT])
def test_lif(integrator: Integrator, reset: Reset) -> None:
    tau, r, leak, threshold, v_reset, dt = 5e-3, 3.0, 0.1, 0.8, -0.2, 1e-3
    node = LIF((1,), param(tau), param(r), param(leak), param(threshold), param(v_reset))
    spikes, potentials = traces(one(node, Stage.IMPORTED, Dialect(dt, integrator, reset)), DRIVE)
    v = 0.0
    for x, spike, potential in zip(DRIVE, spikes, potentials, strict=True):
        k = dt / tau
        if integrator is Integrator.EULER:
            u = v + k * (leak - v + r * x)
        else:
            pulse = {
                Integrator.EXPONENTIAL: 1 - exp(-k),
                Integrator.EXPONENTIAL_DELTA: k,
                Integrator.EXPONENTIAL_JUMP: 1,
            }[integrator]
            u = leak + exp(-k) * (v - leak) + pulse * r * x
        assert potential == pytest.approx(u, abs=1e-12)  # the same float64 sum in another order
        assert spike == (u > threshold)
        v = u if not spike else (v_reset if reset is Reset.HARD else u - threshold)
    assert any(spikes)


@pytest.mark.parametrize(
    ("convention", "dt"), [(IFConvention.PER_STEP, 1), (IFConvention.PER_SECOND, 0.5)]
)
def test_integrate_and_fire_conventions(convention: IFConvention, dt: float) -> None:
    node = IF((1,), param(1.0), param(1.9), param(0.0))
    graph = one(node, Stage.IMPORTED, Dialect(dt, if_convention=convention))
    spikes, _ = traces(graph, [1.0] * 8)
    assert spikes == [(t + 1) * dt % 2 == 0 for t in range(8)]


def test_a_spike_needs_more_than_the_threshold() -> None:
    spikes, _ = traces(
        one(IF((1,), param(1.0), param(2.0), param(0.0)), Stage.IMPORTED, Dialect(1)), [1.0] * 6
    )
    assert spikes == [False, False, True, False, False, True]


def test_the_synapse_moves_before_the_membrane() -> None:
    node = CubaLIF(
        (1,),
        tau_syn=param(2.0),
        tau_mem=param(4.0),
        r=param(2.0),
        v_leak=param(0.0),
        w_in=param(2.0),
        v_threshold=param(1.0),
        v_reset=param(0.0),
    )
    spikes, potentials = traces(one(node, Stage.IMPORTED, Dialect(1.0)), DRIVE)
    i = v = 0.0
    for x, spike, potential in zip(DRIVE, spikes, potentials, strict=True):
        i = i + 0.5 * (-i + 2.0 * x)
        u = v + 0.25 * (-v + 2.0 * i)
        assert potential == pytest.approx(u, abs=1e-12)
        assert spike == (u > 1.0)
        v = 0.0 if spike else u
    assert any(spikes)


@pytest.mark.parametrize("integrator", [Integrator.EULER, Integrator.EXPONENTIAL])
def test_a_current_may_jump_by_w_in(integrator: Integrator) -> None:
    node = CubaLIF(
        (1,),
        tau_syn=param(2.0),
        tau_mem=param(4.0),
        r=param(2.0),
        v_leak=param(0.0),
        w_in=param(1.0),
        v_threshold=param(1.0),
        v_reset=param(0.0),
    )
    dialect = Dialect(1.0, integrator, w_in=WInConvention.JUMP)
    graph = one(node, Stage.IMPORTED, dialect)
    spikes, potentials = traces(graph, DRIVE)
    discrete = Graph(
        Stage.DISCRETE, {**graph.nodes, "neuron": discrete_neuron(node, dialect)}, graph.edges
    )
    assert traces(discrete, DRIVE)[0] == spikes
    i = v = 0.0
    for x, spike, potential in zip(DRIVE, spikes, potentials, strict=True):
        if integrator is Integrator.EULER:
            i = 0.5 * i + x
            u = v + 0.25 * (-v + 2.0 * i)
        else:
            i = exp(-0.5) * i + x
            u = exp(-0.25) * v + (1 - exp(-0.25)) * 2.0 * i
        assert potential == pytest.approx(u, abs=1e-12)
        v = 0.0 if spike else u
    assert any(spikes)


def test_the_delayed_subtracting_reset() -> None:
    node = IF((1,), param(1.0), param(1.5), param(0.0))
    graph = one(node, Stage.IMPORTED, Dialect(1.0, reset=Reset.SUBTRACT_NEXT))
    spikes, potentials = traces(graph, [1.0] * 6)
    v, fired = 0.0, False
    for spike, potential in zip(spikes, potentials, strict=True):
        v = v + 1.0 - (1.5 if fired else 0.0)
        fired = v > 1.5
        assert (spike, potential) == (fired, pytest.approx(v))


def test_the_hard_reset_that_loses_a_step() -> None:
    node = IF((1,), param(1.0), param(1.5), param(-1.0))
    graph = one(node, Stage.IMPORTED, Dialect(1.0, reset=Reset.HARD_NEXT))
    spikes, potentials = traces(graph, [1.0] * 7)
    assert potentials == [1, 2, -1, 0, 1, 2, -1]
    assert spikes == [u > 1.5 for u in potentials]


def shifted(x: int, shift: int, rounding: Rounding) -> int:
    if rounding is Rounding.FLOOR:
        return x >> shift
    return (1 if x > 0 else -1) * (abs(x) >> shift)


def fitted(x: int, low: int, high: int, overflow: Overflow) -> int:
    if overflow is Overflow.SATURATE:
        return min(max(x, low), high)
    while x > high:
        x -= high - low + 1
    while x < low:
        x += high - low + 1
    return x


@settings(max_examples=60, deadline=None)
@given(
    drive=st.lists(st.integers(-30, 30), min_size=1, max_size=20),
    multiplier=st.integers(0, 8),
    current=st.none() | st.integers(0, 4),
    rounding=st.sampled_from(Rounding),
    overflow=st.sampled_from(Overflow),
    reset=st.sampled_from([Reset.HARD, Reset.SUBTRACT]),
    threshold=st.integers(-5, 60),
    bias=st.integers(-20, 20),
    fraction=st.integers(0, 3),
)
def test_integer_neuron(
    drive: list[int],
    multiplier: int,
    current: int | None,
    rounding: Rounding,
    overflow: Overflow,
    reset: Reset,
    threshold: int,
    bias: int,
    fraction: int,
) -> None:
    low, high = -100, 99
    state = LeakyState(np.array([multiplier]), 3, low, high, rounding, overflow)
    synapse = None
    if current is not None:
        synapse = LeakyState(np.array([current]), 2, low, high, rounding, overflow)
    node = IntegerNeuron(
        (1,),
        np.array([threshold]),
        np.array([bias]),
        np.array([2]),
        state,
        synapse,
        fraction,
        reset,
    )
    recording = execute(
        one(node, Stage.INTEGER), np.array(drive).reshape(1, -1, 1), probes=["neuron"]
    )
    v = i = overflows = 0
    for t, a in enumerate(drive):
        i_exact = a * 2**fraction
        if current is not None:
            i_exact += shifted(i * current, 2, rounding)
            i = fitted(i_exact, low, high, overflow)
            overflows += i != i_exact
        else:
            i = i_exact
        exact = shifted(v * multiplier, 3, rounding) + i + bias
        u = fitted(exact, low, high, overflow)
        overflows += u != exact
        z = u > threshold
        assert recording.potentials["neuron"][0, t, 0] == u
        assert recording.output[0, t, 0] == z
        v = u if not z else (2 if reset is Reset.HARD else u - threshold)
    assert recording.overflows == {"neuron": overflows}


def test_a_held_neuron_is_compared_with_one_threshold_less() -> None:
    node = IF((1,), param(1.0), param(1.0), param(0.0))
    graph = one(node, Stage.IMPORTED, Dialect(1.0, reset=Reset.SUBTRACT_HELD))
    spikes, _ = traces(graph, [5.0, 0.0, 0.0, 0.0])
    v, held, expected = 0.0, False, []
    for x in [5.0, 0.0, 0.0, 0.0]:
        u = v + x
        expected.append(u - held > 1.0)
        v = u - expected[-1]
        held = v > 1.0
    assert spikes == expected


def test_delays_are_per_neuron_and_start_silent() -> None:
    nodes = {
        "input": Input((3,)),
        "delay": Delay(np.array([0.0, 1.0, 3.0])),
        "output": Output((3,)),
    }
    graph = Graph(Stage.DISCRETE, nodes, (Edge("input", "delay"), Edge("delay", "output")))
    spikes = np.arange(1, 16).reshape(1, 5, 3)
    late = execute(graph, spikes).output[0]
    assert late[:, 0].tolist() == spikes[0, :, 0].tolist()
    assert late[:, 1].tolist() == [0, *spikes[0, :-1, 1]]
    assert late[:, 2].tolist() == [0, 0, 0, *spikes[0, :-3, 2]]
