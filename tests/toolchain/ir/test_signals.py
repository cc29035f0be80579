"""What can arrive at a node, against what the executor shows to arrive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from graph_strategies import convolutional_networks, dense_networks, spike_trains
from hypothesis import given, settings

from axonc.toolchain.ir import (
    IF,
    LI,
    Affine,
    Conv,
    Delay,
    Dialect,
    Edge,
    Flatten,
    Graph,
    Input,
    Neuron,
    Node,
    Output,
    Stage,
    SumPool,
    Window,
    arriving_range,
    verify,
)
from axonc.toolchain.passes import Findings, to_discrete
from axonc.toolchain.reference import execute


def network(nodes: dict[str, Node], edges: list[Edge]) -> Graph:
    return verify(Graph(Stage.IMPORTED, nodes, tuple(edges), Dialect(1e-3)), "the test")


def neurons(*shape: int) -> IF:
    full = np.ones(shape, np.float32)
    return IF(shape, full, full, 0 * full)


@settings(max_examples=40, deadline=None)
@given(convolutional_networks() | dense_networks())
def test_what_arrives_stays_in_its_range(graph: Graph) -> None:
    discrete = to_discrete(graph, Findings())
    spikes = spike_trains(discrete)
    recording = execute(discrete, spikes, probes=list(discrete.nodes))
    for name, node in discrete.of_type(Neuron).items():
        arriving = np.zeros((*spikes.shape[:2], *node.shape))
        for source, _, delay in discrete.incoming[name]:
            sent = recording.spikes[source]
            arriving[:, delay:] += sent[:, : sent.shape[1] - delay]
        found = arriving_range(discrete, name)
        assert found is not None
        slack = 1e-6 * np.abs(arriving).max()
        assert (found.low - slack <= arriving).all() and (arriving <= found.high + slack).all()


def test_sums_that_are_pooled_before_a_neuron_count_all_weights_of_the_window() -> None:
    kernel = np.array([3, -2], np.int8).reshape(1, 1, 2)
    one = Window((1,), ((0, 0),), (1,))
    nodes: dict[str, Node] = {
        "input": Input((1, 5)),
        "conv": Conv(kernel, one),
        "pool": SumPool((2,), replace(one, stride=(2,))),
        "flatten": Flatten(),
        "neurons": neurons(2),
        "output": Output((2,)),
    }
    names = list(nodes)
    edges = [Edge(a, b) for a, b in zip(names, names[1:], strict=False)]
    found = arriving_range(network(nodes, edges), "neurons", input_count=5)
    assert found is not None
    assert found.low.tolist() == [-20, -20] and found.high.tolist() == [30, 30]


def test_edges_that_join_add_up() -> None:
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "first": Affine(np.array([[1.0, -2.0], [3.0, 4.0]])),
        "late": Delay(np.array(2.0)),
        "neurons": neurons(2),
        "output": Output((2,)),
    }
    edges = [
        Edge("input", "first"),
        Edge("input", "late"),
        Edge("first", "neurons"),
        Edge("late", "neurons"),
        Edge("neurons", "output"),
    ]
    found = arriving_range(network(nodes, edges), "neurons")
    assert found is not None
    assert found.low.tolist() == [-2, 0] and found.high.tolist() == [2, 8]


def test_nothing_is_known_behind_a_potential_or_a_loop_without_a_neuron() -> None:
    weight = Affine(np.ones((1, 1)))
    nodes: dict[str, Node] = {
        "input": Input((1,)),
        "a": weight,
        "b": weight,
        "neurons": neurons(1),
        "potential": LI((1,), *np.ones((2, 1)), np.zeros(1)),
        "behind": neurons(1),
        "output": Output((1,)),
    }
    edges = [
        Edge("input", "a"),
        Edge("a", "b"),
        Edge("b", "a", 1),
        Edge("b", "neurons"),
        Edge("neurons", "potential"),
        Edge("potential", "behind"),
        Edge("behind", "output"),
    ]
    graph = network(nodes, edges)
    assert arriving_range(graph, "neurons") is None
    assert arriving_range(graph, "behind") is None
    assert arriving_range(graph, "potential") is not None


def test_sums_beyond_the_largest_float_have_no_bound() -> None:
    """Each node doubles what arrives; one of them turns its sign."""
    nodes: dict[str, Node] = {"input": Input((1,))}
    edges: list[Edge] = []
    for sign, last in ((1.0, "up"), (-1.0, "down")):
        names = [f"{last}{n}" for n in range(1100)]
        weights = [sign, *[2.0] * (len(names) - 1)]
        nodes |= {n: Affine(np.array([[w]])) for n, w in zip(names, weights, strict=True)}
        chain = ["input", *names, last]
        nodes[last] = neurons(1)
        edges += [Edge(a, b) for a, b in zip(chain, chain[1:], strict=False)]
    nodes["output"] = Output((1,))
    edges += [Edge("up", "output"), Edge("down", "output")]
    graph = network(nodes, edges)
    assert arriving_range(graph, "up") is None and arriving_range(graph, "down") is None
    below = arriving_range(graph, "down1000")
    assert below is not None and below.low.tolist() == [-(2.0**999)] and below.high.tolist() == [0]
