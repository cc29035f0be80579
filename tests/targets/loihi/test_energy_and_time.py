"""Hops and ways on a mesh that is laid out by hand."""

import numpy as np
import pytest

from axonc.targets.loihi import Loihi
from axonc.targets.loihi.placement import Placement
from axonc.targets.loihi.work import work_of
from axonc.toolchain.cost import Event, Memory, StepPart, Stored
from axonc.toolchain.ir import Edge, Graph

TILES = {"lif1": (0, 0), "lif2": (3, 1), "lif3": (7, 3)}
"""From the first to the second 3 hops east and 1 south, from there to the third 4 and 2."""


def lay_out(program, tiles, chip_of):
    """Put the only core of each population on a tile."""
    names = [name for name, _ in program.mapping.traffic.names]
    program.mapping.__dict__["placement"] = Placement(
        np.array([tiles[name] for name in names]),
        np.array([chip_of[name] for name in names]),
        1 + max(chip_of.values()),
        0.0,
        0.0,
    )


@pytest.fixture
def laid_out(build):
    rng = np.random.default_rng(0)
    sizes = (6, 5, 4, 3)
    weights = [np.ones((b, a), np.int8) for a, b in zip(sizes, sizes[1:], strict=False)]
    graph = build.affine_graph(weights, [build.integer_neuron(n, 2) for n in sizes[1:]])
    target = Loihi()
    program = target.compile(graph)
    lay_out(program, TILES, dict.fromkeys(TILES, 0))
    spikes = rng.random((2, 20, 6)) < 0.5
    return target, program, target.run(program, spikes, probes=["lif1", "lif2"])


def test_messages_are_counted_spike_by_spike_and_core_by_core(build):
    """A population of which one neuron fires, and of two cores one neuron reaches one alone."""
    rng = np.random.default_rng(3)
    weight = np.zeros((1500, 40), np.int8)  # on two cores
    weight[:, :20] = 1
    weight[:400, 20:30] = -1  # into few of the neurons, and so maybe one core
    first = np.where(rng.random((40, 6)) < 0.3, 1, -1).astype(np.int8)
    neurons = [build.integer_neuron(40, 1), build.integer_neuron(1500, 3)]
    graph = build.affine_graph([first, weight], neurons)
    edges = tuple(Edge(e.source, e.target, 2 * (e.source == "lif1")) for e in graph.edges)
    graph = Graph(graph.stage, graph.nodes, edges)
    target = Loihi()
    program = target.compile(graph)
    cores = program.mapping.partition.fragments["lif2"]
    assert len(cores) > 1
    run = target.run(program, rng.random((3, 15, 6)) < 0.4, probes=["lif1"])
    fired = run.spikes["lif1"]
    rates = fired.sum(axis=(0, 1))
    assert rates.min() < rates.mean() / 2  # far from evenly active
    expected = 0
    for _, step, neuron in np.argwhere(fired):
        if step + 2 < 15:
            expected += sum(bool(weight[core.neurons, neuron].any()) for core in cores)
    sent = program.mapping.sent(run.arrived)
    assert int(sent.messages.sum()) == expected
    assert target.cost(program, run).energy[0].counts[Event.SPIKE_MESSAGE] == expected / 3


def test_hops_between_chips_have_no_price_and_so_no_total(laid_out):
    """The third population lies on the chip below; of its two hops one is between chips."""
    target, program, run = laid_out
    rows = program.mapping.partition.chip.mesh.rows
    tiles = {"lif1": (0, 0), "lif2": (3, rows - 1), "lif3": (3, rows + 1)}
    lay_out(program, tiles, {"lif1": 0, "lif2": 0, "lif3": 1})
    first, second = (run.spikes[name].sum() / 2 for name in ("lif1", "lif2"))
    for estimate in target.cost(program, run).energy:
        assert estimate.counts[Event.HOP_EAST_WEST] == 3 * first
        assert estimate.counts[Event.HOP_NORTH_SOUTH] == (rows - 1) * first + 1 * second
        assert estimate.counts[Event.HOP_BETWEEN_CHIPS] == second
        assert estimate.unpriced == (Event.HOP_BETWEEN_CHIPS,)
        assert estimate.total_pj is None


def test_hops_along_rows_and_columns_are_priced_apart(laid_out):
    target, program, run = laid_out
    first, second = (run.spikes[name].sum() / 2 for name in ("lif1", "lif2"))
    assert first > 0 and second > 0
    for estimate in target.cost(program, run).energy:
        assert estimate.counts[Event.SPIKE_MESSAGE] == first + second
        assert estimate.counts[Event.HOP_EAST_WEST] == 3 * first + 4 * second
        assert estimate.counts[Event.HOP_NORTH_SOUTH] == 1 * first + 2 * second
        assert estimate.total_pj is not None


def test_the_longest_way_counts_for_the_time_of_a_step(laid_out):
    target, program, run = laid_out
    davies = target.cost(program, run).time[0]
    assert davies.profile == "davies-2018"
    assert davies.parts_ns[StepPart.LONGEST_WAY] == pytest.approx(4 * 4.1 + 2 * 6.5)


@pytest.mark.parametrize(
    ("density", "form", "other"),
    [
        (0.1, Event.SYNAPTIC_OPERATION_SPARSE, Event.SYNAPTIC_OPERATION_DENSE),
        (0.8, Event.SYNAPTIC_OPERATION_DENSE, Event.SYNAPTIC_OPERATION_SPARSE),
    ],
)
def test_a_ternary_matrix_has_one_form_in_memory_and_in_energy(density, form, other, build):
    rng = np.random.default_rng(4)
    weight = np.where(rng.random((64, 80)) < density, rng.choice([-1, 1], (64, 80)), 0)
    graph = build.affine_graph([weight.astype(np.int8)], [build.integer_neuron(64, 2)])
    target = Loihi()
    program = target.compile(graph)
    run = target.run(program, rng.random((2, 10, 80)) < 0.3)
    (group,) = program.network.synapses
    lists, present = program.chip.synapse_lists, np.count_nonzero(weight, axis=0)
    width, index = lists.synapse_width(group), lists.index_width(64)
    forms = {
        Event.SYNAPTIC_OPERATION_SPARSE: lists.list_bits(present, width + index).sum(),
        Event.SYNAPTIC_OPERATION_DENSE: lists.list_bits(np.full(80, 64), width).sum(),
    }
    report = target.cost(program, run)
    assert forms[form] < forms[other]
    assert report.memory_bits.parts[Stored("fc1", Memory.SYNAPSES)] == forms[form]
    for estimate in report.energy:
        assert estimate.counts[form] == run.synaptic_operations / 2
        assert other not in estimate.counts


def test_work_by_core_adds_up_to_the_operations(build):
    rng = np.random.default_rng(5)
    weight = np.where(rng.random((1400, 30)) < 0.5, 1, 0).astype(np.int8)  # on two cores
    graph = build.affine_graph([weight], [build.integer_neuron(1400, 2)])
    target = Loihi()
    program = target.compile(graph)
    run = target.run(program, rng.random((2, 10, 30)) < 0.3)
    work = list(work_of(program, run))
    assert len(work) > 1
    assert sum(done.operations for done in work) == run.synaptic_operations
