"""Networks larger than the chip: parts one after the other, sums in turns, loops over parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from binary_synapse_networks import affine, chain, neurons, perceptron, spike_counts

from axonc.targets.binary_synapse import (
    BinarySynapse,
    Calibration,
    SequentialProgram,
    load_architecture,
)
from axonc.targets.binary_synapse.machine.architecture import (
    ExternalMemory,
    MeshParameters,
    Schedule,
)
from axonc.toolchain.cost import Access, Count, Memory, Phase, Way
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
        ["neuron0", "neuron1"],
        ["neuron2", "neuron3"],
    ]
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
    assert run.cycles.load == 3 * sum(part.load_cycles for part in program.parts)
    fired = sum(int(expected.spikes[f"neuron{n}"].sum()) for n in range(4))
    assert run.counters["spikes"] == fired + int(spikes.sum())
    whole = BinarySynapse(shipped)
    whole_run = whole.run(whole.compile(graph), spikes)
    assert run.synaptic_operations == whole_run.synaptic_operations
    report = target.cost(program, run)
    assert report.energy[0].parts_pj["external_bit"] > 0
    assert report.cycles is not None and report.cycles.total == pytest.approx(run.cycles.total / 3)


def test_a_layer_larger_than_the_chip_runs_in_parts_of_its_own() -> None:
    rng = np.random.default_rng(2)
    graph = chain(
        {
            "input": Input((2, 8, 8)),
            "conv": IntegerConv(
                rng.choice([-1, 1], (6, 2, 3, 3)).astype(np.int8),
                BIPOLAR,
                Window((1, 1), ((1, 1), (1, 1)), (1, 1)),
            ),
            "neuron": neurons((6, 8, 8), rng),
            "pool": SumPool((4, 4), Window((4, 4), ((0, 0), (0, 0)), (1, 1))),
            "flatten": Flatten(),
            "linear": IntegerAffine(rng.choice([-1, 1], (10, 24)).astype(np.int8), BIPOLAR),
            "last": neurons((10,), rng),
            "output": Output((10,)),
        }
    )
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
    machine = shipped.model_copy(update={"core": core, "mesh": MeshParameters(columns=1, rows=1)})
    graph = perceptron([12, 5])
    target = BinarySynapse(machine)
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    assert [part.exported for part in program.parts] == [{}, {}, {"neuron0 (out)": "neuron0"}]
    assert program.summary()[-1] == (
        "layer neuron0",
        "3 blocks in 3 parts (12 axons, a core has 4)",
    )
    spikes = np.zeros((2, 6, 12), bool)
    run = target.run(program, spikes)
    # Without spikes, all that cores take are the sums: 2 cycles each (overhead and one access).
    assert run.counters["partial_sums"] == run.counters["sums_from_host"] == 2 * 6 * 2 * 5
    assert run.counters["sums_to_host"] == 2 * 6 * 2 * 5
    assert [totals.core_walk_cycles.tolist() for totals in run.part_totals] == [
        [0],
        [2 * 6 * 5 * 2],
        [2 * 6 * 5 * 2],
    ]
    assert [totals.first_output_cycle.tolist() for totals in run.part_totals] == [[-1, -1]] * 3
    loaded = sum(part.load_bits for part in program.parts)
    sums = run.counters["sums_to_host"] * machine.core.accumulator_bits
    assert run.accesses[Access(Way.READ, Memory.EXTERNAL)] == 2 * loaded + sums
    assert run.accesses[Access(Way.WRITE, Memory.EXTERNAL)] == sums
    spikes = spike_counts(graph, samples=2, steps=6)
    run = target.run(program, spikes, probes=["neuron0"])
    expected = execute(graph, spikes, probes=["neuron0"])
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    np.testing.assert_array_equal(run.potentials["neuron0"], expected.potentials["neuron0"])
    bound = target.run(program, spikes, engine="analytic")
    assert bound.accesses == run.accesses  # on a mesh of one core nothing hops
    assert bound.counters[Count.OUTPUT_SPIKES] == run.spikes["output"].sum()
    placed = BinarySynapse(machine, Calibration(spikes)).compile(graph)
    np.testing.assert_array_equal(target.run(placed, spikes).spikes["output"], expected.output)


def test_an_external_memory_narrower_than_a_sum_is_refused() -> None:
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"axons": 4, "blocks": 1, "accumulator_bits": 14})
    machine = shipped.model_copy(
        update={
            "core": core,
            "mesh": MeshParameters(columns=1, rows=1),
            "external_memory": ExternalMemory(bits_per_cycle=9),
        }
    )
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
    assert run.accesses[Access(Way.READ, Memory.EXTERNAL)] == 5 * (3 * loads + 2 * 192)
    assert run.accesses[Access(Way.WRITE, Memory.EXTERNAL)] == 5 * 2 * 192
    assert run.cycles.load == 5 * 3 * sum(part.load_cycles for part in program.parts)
    assert run.cycles.state == 5 * 2 * (4 + 4)
    report = target.cost(program, run)
    moved = (
        run.accesses[Access(Way.READ, Memory.EXTERNAL)]
        + run.accesses[Access(Way.WRITE, Memory.EXTERNAL)]
    )
    assert report.energy[0].counts["external_bit"] == moved / 5
    assert report.cycles is not None and report.cycles.parts[Phase.STATE] == 16


@pytest.mark.parametrize(
    ("end", "held", "rounds"),
    [(2, [[0], [1, 2], [3, 4]], [[0], [1], [2]]), (3, [[0], [1, 2], [3], [4]], [[0], [1, 2], [3]])],
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
    assert run.cycles.load == 3 * sum(loads)


def test_a_pipelined_loop_over_parts_is_refused() -> None:
    target, graph = loop_on_one_core(schedule=Schedule.PIPELINED)
    with pytest.raises(LoweringError, match="spikes of 'neuron1' come back to it from a later"):
        target.compile(graph)
