"""What must not change a run: how many time steps and samples are computed at once."""

from __future__ import annotations

import sys
from unittest.mock import patch

import numpy as np
from graph_strategies import chain, convolutional_networks, dense_networks, lif, spike_trains
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.toolchain.driver import lower, run
from axonc.toolchain.ir import Affine, Dialect, Graph, Input, Output
from axonc.toolchain.reference import Recording, execute

EXECUTE = sys.modules["axonc.toolchain.reference.execute"]
OVER_TIME = sys.modules["axonc.toolchain.reference.over_time"]


def in_pieces(graph: Graph, spikes: np.ndarray) -> Recording:
    """Run step by step and sample by sample."""
    with patch.object(EXECUTE, "_AT_ONCE", 1), patch.object(OVER_TIME, "_CACHED", 1):
        return execute(graph, spikes, probes=list(graph.nodes))


@settings(max_examples=25, deadline=None)
@given(st.one_of(dense_networks(), convolutional_networks()))
def test_steps_and_samples_at_once_change_nothing(network: Graph) -> None:
    spikes = spike_trains(network)
    lowering = lower(network)
    graphs = [network, lowering.discrete]
    if lowering.integer_graph is not None:
        graphs.append(lowering.integer_graph)
    for graph in graphs:
        whole = execute(graph, spikes, probes=list(graph.nodes))
        pieces = in_pieces(graph, spikes)
        assert whole.overflows == pieces.overflows
        for name in graph.spiking:
            assert np.array_equal(whole.spikes[name], pieces.spikes[name])
            # another split of the batch is another order of sums in the matrix product
            assert np.allclose(whole.potentials[name], pieces.potentials[name], rtol=0, atol=1e-9)
            assert np.array_equal(whole.spike_counts[name], pieces.spike_counts[name])


def test_progress_ends_with_the_last_step() -> None:
    told: list[tuple[int, int]] = []
    graph = small_network()
    with patch.object(EXECUTE, "_AT_ONCE", 3 * 2 * 16):
        execute(graph, spike_trains(graph, samples=2, steps=7), progress=lambda *n: told.append(n))
    assert told == [(3, 7), (6, 7), (7, 7)]


def small_network() -> Graph:
    rng = np.random.default_rng(1)
    nodes = {
        "input": Input((16,)),
        "fc": Affine(rng.normal(size=(8, 16)).astype(np.float32)),
        "lif": lif((8,), rng),
        "output": Output((8,)),
    }
    return chain(nodes, Dialect(1e-3))


def test_float32_is_float64_but_for_rounding() -> None:
    lowering = lower(small_network())
    spikes = spike_trains(lowering.imported, samples=50, steps=20)
    double, single = (
        run(lowering, spikes, precision=precision, probes=["lif"]).run
        for precision in ("float", "float32")
    )
    assert single.potentials["lif"].dtype == np.float32
    same = (double.spikes["lif"] == single.spikes["lif"]).all(axis=1, keepdims=True)
    assert same.mean() > 0.99  # a potential within rounding of its threshold is rare
    error = np.abs(double.potentials["lif"] - single.potentials["lif"]) * same
    assert error.max() < 1e-5  # a few roundings of potentials of some units: 6e-8 each
    assert double.spikes["lif"].any()
