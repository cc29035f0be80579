"""Splits and places: what drives them, and that placing by traffic shortens the ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from binary_synapse_networks import (
    affine,
    chain,
    convolutional_networks,
    dense_networks,
    machines,
    neurons,
    perceptron,
    spike_counts,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from axonc.targets.binary_synapse import (
    Architecture,
    BinarySynapse,
    Calibration,
    SequentialProgram,
    load_architecture,
)
from axonc.targets.binary_synapse.architecture import (
    ExternalMemory,
    MeshParameters,
    Packing,
    Schedule,
)
from axonc.targets.binary_synapse.placement import links_travelled, measured_traffic
from axonc.targets.binary_synapse.program import BinaryProgram, rows_of, stored_synapses
from axonc.targets.binary_synapse.projections import DenseProjection
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import (
    BIPOLAR,
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    Output,
    SumPool,
    Window,
)
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
        assert sum(len(rows_of(bank)) for bank in dense) <= size.axons
        bits = sum(stored_synapses(bank, block) for bank, block in banks)
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
                rng.choice([-1, 1], (4, 32, 3, 3)).astype(np.int8), BIPOLAR,
                Window((1, 1), ((1, 1), (1, 1)), (1, 1)),
            ),
            "neuron": neurons((4, 5, 5), rng),
            "output": Output((4, 5, 5)),
        }
    )  # fmt: skip
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
    stored = [stored_synapses(block.banks[0], block) for block in program.blocks]
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


def test_a_network_larger_than_the_chip_runs_in_parts() -> None:
    shipped = load_architecture("edge")
    machine = shipped.model_copy(
        update={
            "core": shipped.core.model_copy(update={"axons": 64, "neurons": 16}),
            "mesh": shipped.mesh.model_copy(update={"columns": 4, "rows": 2}),
        }
    )
    graph = perceptron([64, 64, 48, 48, 10])
    graph = replace(graph, edges=(*graph.edges, Edge("neuron1", "linear3", 1)))
    target = BinarySynapse(machine)
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    assert [list(part.program.reasons) for part in program.parts] == [
        ["neuron0", "neuron1"], ["neuron2", "neuron3"],
    ]  # fmt: skip
    spikes = spike_counts(graph, samples=3, steps=20)
    probes = [f"neuron{layer}" for layer in range(4)]
    run = target.run(program, spikes, probes=probes)
    expected = execute(graph, spikes, probes=probes)
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    for name in probes:
        np.testing.assert_array_equal(run.spikes[name], expected.spikes[name])
        np.testing.assert_array_equal(run.potentials[name], expected.potentials[name])

    signs = 64 * 64 + 64 * 48
    first = program.parts[0]
    assert signs < first.load_bits < signs + 2000
    assert first.load_cycles == -(-first.load_bits // 64)
    assert run.counters["cycles/load"] == 3 * sum(part.load_cycles for part in program.parts)
    fired = sum(int(expected.spikes[f"neuron{n}"].sum()) for n in range(4))
    assert run.counters["spikes"] == fired + int(spikes.sum())
    whole = BinarySynapse(shipped)
    whole_run = whole.run(whole.compile(graph), spikes)
    assert run.synaptic_operations == whole_run.synaptic_operations
    report = target.cost(program, run)
    assert report.energy[0].parts_pj["external_bit"] > 0
    assert report.cycles is not None and report.cycles.total == pytest.approx(run.cycles / 3)


def test_a_layer_larger_than_the_chip_runs_in_parts_of_its_own() -> None:
    rng = np.random.default_rng(2)
    graph = chain(
        {
            "input": Input((2, 8, 8)),
            "conv": IntegerConv(
                rng.choice([-1, 1], (6, 2, 3, 3)).astype(np.int8), BIPOLAR,
                Window((1, 1), ((1, 1), (1, 1)), (1, 1)),
            ),
            "neuron": neurons((6, 8, 8), rng),
            "pool": SumPool((4, 4), Window((4, 4), ((0, 0), (0, 0)), (1, 1))),
            "flatten": Flatten(),
            "linear": IntegerAffine(rng.choice([-1, 1], (10, 24)).astype(np.int8), BIPOLAR),
            "last": neurons((10,), rng),
            "output": Output((10,)),
        }
    )  # fmt: skip
    shipped = load_architecture("edge")
    machine = shipped.model_copy(
        update={
            "core": shipped.core.model_copy(update={"neurons": 50, "blocks": 1}),
            "mesh": MeshParameters(columns=3, rows=1),
        }
    )
    target = BinarySynapse(machine)
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    taken = [[block.layer for block in part.program.blocks] for part in program.parts]
    assert taken == [["neuron"] * 3, ["neuron"] * 3, ["neuron"] * 2, ["last"]]
    split = "8 blocks in 3 parts (384 neurons, a core holds 50)"
    assert program.summary()[-2:] == [("layer neuron", split), ("layer last", "1 block")]
    spikes = spike_counts(graph, samples=2, steps=5)
    run = target.run(program, spikes, probes=["neuron"])
    expected = execute(graph, spikes, probes=["neuron"])
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    np.testing.assert_array_equal(run.spikes["neuron"], expected.spikes["neuron"])
    np.testing.assert_array_equal(run.potentials["neuron"], expected.potentials["neuron"])
    whole = BinarySynapse(shipped)
    once = whole.run(whole.compile(graph), spikes)
    assert run.layers["neuron"]["neuron_updates"] == once.layers["neuron"]["neuron_updates"]
    assert run.synaptic_operations == once.synaptic_operations
    priced = [
        one.cost(each, done).energy[0].parts_pj["multiply_32bit"]
        for one, each, done in ((target, program, run), (whole, whole.compile(graph), once))
    ]
    assert priced[0] == pytest.approx(priced[1])


def test_sums_of_more_cores_than_there_are_are_done_in_turns() -> None:
    """12 inputs where a core has 4 axons, on a mesh of one core: three parts, two of them leave
    their 5 sums in external memory in each step, and the next begins with them."""
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"axons": 4, "blocks": 1, "event_overhead_cycles": 1})
    machine = shipped.model_copy(
        update={"core": core, "mesh": MeshParameters(columns=1, rows=1)},
    )
    graph = perceptron([12, 5])
    target = BinarySynapse(machine)
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    assert [part.exported for part in program.parts] == [{}, {}, {"neuron0 (out)": "neuron0"}]
    assert program.summary()[-1] == (
        "layer neuron0", "3 blocks in 3 parts (12 axons, a core has 4)"
    )  # fmt: skip
    spikes = np.zeros((2, 6, 12), bool)
    run = target.run(program, spikes)
    # Without spikes, all that cores take are the sums: 2 cycles each (overhead and one access).
    assert run.counters["partial_sums"] == run.counters["sums_from_host"] == 2 * 6 * 2 * 5
    assert run.counters["sums_to_host"] == 2 * 6 * 2 * 5
    assert [totals.core_walk_cycles.tolist() for totals in run.part_totals] == [
        [0], [2 * 6 * 5 * 2], [2 * 6 * 5 * 2],
    ]  # fmt: skip
    assert [totals.first_output_cycle.tolist() for totals in run.part_totals] == [[-1, -1]] * 3
    loaded = sum(part.load_bits for part in program.parts)
    sums = run.counters["sums_to_host"] * machine.core.accumulator_bits
    assert run.counters["read_bits/external"] == 2 * loaded + sums
    assert run.counters["write_bits/external"] == sums
    spikes = spike_counts(graph, samples=2, steps=6)
    run = target.run(program, spikes, probes=["neuron0"])
    expected = execute(graph, spikes, probes=["neuron0"])
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    np.testing.assert_array_equal(run.potentials["neuron0"], expected.potentials["neuron0"])
    placed = BinarySynapse(machine, Calibration(spikes)).compile(graph)
    np.testing.assert_array_equal(target.run(placed, spikes).spikes["output"], expected.output)


def test_an_external_memory_narrower_than_a_sum_is_refused() -> None:
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"axons": 4, "blocks": 1, "accumulator_bits": 14})
    machine = shipped.model_copy(
        update={
            "core": core, "mesh": MeshParameters(columns=1, rows=1),
            "external_memory": ExternalMemory(bits_per_cycle=9),
        }
    )  # fmt: skip
    with pytest.raises(LoweringError, match="= 9 is 5 less than the 14 bits of a partial sum"):
        BinarySynapse(machine).compile(perceptron([12, 5]))


def loop_on_one_core(**changes: Any) -> tuple[BinarySynapse, Graph]:
    """4 -> 4 -> 4 neurons where each layer takes the whole mesh, and the second feeds the first."""
    shipped = load_architecture("edge")
    update = {
        "core": shipped.core.model_copy(update={"blocks": 1}),
        "mesh": shipped.mesh.model_copy(update={"columns": 1, "rows": 1}),
    }
    graph = perceptron([4, 4, 4])
    graph = replace(graph, edges=(*graph.edges, Edge("neuron1", "linear0", 1)))
    return BinarySynapse(shipped.model_copy(update=update | changes)), graph


def test_parts_on_a_loop_take_turns_in_each_step() -> None:
    """In 3 steps each part is loaded 3 times, and its 4 membranes of 24 bits wait twice outside."""
    target, graph = loop_on_one_core()
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    assert [list(part.program.reasons) for part in program.parts] == [["neuron0"], ["neuron1"]]
    assert [part.state_bits for part in program.parts] == [4 * 24, 4 * 24]
    assert [part.state_cycles for part in program.parts] == [2, 2]  # 64 bits a cycle
    assert program.summary()[3] == (
        "parts 0 to 1",
        "take turns in each step, because spikes come back; between them 192 bits of state are "
        "saved and restored, in 4 cycles each",
    )
    run = target.run(program, np.zeros((5, 3, 4), bool))
    loads = sum(part.load_bits for part in program.parts)
    assert run.counters["read_bits/external"] == 5 * (3 * loads + 2 * 192)
    assert run.counters["write_bits/external"] == 5 * 2 * 192
    assert run.counters["cycles/load"] == 5 * 3 * sum(part.load_cycles for part in program.parts)
    assert run.counters["cycles/state"] == 5 * 2 * (4 + 4)
    report = target.cost(program, run)
    moved = run.counters["read_bits/external"] + run.counters["write_bits/external"]
    assert report.energy[0].counts["external_bit"] == moved / 5
    assert report.cycles is not None and report.cycles.parts["state"] == 16


@pytest.mark.parametrize(
    ("end", "held", "rounds"),
    [
        (2, [[0], [1, 2], [3, 4]], [[0], [1], [2]]),
        (3, [[0], [1, 2], [3], [4]], [[0], [1, 2], [3]]),
    ],
)
def test_layers_on_a_loop_keep_together(
    end: int, held: list[list[int]], rounds: list[list[int]]
) -> None:
    """Five layers on two cores, the second of which is fed by a later one: with it on the machine,
    or in turns, where nothing else is loaded in each step."""
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"blocks": 1})
    mesh = MeshParameters(columns=2, rows=1)
    target = BinarySynapse(shipped.model_copy(update={"core": core, "mesh": mesh}))
    graph = perceptron([4] * 6)
    back = Edge(f"neuron{end}", "linear1", 1)
    program = target.compile(replace(graph, edges=(*graph.edges, back)))
    assert isinstance(program, SequentialProgram)
    names = [[f"neuron{number}" for number in numbers] for numbers in held]
    assert [list(part.program.reasons) for part in program.parts] == names
    assert [list(numbers) for numbers in program.rounds] == rounds


def test_history_is_a_state_too() -> None:
    """Spikes of 4 neurons that come back to them 2 steps later wait outside with the membranes."""
    target, graph = loop_on_one_core()
    again = affine(4, 4, np.random.default_rng(0))
    edges = (*graph.edges, Edge("neuron0", "again", 2), Edge("again", "neuron0"))
    graph = Graph(graph.stage, graph.nodes | {"again": again}, edges)
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    assert [part.returned for part in program.parts] == [{}, {}]  # they do not leave the part
    assert [part.state_bits for part in program.parts] == [4 * 24 + 2 * 4, 4 * 24]


def test_a_recurrent_layer_over_parts_gets_its_own_spikes_from_outside() -> None:
    target, graph = loop_on_one_core()
    graph = perceptron([4, 1100])
    again = affine(1100, 1100, np.random.default_rng(0))
    edges = (*graph.edges, Edge("neuron0", "again", 1), Edge("again", "neuron0"))
    graph = Graph(graph.stage, graph.nodes | {"again": again}, edges)
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    assert len(program.parts) == 4  # two boxes, the sources of each in two chunks
    assert {name for part in program.parts for name in part.returned} == {"neuron0 (back)"}
    spikes = np.random.default_rng(1).random((2, 4, 4)) < 0.5
    run, expected = target.run(program, spikes), execute(graph, spikes)
    np.testing.assert_array_equal(run.spikes["output"], expected.output)


def test_parts_beside_a_loop_run_once() -> None:
    target, graph = loop_on_one_core()
    rng = np.random.default_rng(0)
    eager = {"threshold": np.array([0]), "current": None}
    nodes = {
        name: neurons((4,), rng, **eager) if name.startswith("neuron") else node
        for name, node in graph.nodes.items()
        if name != "output"
    }
    before = {"first": affine(4, 4, rng), "start": neurons((4,), rng, **eager)}
    after = {"last": affine(2, 4, rng), "end": neurons((2,), rng, **eager), "output": Output((2,))}
    edges = [edge for edge in graph.edges if edge.target != "output" and edge.source != "input"]
    names = ["input", "first", "start", "linear0"], ["neuron1", "last", "end", "output"]
    edges += [Edge(a, b) for row in names for a, b in zip(row, row[1:], strict=False)]
    graph = Graph(graph.stage, nodes | before | after, tuple(edges))
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    assert program.rounds == (range(0, 1), range(1, 3), range(3, 4))
    spikes = np.random.default_rng(1).random((3, 7, 4)) < 0.7
    run, expected = target.run(program, spikes), execute(graph, spikes)
    assert expected.output.any()
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    times = [1, 7, 7, 1]
    loads = [n * part.load_cycles for n, part in zip(times, program.parts, strict=True)]
    assert run.counters["cycles/load"] == 3 * sum(loads)


def test_a_pipelined_loop_over_parts_is_refused() -> None:
    target, graph = loop_on_one_core(schedule=Schedule.PIPELINED)
    with pytest.raises(LoweringError, match="spikes of 'neuron1' come back to it from a later"):
        target.compile(graph)
