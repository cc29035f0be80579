"""The compiled simulator against the integer reference (every bin) and the naive machine (every
cycle, flit and wait)."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from binary_synapse_machine import MachineModel, run_parts
from binary_synapse_networks import (
    convolutional_networks,
    convolutions_in_parts,
    counts_by_input,
    dense_networks,
    loops_over_parts,
    machines,
    perceptron,
    shared_cores,
    spike_counts,
    sums_in_turns,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from axonc.targets.base import Run
from axonc.targets.binary_synapse import (
    Architecture,
    BinarySynapse,
    Calibration,
    load_architecture,
)
from axonc.targets.binary_synapse.architecture import Dataflow, MeshParameters, Packing
from axonc.targets.binary_synapse.execution import parts_of, rounds_of
from axonc.targets.binary_synapse.memory import memory_bits, spike_bits
from axonc.targets.binary_synapse.placement import links_travelled, measured_traffic
from axonc.targets.binary_synapse.program import BinaryProgram, Box, Route
from axonc.targets.binary_synapse.projections import Grid, population_grids
from axonc.targets.binary_synapse.sequential import SequentialProgram
from axonc.targets.binary_synapse.simulator.behaviour import simulate_behaviour
from axonc.targets.binary_synapse.simulator.flits import LOCAL, PORTS
from axonc.targets.binary_synapse.simulator.lone_sender import new_places
from axonc.targets.binary_synapse.simulator.run import (
    Totals,
    deadlock_text,
    empty_mesh,
    simulate_batch,
)
from axonc.targets.binary_synapse.simulator.timing import EVERY_CYCLE, simulate_timing
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import Edge, Graph, IntegerNeuron, Output
from axonc.toolchain.reference import execute


def compiled(graph: Graph, machine: Architecture):  # type: ignore[no-untyped-def]
    target = BinarySynapse(machine)
    try:
        return target, target.compile(graph)
    except LoweringError:
        assume(False)


EXAMPLES = int(os.environ.get("AXONC_BINARY_SYNAPSE_EXAMPLES", "100"))
"""Networks and machines of each of the two main tests; see docs/binary_synapse.md."""

NETWORKS = st.one_of(dense_networks(), convolutional_networks())
WHOLE = st.one_of(st.tuples(NETWORKS, machines()), convolutions_in_parts(), shared_cores())
IN_PARTS = st.tuples(NETWORKS, machines(external_memory={"bits_per_cycle": 256}))
LARGER = st.one_of(IN_PARTS, sums_in_turns(), loops_over_parts())
LAYOUTS = st.one_of(WHOLE, shared_cores(), LARGER)
Layout = tuple[Graph, Architecture]


@settings(max_examples=EXAMPLES, deadline=None)
@given(LAYOUTS, st.integers(1, 3))
def test_every_bin_equals_the_reference(layout: Layout, most: int) -> None:
    """Whether the network is on the mesh as a whole, packed, or runs part by part."""
    graph, machine = layout
    target, program = compiled(graph, machine)
    counts = counts_by_input(graph, most=most)
    probes = [name for name, node in graph.nodes.items() if isinstance(node, IntegerNeuron)]
    run = target.run(program, counts, probes=probes)
    expected = execute(graph, counts, probes=probes)
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    for name in probes:
        np.testing.assert_array_equal(run.spikes[name], expected.spikes[name])
        np.testing.assert_array_equal(run.potentials[name], expected.potentials[name])
    overflows = {name: run.layers[name]["overflows"] for name in probes}
    assert overflows == {name: expected.overflows[name] for name in probes}
    for name in probes:  # nobody is updated twice or never, whatever part it lies in
        assert run.layers[name]["neuron_updates"] == expected.spikes[name].size
        assert run.layers[name]["spikes"] == expected.spikes[name].sum()


@settings(max_examples=EXAMPLES, deadline=None)
@given(LAYOUTS)
def test_every_cycle_equals_the_naive_machine(layout: Layout) -> None:
    """Of every part; the naive machine runs those on a loop a step at a time, one after another."""
    graph, machine = layout
    target, program = compiled(graph, machine)
    assume(len(parts_of(program)) <= 15)  # the naive machine is slow
    counts = counts_by_input(graph, samples=1, steps=4)
    probes = [name for name, node in graph.nodes.items() if isinstance(node, IntegerNeuron)]
    run = target.run(program, counts)
    fired = counts | execute(graph, counts, probes=probes).spikes
    flat = {name: values.reshape(*values.shape[:2], -1) for name, values in fired.items()}
    models = run_parts(rounds_of(program), {name: flat[name][0] for name in counts})
    for part, totals, model in zip(parts_of(program), run.part_totals, models, strict=True):
        sums = np.array(model.sums)[None] if part.program.resuming is not None else None
        inputs = part.inputs(flat)
        slow = simulate_batch(part.program, inputs, spikes_of=[], sums=sums, method=EVERY_CYCLE)
        assert_same_cycles(totals, model)
        assert_same_cycles(slow.totals, model)
        if part.program.handing_on is not None:
            np.testing.assert_array_equal(slow.sums[0], model.handed_on)
    bound = target.run(program, counts, engine="analytic")
    assert 0 < (bound.cycles or 0) <= (run.cycles or 0)

    # The energy is the sum of its parts, and each part a count times its price.
    horowitz, odin = target.cost(program, run).energy
    assert horowitz.total_pj == pytest.approx(sum(horowitz.parts_pj.values()))
    assert odin.total_pj == pytest.approx(12.7 * run.counters["synapses_walked"])
    parts = [count for name, count in run.counters.items() if name.startswith("cycles/")]
    cycles = sum(sum(model.cycles_of_step) for model in models)
    assert sum(parts) == run.cycles == cycles + transferred(program, run, models)

    spikes = dict.fromkeys(probes, 0)
    for block in (block for model in models for block in model.blocks):
        spikes[block.block.layer] += sum(map(len, block.fired.values()))
    assert spikes == {name: run.layers[name]["spikes"] for name in probes}


@settings(max_examples=40, deadline=None)
@given(WHOLE)
def test_every_arbiter_is_at_rest_when_a_turn_begins(layout: Layout) -> None:
    """On large meshes too, where arbiters have more to remember than on those of loops."""
    graph, machine = layout
    target, program = compiled(graph, machine)
    program = replace(program, in_turns=True)
    counts = counts_by_input(graph, samples=1, steps=4, most=3)
    flat = {name: values[0].reshape(4, -1) for name, values in counts.items()}
    (model,) = run_parts(rounds_of(program), flat)
    assert_same_cycles(target.run(program, counts).totals, model)


def transferred(
    program: BinaryProgram | SequentialProgram, run: Run, models: list[MachineModel]
) -> int:
    """Check the bits that pass through the external memory; return the cycles of loads and states.

    A part on a loop comes to the machine in each step, and leaves its state there but at the end.
    """
    if isinstance(program, BinaryProgram):
        return 0
    machine = program.architecture
    width = machine.external_memory.bits_per_cycle  # type: ignore[union-attr]
    spike = spike_bits(population_grids(program.graph))
    cycles = read = written = 0
    for part, model in zip(program.parts, models, strict=True):
        turns = model.steps if model.program.in_turns else 1
        loads, state = part.load_bits, model.state_bits()
        cycles += turns * -(-loads // width) + 2 * (turns - 1) * -(-state // width)
        read += turns * loads + (turns - 1) * state
        written += (turns - 1) * state
        sums = sum(map(len, model.sums)) if part.program.resuming is not None else 0
        read += sums * machine.core.accumulator_bits + (model.host_flits - sums) * spike
        written += len(model.arrivals) * spike
        written += sum(map(len, model.handed_on)) * machine.core.accumulator_bits
    assert run.counters["read_bits/external"] == read
    assert run.counters["write_bits/external"] == written
    assert run.counters["cycles/load"] + run.counters.get("cycles/state", 0) == cycles
    return cycles


@settings(max_examples=40, deadline=None)
@given(LAYOUTS)
def test_placing_changes_no_bin_and_measures_what_travels(layout: Layout) -> None:
    graph, machine = layout
    counts = counts_by_input(graph, samples=2, steps=4)
    compiled(graph, machine)  # refused ones are not placed either
    target = BinarySynapse(machine, Calibration(counts))
    program = target.compile(graph)
    probes = [name for name, node in graph.nodes.items() if isinstance(node, IntegerNeuron)]
    run, expected = target.run(program, counts), execute(graph, counts, probes=probes)
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    fired = {name: raster.astype(int) for name, raster in (counts | expected.spikes).items()}
    flat = {name: values.reshape(*values.shape[:2], -1) for name, values in fired.items()}
    for part, totals in zip(parts_of(program), run.part_totals, strict=True):
        whole = part.program
        lines = [line for lines in whole.block_routes for line in lines]
        lines += [line for lines in whole.host_routes.values() for line in lines]
        if any(len(whole.banks_by_core(line)) > 1 for line in lines):
            continue  # shared links are crossed once
        travelled = int(totals.link_flits.reshape(-1, PORTS)[:, :LOCAL].sum())
        known = part.inputs(flat) | {name: flat[name] for name in whole.reasons}
        traffic = measured_traffic(whole, known)
        assert travelled <= links_travelled(whole, traffic)
        if not any(line.delay_steps for line in lines):  # else some come after the end
            assert travelled == links_travelled(whole, traffic)


def assert_same_cycles(totals: Totals, model: MachineModel) -> None:
    np.testing.assert_array_equal(totals.step_cycles[0], model.cycles_of_step)
    np.testing.assert_array_equal(totals.phase_cycles, model.cycles_of_phase)
    np.testing.assert_array_equal(totals.step_phases.sum(axis=1), model.cycles_of_step)
    np.testing.assert_array_equal(np.cumsum(totals.step_causes, axis=0), model.counted)
    np.testing.assert_array_equal(totals.core_walk_cycles, [core.walk for core in model.cores])
    np.testing.assert_array_equal(totals.core_events, [core.taken for core in model.cores])
    np.testing.assert_array_equal(totals.block_walk_cycles, [b.walk for b in model.blocks])
    np.testing.assert_array_equal(totals.block_phase_cycles, [b.phase for b in model.blocks])
    np.testing.assert_array_equal(totals.core_events_most, [core.most for core in model.cores])
    links = sorted(model.link_flits, key=lambda link: (link[1], link[0], link[2]))
    np.testing.assert_array_equal(totals.link_flits, [model.link_flits[link] for link in links])
    np.testing.assert_array_equal(totals.link_waits, [model.link_waits[link] for link in links])
    np.testing.assert_array_equal(totals.sender_waits, [s.waits for s in model._senders()])
    assert totals.unit_waits.sum() == totals.sender_waits.sum()
    ends = (model.arrivals[0], model.arrivals[-1]) if model.arrivals else (-1, -1)
    assert (totals.first_output_cycle[0], totals.last_output_cycle[0]) == ends


def line_of_cores(multicast: bool) -> BinarySynapse:
    """Four cores of two neurons in a row, the host at the left end."""
    shipped = load_architecture("edge")
    mesh = MeshParameters(columns=4, rows=1, multicast=multicast)
    core = shipped.core.model_copy(update={"neurons": 2, "blocks": 1})
    return BinarySynapse(shipped.model_copy(update={"core": core, "mesh": mesh}))


def test_a_multicast_flit_is_copied_where_its_ways_part() -> None:
    graph = perceptron([3, 8])
    spikes = np.ones((1, 5, 3), bool)
    spikes[0, 3:] = False
    runs = {}
    for multicast in (False, True):
        target = line_of_cores(multicast)
        runs[multicast] = target.run(target.compile(graph), spikes)
    one, many = runs[False], runs[True]
    np.testing.assert_array_equal(one.spikes["output"], many.spikes["output"])
    # Nine spikes to four cores: each copy arrives once, but crosses shared links only once.
    fired = int(one.spikes["output"].sum())
    assert many.totals.core_events.tolist() == one.totals.core_events.tolist() == [9] * 4
    assert (one.counters["flits"], many.counters["flits"]) == (36 + fired, 9 + fired)
    back = one.counters["hops"] - 9 * (0 + 1 + 2 + 3)
    assert many.counters["hops"] == 9 * 3 + back
    assert many.totals.forks == 27
    # The first spike is popped 3 + 2 cycles after it was sent; three walks take 2 each.
    assert many.totals.phase_cycles[0] == 3 * (3 + 2 + 3 * 2)
    assert many.counters["read_bits/fifos"] < one.counters["read_bits/fifos"]


def test_random_layouts_hold_what_is_rare() -> None:
    """Flits for several banks, sums in turns, loops over parts: else the tests above could not find
    their faults."""
    seen: Counter[str] = Counter()

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(LAYOUTS)
    def look(layout: Layout) -> None:
        _, program = compiled(*layout)
        parts = [part.program for part in parts_of(program)]
        seen["sums in turns"] += any(part.handing_on is not None for part in parts)
        looped = [part for part in parts_of(program) if part.program.in_turns]
        seen["loop over parts"] += bool(looped)
        seen["layer over parts"] += any(part.returned for part in looped)
        seen["held in a state"] += any("history" in name for part in looped
                                       for name in memory_bits(part.program))  # fmt: skip
        seen["sums on a loop"] += any(part.program.handing_on is not None for part in looped)
        program = parts[0]
        routes = [*program.block_routes, *program.host_routes.values()]
        each = [program.banks_by_core(route) for lines in routes for route in lines]
        shared = [banks for cores in each for banks in cores.values() if len(banks) > 1]
        seen["several banks"] += bool(shared)
        seen["in several blocks"] += any(len({block for block, _ in banks}) > 1 for banks in shared)
        seen["of several cores"] += any(
            len(cores) > 1 and any(len(banks) > 1 for banks in cores.values()) for cores in each
        )

    look()
    assert seen["sums in turns"] >= 10
    assert seen["loop over parts"] >= 15
    assert seen["layer over parts"] >= 10
    assert seen["held in a state"] >= 3
    assert seen["sums on a loop"] >= 5
    assert seen["several banks"] >= 15
    assert seen["in several blocks"] >= 3
    assert seen["of several cores"] >= 1


@pytest.mark.parametrize(
    ("dataflow", "per_event"), [("event-major", 1 + 4 + 1), ("neuron-major", 1)]
)
def test_a_flit_serves_all_banks_of_its_core(dataflow: str, per_event: int) -> None:
    """A spike of 5 inputs goes to 30 and past them to 5 neurons in the same core: by one flit,
    whose event pays its overhead once and walks a row of 30 and one of 5 signs, 8 lanes each."""
    graph = perceptron([5, 30, 5])
    skip = perceptron([5, 5]).nodes["linear0"]
    edges = (*graph.edges, Edge("input", "skip"), Edge("skip", "neuron1"))
    graph = Graph(graph.stage, {**graph.nodes, "skip": skip}, edges)
    shipped = load_architecture("edge")
    lanes = {"dataflow": Dataflow(dataflow), "synapse_lanes": 8, "event_overhead_cycles": 1}
    target = BinarySynapse(
        shipped.model_copy(
            update={"packing": Packing.ALWAYS, "core": shipped.core.model_copy(update=lanes)}
        )
    )
    program = target.compile(graph)
    assert isinstance(program, BinaryProgram)
    ((line,),) = program.host_routes.values()
    assert line.targets == ((0, 0), (1, 1))
    spikes = np.zeros((1, 4, 5), bool)
    spikes[0, 0] = True
    run = target.run(program, spikes)
    np.testing.assert_array_equal(run.spikes["output"], execute(graph, spikes).output)
    hidden = run.layers["neuron0"]["spikes"]
    assert run.counters["flits"] == 5 + hidden + run.spikes["output"].sum()
    assert run.totals.core_events.tolist() == [5 + hidden]
    assert run.totals.core_shared.tolist() == [5]
    assert run.counters["events"] == 5 + 5 + hidden
    own = 1 + 1 if dataflow == "event-major" else 1  # from the hidden layer: a row of 5 signs
    walked = {"event-major": [5 * (1 + 4), 5 * 1], "neuron-major": [5, 0]}[dataflow]
    assert run.totals.block_walk_cycles.tolist() == [walked[0], walked[1] + own * hidden]
    assert run.totals.core_walk_cycles.tolist() == [5 * per_event + own * hidden]
    # Three banks in the core; spikes of the input name two of them, hidden ones the third.
    assert memory_bits(program)["input.bank_sets"] == memory_bits(program)["neuron0.bank_sets"] == 3


@pytest.mark.parametrize("multicast", [False, True])
def test_a_spike_that_is_read_out_twice_leaves_once(multicast: bool) -> None:
    graph = perceptron([5, 8])
    edges = (*graph.edges, Edge("neuron0", "again"))
    graph = Graph(graph.stage, {**graph.nodes, "again": Output((8,))}, edges)
    target = line_of_cores(multicast)
    spikes = np.ones((1, 5, 5), bool)
    run = target.run(target.compile(graph), spikes)
    fired = int(run.spikes["output"].sum())
    assert run.counters["output_spikes"] == fired > 0
    np.testing.assert_array_equal(run.spikes["output"], run.spikes["again"])
    np.testing.assert_array_equal(run.spikes["output"], execute(graph, spikes).outputs["output"])


@settings(max_examples=40, deadline=None)
@given(WHOLE)
def test_multicast_lines_send_each_spike_where_unicast_lines_do(layout: Layout) -> None:
    graph, machine = layout
    tables = []
    for multicast in (False, True):
        mesh = machine.mesh.model_copy(update={"multicast": multicast})
        _, program = compiled(graph, machine.model_copy(update={"mesh": mesh}))
        tables.append([*program.block_routes, *program.host_routes.values()])
        boxes = [block.box for block in program.blocks]
        boxes += [Box.of(program.grids[name]) for name in graph.inputs]
        sources = [block.grid for block in program.blocks]
        sources += [program.grids[name] for name in graph.inputs]
    for one, many, box, grid in zip(*tables, boxes, sources, strict=True):
        assert all(len(program.banks_by_core(route)) == 1 for route in one)
        assert deliveries(one, box, grid) == deliveries(many, box, grid)
        for lines in (one, many):
            assert max(flits(program, lines, box, grid).values(), default=1) == 1


def flits(
    program: BinaryProgram, routes: tuple[Route, ...], box: Box, grid: Grid
) -> Counter[tuple[int, ...]]:
    """Count the flits of a spike to each core, by source, steps held, delay and core."""
    return Counter(
        (int(source), route.hold_steps, route.delay_steps, core)
        for route in routes
        for source in (route.accepts & box).flat_ids(grid)
        for core in program.banks_by_core(route)
    )


def deliveries(routes: tuple[Route, ...], box: Box, grid: Grid) -> Counter[tuple[int, ...]]:
    return Counter(
        (int(source), *target, route.hold_steps, route.delay_steps)
        for route in routes
        for source in (route.accepts & box).flat_ids(grid)
        for target in route.targets
    )


def test_samples_do_not_disturb_one_another() -> None:
    target = BinarySynapse(load_architecture("edge"))
    program = target.compile(perceptron([20, 30, 5]))
    counts = spike_counts(program.graph, samples=4, steps=10)
    together = target.run(program, counts)
    apart = [target.run(program, counts[[i]]) for i in range(4)]
    assert together.cycles == sum(run.cycles or 0 for run in apart)
    assert together.synaptic_operations == sum(run.synaptic_operations for run in apart)
    for name, value in together.counters.items():
        if name != "samples":
            assert value == sum(run.counters[name] for run in apart), name


def test_cycles_are_the_sum_of_their_causes() -> None:
    target = BinarySynapse(load_architecture("edge"))
    program = target.compile(perceptron([20, 30, 5]))
    run = target.run(program, spike_counts(program.graph))
    parts = {k: v for k, v in run.counters.items() if k.startswith("cycles/")}
    assert set(parts) == {"cycles/input", "cycles/neuron0", "cycles/neuron1", "cycles/barrier"}
    assert run.cycles == sum(parts.values())


def machine(name: str, **core: object) -> Architecture:
    shipped = load_architecture(name)
    return shipped.model_copy(update={"core": shipped.core.model_copy(update=core)})


def test_a_scanned_core_takes_the_cycles_that_ranc_takes() -> None:
    """N * (A + 2) + 3 cycles a tick whatever the activity, 66,051 for 256 x 256: measured from
    RANC's RTL (arXiv 2011.00624)."""
    target = BinarySynapse("truenorth_like")
    published = {(256, 256): 66_051, (256, 64): 16_515, (128, 256): 33_283, (64, 32): 2_115}
    for (axons, size), per_tick in published.items():
        assert per_tick == size * (axons + 2) + 3
        program = target.compile(perceptron([axons, size]))
        for rate in (0, 1):
            spikes = np.full((1, 3, axons), rate)
            run = target.run(program, spikes)
            assert run.totals.block_phase_cycles.tolist() == [3 * per_tick]
            # The mesh may still carry a spike of the last neuron when the scan has ended.
            carried = 2 * int(run.spikes["output"][0, :, -1].any())
            assert run.totals.step_cycles[0][1:3].tolist() == [per_tick + carried] * 2


