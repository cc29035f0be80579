"""Flits: one a spike and core, whatever banks it serves there; copied where ways part."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from binary_synapse_layouts import WHOLE, Layout, compiled
from binary_synapse_networks import perceptron
from hypothesis import given, settings

from axonc.targets.binary_synapse import BinarySynapse, load_architecture
from axonc.targets.binary_synapse.machine.architecture import Dataflow, MeshParameters, Packing
from axonc.targets.binary_synapse.program.box import Grid
from axonc.targets.binary_synapse.program.memory import memory_bits
from axonc.targets.binary_synapse.program.program import BinaryProgram, Box, Route
from axonc.toolchain.cost import Access, Memory, Stored, Way
from axonc.toolchain.ir import Edge, Graph, Output
from axonc.toolchain.reference import execute


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
    assert (
        many.accesses[Access(Way.READ, Memory.FIFOS)] < one.accesses[Access(Way.READ, Memory.FIFOS)]
    )


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
    bits = memory_bits(program)
    assert [bits[Stored(name, Memory.BANK_SETS)] for name in ("input", "neuron0")] == [3, 3]


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
