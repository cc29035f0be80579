"""Paths between neurons, and what a node passes on."""

from __future__ import annotations

import numpy as np
import pytest

from axonc.toolchain.ir import (
    BIPOLAR,
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerNeuron,
    LeakyState,
    Node,
    NoNeuronOnLoop,
    Output,
    SignalPath,
    Stage,
    paths_into,
)

ONE = np.ones(1, np.int64)
NEURON = IntegerNeuron((1,), ONE, 0 * ONE, 0 * ONE, LeakyState(ONE, 0, -8, 7))
WEIGHT = IntegerAffine(np.ones((1, 1), np.int8), BIPOLAR)


def network(**nodes: Node) -> dict[str, Node]:
    return {"input": Input((1,)), **nodes, "output": Output((1,))}


def test_every_path_is_found_with_the_delay_of_its_edges() -> None:
    nodes = network(flat=Flatten(), weight=WEIGHT, late=Delay(3 * np.ones(1)), neuron=NEURON)
    edges = (
        Edge("input", "flat"),
        Edge("flat", "weight", 2),
        Edge("weight", "neuron", 1),
        Edge("neuron", "late", 1),
        Edge("late", "weight"),
        Edge("flat", "neuron"),
        Edge("neuron", "output"),
    )
    graph = Graph(Stage.INTEGER, nodes, edges)
    assert paths_into(graph, "neuron") == [
        SignalPath("input", "neuron", ("flat", "weight"), 3),
        SignalPath("neuron", "neuron", ("late", "weight"), 2),
        SignalPath("input", "neuron", ("flat",), 0),
    ]
    assert paths_into(graph, "output") == [SignalPath("neuron", "output", (), 0)]


def test_a_loop_without_a_neuron_has_no_end_of_paths() -> None:
    edges = (
        Edge("input", "one"),
        Edge("one", "two"),
        Edge("two", "one", 1),
        Edge("two", "neuron"),
        Edge("neuron", "output"),
    )
    graph = Graph(Stage.INTEGER, network(one=WEIGHT, two=WEIGHT, neuron=NEURON), edges)
    with pytest.raises(NoNeuronOnLoop) as raised:
        paths_into(graph, "neuron")
    assert raised.value.node in ("one", "two")
    assert paths_into(graph, "output") == [SignalPath("neuron", "output", (), 0)]


def test_long_chains_need_no_recursion() -> None:
    names = [f"flat{n}" for n in range(3000)]
    nodes = network(**dict.fromkeys(names, Flatten()), neuron=NEURON)
    chain = ["input", *names, "neuron", "output"]
    edges = tuple(Edge(a, b) for a, b in zip(chain, chain[1:], strict=False))
    assert paths_into(Graph(Stage.INTEGER, nodes, edges), "neuron")[0].through == tuple(names)


def test_the_origin_of_a_signal_is_what_computes_it() -> None:
    nodes = network(neuron=NEURON, late=Delay(ONE), flat=Flatten(), both=Flatten())
    edges = (
        Edge("input", "neuron"),
        Edge("neuron", "late", 1),
        Edge("late", "flat"),
        Edge("late", "both"),
        Edge("neuron", "both"),
        Edge("flat", "output"),
    )
    graph = Graph(Stage.INTEGER, nodes, edges)
    assert [graph.origin(name) for name in ("output", "flat", "neuron")] == ["neuron"] * 3
    assert graph.origin("both") == "both"
    assert graph.carries_spikes("output") and not graph.carries_spikes("both")


def test_the_origin_is_found_where_a_signal_goes_round_in_a_loop() -> None:
    nodes = network(one=Flatten(), two=Flatten())
    edges = (Edge("one", "two"), Edge("two", "one", 1), Edge("two", "output"))
    graph = Graph(Stage.INTEGER, nodes, edges)
    assert graph.origin("output") in ("one", "two") and not graph.carries_spikes("output")
