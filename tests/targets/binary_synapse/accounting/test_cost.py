"""Memory, activity and energy: counted by hand on networks small enough for it."""

from __future__ import annotations

import numpy as np
import pytest
from binary_synapse_networks import chain, perceptron, spike_counts

from axonc.targets.binary_synapse import BinarySynapse, load_architecture
from axonc.targets.binary_synapse.accounting.cost import component_events, load_profile
from axonc.toolchain.cost import Access, Event, Memory, Stored, Way
from axonc.toolchain.ir import (
    Input,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    LeakyState,
    Output,
    Window,
    narrowest_type,
)


def test_memory_of_a_dense_network() -> None:
    target = BinarySynapse("edge")
    parts = target.cost(target.compile(perceptron([6, 5, 4]))).memory_bits.parts
    assert parts[Stored("linear0", Memory.SIGNS)] == 30
    assert parts[Stored("linear1", Memory.SIGNS)] == 20
    assert Stored("linear0", Memory.PRESENCE) not in parts
    assert parts[Stored("neuron0", Memory.MEMBRANES)] == 5 * 24
    assert parts[Stored("neuron0", Memory.ACCUMULATORS)] == 5 * 16
    assert parts[Stored("neuron0", Memory.THRESHOLDS)] == 24  # one for all neurons
    assert Stored("neuron0", Memory.BIASES) not in parts


def test_a_kernel_is_stored_once() -> None:
    kernel = np.array([1, -1, 0, 1, 1, 1, -1, 1, 1] * 2, np.int8).reshape(2, 1, 3, 3)
    graph = chain(
        {
            "input": Input((1, 9, 9)),
            "conv": IntegerConv(
                kernel, narrowest_type(kernel), Window((1, 1), ((1, 1), (1, 1)), (1, 1))
            ),
            "neuron": IntegerNeuron(
                (2, 9, 9),
                np.array([[[3]], [[4]]]),
                np.array([0]),
                np.array([0]),
                LeakyState(np.array([1]), 0, -128, 127),
            ),
            "output": Output((2, 9, 9)),
        }
    )
    target = BinarySynapse("edge")
    parts = target.cost(target.compile(graph)).memory_bits.parts
    assert parts[Stored("conv", Memory.SIGNS)] == parts[Stored("conv", Memory.PRESENCE)] == 18
    assert parts[Stored("neuron", Memory.THRESHOLDS)] == 2 * 24
    spikes = np.zeros((1, 1, 1, 9, 9), bool)
    spikes[0, 0, 0, 0, 0] = spikes[0, 0, 0, 4, 4] = True  # a corner (4 taps) and the middle (9)
    run = target.run(target.compile(graph), spikes)
    assert run.layers["conv"]["synapses_walked"] == 2 * (4 + 9)
    corner = np.count_nonzero(kernel[:, :, :2, :2])  # outputs (0, 0) to (1, 1) see kernel 1..0
    assert run.synaptic_operations == corner + np.count_nonzero(kernel)


def test_effective_operations_leave_absent_synapses_out() -> None:
    weight = np.array([[1, 0, -1], [0, 0, 1]], np.int8)
    graph = chain(
        {
            "input": Input((3,)),
            "linear": IntegerAffine(weight, narrowest_type(weight)),
            "neuron": IntegerNeuron(
                (2,),
                np.array([3]),
                np.array([0]),
                np.array([0]),
                LeakyState(np.array([1]), 0, -128, 127),
            ),
            "output": Output((2,)),
        }
    )
    target = BinarySynapse("edge")
    run = target.run(target.compile(graph), np.ones((2, 5, 3), bool))
    assert run.synaptic_operations == 2 * 5 * 3
    assert run.layers["linear"]["synapses_walked"] == 2 * 5 * 6


