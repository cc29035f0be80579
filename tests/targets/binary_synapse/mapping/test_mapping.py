"""Splits and places: what drives them, and that placing by traffic shortens the ways."""

from __future__ import annotations

import numpy as np
from binary_synapse_layouts import machines
from binary_synapse_networks import (
    chain,
    convolutional_networks,
    dense_networks,
    neurons,
    perceptron,
    spike_counts,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from axonc.targets.binary_synapse import Architecture, BinarySynapse, Calibration, load_architecture
from axonc.targets.binary_synapse.machine.architecture import MeshParameters, Packing, Schedule
from axonc.targets.binary_synapse.mapping.placement import links_travelled, measured_traffic
from axonc.targets.binary_synapse.program.program import BinaryProgram
from axonc.targets.binary_synapse.program.projections import DenseProjection
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import BIPOLAR, Graph, Input, IntegerConv, Output, Window
from axonc.toolchain.reference import execute


def test_reasons_name_what_drives_a_split() -> None:
    program = BinarySynapse("edge").compile(perceptron([2000, 1500, 10]))
    assert program.reasons == {
        "neuron0": "1500 neurons, a core holds 1024; 1500000 bits of synapses, a core holds "
        "1048576; 2000 axons, a core has 1024",
        "neuron1": "1500 axons, a core has 1024",
    }
    helpers = [block for block in program.blocks if block.helps is not None]
    assert len(helpers) == 3
    assert ("layer neuron0", "4 cores (" + program.reasons["neuron0"] + ")") in program.summary()


@settings(max_examples=60, deadline=None)
@given(convolutional_networks(), machines())
def test_boxes_cover_each_neuron_once_and_fit_their_core(
    graph: Graph, machine: Architecture
) -> None:
    try:
        program = BinarySynapse(machine).compile(graph)
    except LoweringError:
        assume(False)
    for name in program.reasons:
        owners = [b for b in program.blocks if b.layer == name and b.helps is None]
        ids = np.concatenate([block.box.flat_ids(block.grid) for block in owners])
        assert sorted(ids.tolist()) == list(range(int(np.prod(graph.shapes[name]))))
        assert all(block.box.volume <= machine.core.neurons for block in owners)
    assert len(set(program.positions)) == len(program.positions)


@settings(max_examples=60, deadline=None)
@given(st.one_of(dense_networks(), convolutional_networks()), machines())
def test_cores_hold_what_is_packed_into_them(graph: Graph, machine: Architecture) -> None:
    try:
        program = BinarySynapse(machine).compile(graph)
    except LoweringError:
        assume(False)
    size = machine.core
    for core in range(len(program.positions)):
        blocks = [program.blocks[number] for number in program.blocks_of(core)]
        banks = [(bank, block) for block in blocks for bank in block.banks]
        dense = [bank for bank, _ in banks if isinstance(bank.projection, DenseProjection)]
        assert 1 <= len(blocks) <= size.blocks
        assert sum(block.box.volume for block in blocks) <= size.neurons
        assert sum(len(bank.axons) for bank in dense) <= size.axons
        bits = sum(block.stored_synapses(bank) for bank, block in banks)
        assert bits <= size.synapse_capacity_bits
    alone = len(program.blocks) <= machine.cores and machine.packing is Packing.AS_NEEDED
    assert not alone or len(program.positions) == len(program.blocks)


def packed(network: Graph, blocks: int = 8, **changes: object) -> BinaryProgram:
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"blocks": blocks})
    machine = shipped.model_copy(update={"core": core, **changes})
    program = BinarySynapse(machine).compile(network)
    assert isinstance(program, BinaryProgram)
    return program


def test_small_layers_share_a_core_where_asked_or_needed() -> None:
    graph = perceptron([20, 30, 25, 5])
    assert [block.core for block in packed(graph).blocks] == [0, 1, 2]
    always = packed(graph, packing=Packing.ALWAYS)
    assert [block.core for block in always.blocks] == [0, 0, 0]
    assert ("layer neuron1", "1 core, shared with neuron0, neuron2") in always.summary()
    assert ("packing", "3 blocks of neurons share 1 core") in always.summary()
    assert len(packed(graph, blocks=2, packing=Packing.ALWAYS).positions) == 2
    mesh = MeshParameters(columns=2, rows=1)
    assert [block.core for block in packed(graph, mesh=mesh).blocks] == [0, 1, 0]


