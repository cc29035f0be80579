"""Costs without a chip, and prices, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from axonc.toolchain.cost import (
    EnergyProfile,
    Event,
    Memory,
    Stored,
    chipless_cost,
    float_memory,
    integer_memory,
    workload,
)
from axonc.toolchain.ir import (
    BIPOLAR,
    Affine,
    Edge,
    Graph,
    Input,
    IntegerAffine,
    IntegerNeuron,
    LeakyState,
    Neuron,
    Node,
    Output,
    Stage,
)
from axonc.toolchain.reference import execute

ONE = np.ones(1)


def integer_graph(current: bool = False) -> Graph:
    """Five inputs, three neurons of 10-bit membranes, currents of 7 bits, a threshold each."""
    signs = np.array([[1, -1, 1, 1, -1]] * 3, np.int8)
    nodes: dict[str, Node] = {
        "input": Input((5,)),
        "fc": IntegerAffine(signs, BIPOLAR),
        "neuron": IntegerNeuron(
            (3,),
            np.array([1, 2, 3]),
            np.array([0]),
            np.array([0]),
            LeakyState(np.array([1]), 1, -512, 511),
            LeakyState(np.array([1]), 1, -64, 63) if current else None,
        ),
        "output": Output((3,)),
    }
    return _row(Stage.INTEGER, nodes)


def real_graph(bias: bool, threshold: bool, current: bool) -> Graph:
    nodes: dict[str, Node] = {
        "input": Input((5,)),
        "fc": Affine(np.ones((3, 5)), np.arange(3.0) if bias else None),
        "neuron": Neuron(
            (3,),
            0.5 * ONE,
            ONE,
            0 * ONE,
            np.array([1.0, 2.0, 3.0]) if threshold else None,
            current_decay=0.5 * ONE if current else None,
            current_gain=ONE if current else None,
        ),
        "output": Output((3,)),
    }
    return _row(Stage.DISCRETE, nodes)


def _row(stage: Stage, nodes: dict[str, Node]) -> Graph:
    names = list(nodes)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(stage, nodes, edges)


@pytest.mark.parametrize("current", [False, True])
def test_integer_memory(current: bool) -> None:
    assert integer_memory(integer_graph(current)).parts == {
        Stored("fc", Memory.SYNAPSES): 15,
        Stored("neuron", Memory.MEMBRANES): 3 * (10 + 7 * current),
        Stored("neuron", Memory.PARAMETERS): 3 * 10,
    }


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("threshold", [False, True])
@pytest.mark.parametrize("current", [False, True])
def test_float_memory(bias: bool, threshold: bool, current: bool) -> None:
    expected = {
        Stored("fc", Memory.SYNAPSES): 15 * 32,
        Stored("neuron", Memory.MEMBRANES): (6 if current else 3) * 32,
        Stored("neuron", Memory.PARAMETERS): (3 if threshold else 1) * 32,
    }
    if bias:
        expected[Stored("fc", Memory.PARAMETERS)] = 3 * 32
    assert float_memory(real_graph(bias, threshold, current)).parts == expected


def test_an_integer_graph_costs_its_own_arithmetic() -> None:
    graph = integer_graph()
    spikes = np.zeros((2, 4, 5), bool)
    spikes[:, 1, :3] = True
    done = execute(graph, spikes)
    work = workload(graph, done.arrivals, done.spike_counts, done.samples, done.steps)
    report = chipless_cost(graph, work, "here")
    assert (report.target, report.memory_bits) == ("here", integer_memory(graph))
    assert report.synaptic_operations is not None and report.neuron_updates is not None
    assert report.synaptic_operations.parts == {"fc": 9}  # three spikes at three neurons
    assert report.neuron_updates.parts == {"neuron": 12}
    assert report.multiplications is None
    assert report.spikes is not None and report.spikes.parts["input"] == 3
    (energy,) = report.energy
    assert energy.profile.startswith("horowitz-45nm") and "int16" in energy.profile
    assert energy.counts == {Event.SYNAPTIC_OPERATION: 9, Event.NEURON_UPDATE: 12}
    assert report.notes == (
        "energy is arithmetic alone: no memory access, no transport, no static power",
    )


def test_real_input_is_multiplied() -> None:
    graph = real_graph(bias=False, threshold=True, current=False)
    done = execute(graph, np.full((2, 4, 5), 0.5))
    work = workload(graph, done.arrivals, done.spike_counts, done.samples, done.steps)
    report = chipless_cost(graph, work, "float32")
    assert report.memory_bits == float_memory(graph)
    assert report.multiplications is not None
    assert report.multiplications.parts == {"fc": 4 * 15}
    (energy,) = report.energy
    assert "float32" in energy.profile
    assert energy.counts[Event.MULTIPLY_ACCUMULATE] == 60


@pytest.mark.parametrize("graph", [integer_graph(), real_graph(True, True, False)])
def test_without_a_run_there_is_memory_alone(graph: Graph) -> None:
    report = chipless_cost(graph, None, "here")
    own = integer_memory if graph.stage is Stage.INTEGER else float_memory
    assert (report.target, report.memory_bits, report.energy) == ("here", own(graph), ())
    assert report.synaptic_operations is report.spikes is report.neuron_updates is None


def test_an_estimate_carries_its_profile() -> None:
    text = """
    name = "made up"
    basis = "none"
    source = "this test"
    [event.spike_message]
    pj = 2.5
    [event.hop_east_west]
    pj = 4
    source = "elsewhere"
    """
    profile = EnergyProfile.from_toml(text, "made_up.toml")
    estimate = profile.price(
        {Event.SPIKE_MESSAGE: 4, Event.HOP_EAST_WEST: 0, Event.NEURON_UPDATE: 2}
    )
    assert (estimate.profile, estimate.basis, estimate.source) == ("made up", "none", "this test")
    assert estimate.counts == {Event.SPIKE_MESSAGE: 4, Event.NEURON_UPDATE: 2}
    assert dict(estimate.entries) == {Event.SPIKE_MESSAGE: profile.entries[Event.SPIKE_MESSAGE]}
    assert (estimate.unpriced, estimate.total_pj) == ((Event.NEURON_UPDATE,), None)