def test_energy_is_counts_times_sourced_prices() -> None:
    target = BinarySynapse("edge")
    program = target.compile(perceptron([20, 30, 5]))
    run = target.run(program, spike_counts(program.graph, samples=3))
    report = target.cost(program, run)
    horowitz, odin = report.energy
    assert odin.total_pj == pytest.approx(12.7 * run.counters["synapses_walked"] / 3)
    assert not horowitz.unpriced
    assert horowitz.total_pj == pytest.approx(sum(horowitz.parts_pj.values()))
    small = (
        sum(
            run.accesses.get(Access(Way(way), Memory(memory)), 0)
            for way in ("read", "write")
            for memory in ("accumulators", "fifos")
        )
        / 3
    )
    middle = (
        sum(
            run.accesses.get(Access(Way(way), Memory(memory)), 0)
            for way in ("read", "write")
            for memory in ("membranes", "thresholds", "biases")
        )
        / 3
    )
    # 1024 x 16 bits of accumulators, 1024 x 24 bits of membranes and 128 KB of signs.
    assert horowitz.parts_pj["memory_bit_8kb"] == pytest.approx((small + middle) * 10 / 64)
    assert horowitz.parts_pj["memory_bit_1mb"] == pytest.approx(
        run.accesses[Access(Way.READ, Memory.SIGNS)] / 3 * 100 / 64
    )
    assert report.cycles is not None
    assert report.cycles.total == pytest.approx(run.cycles.total / 3)


@pytest.mark.parametrize("name", ["horowitz_45nm", "odin_28nm"])
def test_every_price_has_a_source(name: str) -> None:
    profile = load_profile(name)
    assert profile.basis and profile.source
    assert all(entry.source for entry in profile.entries.values())


@pytest.mark.parametrize("with_current", [False, True])
@pytest.mark.parametrize("decays", [False, True])
def test_updates_are_additions_and_products(with_current: bool, decays: bool) -> None:
    """Sum, bias and compare; a product where the membrane leaks; one of each with a current."""
    weight = np.array([[1, -1, 1], [1, 1, 1]], np.int8)
    state = LeakyState(np.array([1 if decays else 2]), 1, -128, 127)
    neuron = IntegerNeuron(
        (2,),
        np.array([2]),
        np.array([0]),
        np.array([0]),
        state,
        LeakyState(np.array([1]), 1, -128, 127) if with_current else None,
    )
    nodes = {
        "input": Input((3,)),
        "linear": IntegerAffine(weight, narrowest_type(weight)),
        "neuron": neuron,
        "output": Output((2,)),
    }
    target = BinarySynapse("edge")
    program = target.compile(chain(nodes))
    run = target.run(program, np.ones((1, 7, 3), bool))
    counts = target.cost(program, run).energy[0].counts
    assert counts[Event.ADD_32BIT] == 2 * 7 * (3 + with_current)
    assert counts.get(Event.MULTIPLY_32BIT, 0) == 2 * 7 * (decays + with_current)
    assert counts[Event.ADD_16BIT] == 7 * 3 * 2  # sums of 16 bits, a synapse each


@pytest.mark.parametrize(
    ("memory", "width"),
    [
        (Memory.ACCUMULATORS, "accumulator_bits"),
        (Memory.MEMBRANES, "membrane_bits"),
        (Memory.CURRENTS, "current_bits"),
        (Memory.THRESHOLDS, "threshold_bits"),
        (Memory.BIASES, "bias_bits"),
    ],
)
@pytest.mark.parametrize(
    ("neurons", "event"),
    [
        (2048, Event.MEMORY_BIT_8KB),
        (2049, Event.MEMORY_BIT_32KB),
        (8192, Event.MEMORY_BIT_32KB),
        (8193, Event.MEMORY_BIT_1MB),
    ],
)
def test_a_memory_is_priced_as_the_smallest_that_holds_it(
    memory: Memory, width: str, neurons: int, event: Event
) -> None:
    edge = load_architecture("edge")
    core = edge.core.model_copy(update={"neurons": neurons, width: 32})
    read = {Access(Way.READ, memory): 5.0}
    events = component_events(edge.model_copy(update={"core": core}), read, additions=0)
    assert {which: count for which, count in events.items() if count} == {event: 5.0}