def test_a_packed_core_updates_the_blocks_whose_turn_it_is() -> None:
    """Phase overhead 2 and 8 lanes: 30 neurons 2 + 4 cycles in wave 0, 5 neurons 2 + 1 in wave 1;
    pipelined, from the second step on, both in one phase: 2 + 4 + 1."""
    graph = perceptron([20, 30, 5])
    spikes = np.zeros((1, 3, 20), bool)
    for schedule, expected in (("within-step", [18, 9]), ("pipelined", [3 * 6, 2 + 1 + 2 * 1])):
        program = packed(graph, packing=Packing.ALWAYS, schedule=Schedule(schedule))
        run = BinarySynapse(program.architecture).run(program, spikes)
        assert run.totals.block_phase_cycles.tolist() == expected
        barrier = program.architecture.barrier_cycles
        if schedule == "pipelined":
            # Step 0 fires nothing, 1 the first layer, 2 and 3 both, 4 the second.
            lengths = [0, 6, 7, 7, 3]
            assert run.totals.step_cycles[0].tolist() == [n + barrier for n in lengths]


def test_a_convolution_larger_than_a_core_is_summed_in_parts() -> None:
    """32 channels x 3 x 3 = 288 bits a neuron where a core holds 100: three chunks of channels."""
    rng = np.random.default_rng(1)
    graph = chain(
        {
            "input": Input((32, 5, 5)),
            "conv": IntegerConv(
                rng.choice([-1, 1], (4, 32, 3, 3)).astype(np.int8),
                BIPOLAR,
                Window((1, 1), ((1, 1), (1, 1)), (1, 1)),
            ),
            "neuron": neurons((4, 5, 5), rng),
            "output": Output((4, 5, 5)),
        }
    )
    shipped = load_architecture("edge")
    machine = shipped.model_copy(
        update={"core": shipped.core.model_copy(update={"synapse_capacity_bits": 100})}
    )
    target = BinarySynapse(machine)
    program = target.compile(graph)
    assert isinstance(program, BinaryProgram)
    assert program.reasons["neuron"] == (
        "1152 bits of synapses, a core holds 100; 288 synapse bits a neuron, a core holds 100"
    )
    owners = [block for block in program.blocks if block.helps is None]
    assert len(owners) == 4 and len(program.blocks) == 12
    taken = [block.banks[0].accepts.channels for block in program.blocks[:3]]
    assert taken == [(0, 10), (10, 21), (21, 32)]
    stored = [block.stored_synapses(block.banks[0]) for block in program.blocks]
    assert sum(stored) == 4 * 32 * 9 and max(stored) <= 100
    spikes = spike_counts(graph, samples=2, steps=5)
    run = target.run(program, spikes, probes=["neuron"])
    expected = execute(graph, spikes, probes=["neuron"])
    np.testing.assert_array_equal(run.potentials["neuron"], expected.potentials["neuron"])
    whole = BinarySynapse("edge")
    assert run.synaptic_operations == whole.run(whole.compile(graph), spikes).synaptic_operations
    assert run.counters["partial_sums"] == 2 * 5 * 8 * 25


def test_placing_by_traffic_shortens_the_ways() -> None:
    shipped = load_architecture("edge")
    machine = shipped.model_copy(
        update={"core": shipped.core.model_copy(update={"axons": 64, "neurons": 16})}
    )
    graph = perceptron([64, 64, 48, 48, 10])
    spikes = spike_counts(graph, samples=3, steps=20)
    in_order = BinarySynapse(machine).compile(graph)
    placed = BinarySynapse(machine, Calibration(spikes)).compile(graph)
    run = BinarySynapse(machine).run(in_order, spikes, probes=[*in_order.reasons])
    rasters = {name: run.spikes[name] for name in in_order.reasons} | {"input": spikes}
    traffic = measured_traffic(in_order, rasters)
    assert links_travelled(placed, traffic) < 0.8 * links_travelled(in_order, traffic)
    again = BinarySynapse(machine, Calibration(spikes)).compile(graph)
    assert again.positions == placed.positions

    target = BinarySynapse(machine)
    one, two = target.run(in_order, spikes), target.run(placed, spikes)
    np.testing.assert_array_equal(one.spikes["output"], two.spikes["output"])
    assert one.counters["flits"] == two.counters["flits"]
    assert one.counters["hops"] == links_travelled(in_order, traffic)
    assert two.counters["hops"] == links_travelled(placed, traffic)
