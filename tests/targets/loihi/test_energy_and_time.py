"""Hops and ways on a mesh that is laid out by hand."""

import numpy as np
import pytest

from axonc.targets.loihi import Loihi
from axonc.targets.loihi.placement import Placement
from axonc.toolchain.cost import Event, StepPart

TILES = {"lif1": (0, 0), "lif2": (3, 1), "lif3": (3, 6)}
"""From the first to the second 3 hops east and 1 south, from there to the third 5 south."""


@pytest.fixture
def laid_out(build):
    rng = np.random.default_rng(0)
    sizes = (6, 5, 4, 3)
    weights = [np.ones((b, a), np.int8) for a, b in zip(sizes, sizes[1:], strict=False)]
    graph = build.affine_graph(weights, [build.integer_neuron(n, 2) for n in sizes[1:]])
    target = Loihi()
    program = target.compile(graph)
    tiles = np.array([TILES[name] for name, _ in program.mapping.traffic.names])
    program.mapping.__dict__["placement"] = Placement(tiles, np.zeros(3, int), 1, 0.0, 0.0)
    spikes = rng.random((2, 20, 6)) < 0.5
    return target, program, target.run(program, spikes, probes=["lif1", "lif2"])


def test_hops_along_rows_and_columns_are_priced_apart(laid_out):
    target, program, run = laid_out
    first, second = (run.spikes[name].sum() / 2 for name in ("lif1", "lif2"))
    assert first > 0 and second > 0
    for estimate in target.cost(program, run).energy:
        assert estimate.counts[Event.SPIKE_MESSAGE] == first + second
        assert estimate.counts[Event.HOP_EAST_WEST] == 3 * first
        assert estimate.counts[Event.HOP_NORTH_SOUTH] == 1 * first + 5 * second


def test_the_longest_way_counts_for_the_time_of_a_step(laid_out):
    target, program, run = laid_out
    davies = target.cost(program, run).time[0]
    assert davies.profile == "davies-2018"
    assert davies.parts_ns[StepPart.LONGEST_WAY] == pytest.approx(max(3 * 4.1 + 6.5, 5 * 6.5))