def test_an_event_takes_the_cycles_that_tinyodin_takes() -> None:
    """1 + 2 N cycles a spike event and 2 N a leak event (tinyODIN's README; 513 for N = 256)."""
    target = BinarySynapse("tiny_odin_like")
    for size, per_event, per_leak in ((256, 513, 512), (100, 201, 200), (1, 3, 2)):
        program = target.compile(perceptron([8, size]))
        spikes = np.zeros((1, 5, 8), int)
        spikes[0, :, :3] = 1
        run = target.run(program, spikes)
        assert run.totals.core_walk_cycles.tolist() == [5 * 3 * per_event]
        assert run.totals.block_phase_cycles.tolist() == [5 * per_leak]
        # Three cycles in: host port, router, event FIFO; then one event after another.
        into_core = 2
        first_step = into_core + 3 * per_event
        assert run.totals.phase_cycles[0] == 5 * first_step


@pytest.mark.parametrize("fan_in", [1, 6, 7, 8, 254, 255, 256, 600])
def test_sums_of_many_rows_are_exact(fan_in: int) -> None:
    graph = perceptron([fan_in, 70])
    target = BinarySynapse("edge")
    program = target.compile(graph)
    spikes = np.ones((1, 2, fan_in), bool)
    run = target.run(program, spikes, probes=["neuron0"])
    expected = execute(graph, spikes, probes=["neuron0"])
    np.testing.assert_array_equal(run.potentials["neuron0"], expected.potentials["neuron0"])


def test_a_mesh_in_which_nothing_can_move_is_reported() -> None:
    """Routes in the mesh cannot deadlock (XY, and cores always take their events), so the test
    breaks a core: its event FIFO is full and is never emptied."""
    program = BinarySynapse("edge").compile(perceptron([20, 1500, 5]))
    prepared = program.prepared
    spikes = np.ones((3, 20), np.uint8)
    none = np.zeros((3, 0), np.int64)
    done = simulate_behaviour(
        prepared.image, spikes, prepared.input_columns, prepared.columns, False, none, none
    )
    mesh = empty_mesh(program)
    mesh.events_count[1] = 16
    timing = simulate_timing(
        prepared.image, prepared.clock, mesh, new_places(mesh), EVERY_CYCLE,
        done.begin, done.end, done.ids, done.slots, False,
    )  # fmt: skip
    assert timing.deadlock[0] > 0
    text = deadlock_text(timing.deadlock[0], mesh, prepared.clock.columns)
    assert text == (
        f"deadlock in the mesh at cycle {timing.deadlock[0]}: blocked router (0, 0) host input "
        "(4 flits), router (1, 0) west input (4 flits)"
    )
