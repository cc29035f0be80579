from __future__ import annotations

import numpy as np
import pytest

from axonc.toolchain.errors import InternalError
from axonc.toolchain.ir import (
    Affine,
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    Output,
    ShapeError,
    Stage,
    compact,
    faults_of,
    verify,
)


def diamond() -> Graph:
    eye = np.eye(2)
    nodes = {"out": Output((2,)), "left": Affine(eye), "right": Affine(2 * eye), "in": Input((2,))}
    edges = [("in", "left"), ("in", "right"), ("left", "out"), ("right", "out")]
    return Graph(Stage.DISCRETE, nodes, [Edge(*edge) for edge in edges])


def test_order_puts_sources_first_whatever_the_file_order() -> None:
    assert diamond().order == ("in", "left", "right", "out")


def test_several_edges_into_a_node_are_all_seen() -> None:
    assert diamond().sources("out") == ["left", "right"]
    assert faults_of(diamond()) == []


def test_a_loop_without_delay_is_a_fault_that_names_its_nodes() -> None:
    graph = diamond()
    loop = Graph(
        graph.stage, graph.nodes, (*graph.edges, Edge("right", "left"), Edge("left", "right"))
    )
    assert faults_of(loop) == [
        "graph 'network': nodes ['left', 'out', 'right'] form a loop without delay"
    ]


def test_a_delayed_edge_may_close_a_loop() -> None:
    graph = diamond()
    assert faults_of(Graph(graph.stage, graph.nodes, (*graph.edges, Edge("left", "left", 1)))) == []


@pytest.mark.parametrize(
    ("edge", "fault"),
    [
        (Edge("in", "nowhere"), "the edge 'in' -> 'nowhere' names no node 'nowhere'"),
        (Edge("in", "left"), "the edge 'in' -> 'left' is there 2 times"),
        (Edge("in", "out", -1), "the edge 'in' -> 'out' has a negative delay"),
    ],
)
def test_faults_of_edges(edge: Edge, fault: str) -> None:
    graph = diamond()
    assert fault in faults_of(Graph(graph.stage, graph.nodes, (*graph.edges, edge)))


def test_all_faults_are_told_at_once() -> None:
    graph = diamond().with_nodes(
        {"left": Affine(np.full((2, 2), np.nan)), "right": Affine(np.ones(3))}
    )
    assert faults_of(graph) == [
        "node 'left' (Affine): weight holds NaN or infinity",
        "node 'right' (Affine): weight has shape (3,), expected (outputs, inputs)",
    ]
    with pytest.raises(InternalError, match="^after testing, graph 'network': node 'left'"):
        verify(graph, "testing")


def test_shapes_that_do_not_fit_name_the_node() -> None:
    graph = diamond().with_nodes({"left": Affine(np.ones((2, 3)))})
    with pytest.raises(
        ShapeError, match=r"^node 'left' \(Affine\) takes an input of shape \(3,\), got \(2,\)$"
    ):
        _ = graph.shapes


def test_without_joins_edges_and_adds_their_delays() -> None:
    nodes = {"in": Input((2,)), "wait": Delay(np.array(0.0)), "out": Output((2,))}
    graph = Graph(Stage.DISCRETE, nodes, (Edge("in", "wait", 1), Edge("wait", "out", 2)))
    assert graph.without(["wait"]).edges == (Edge("in", "out", 3),)


@pytest.mark.parametrize(
    ("first", "last", "shape", "flat"),
    [(0, -1, (2, 3, 4), (24,)), (1, 2, (2, 3, 4), (2, 12)), (0, 1, (2, 3, 4), (6, 4))],
)
def test_flatten_shapes(
    first: int, last: int, shape: tuple[int, ...], flat: tuple[int, ...]
) -> None:
    assert Flatten(first, last).output_shape(shape) == flat


def test_compact_keeps_the_meaning_and_drops_repetition() -> None:
    per_channel = np.broadcast_to(np.arange(3.0).reshape(3, 1, 1), (3, 4, 5))
    assert compact(per_channel).shape == (3, 1, 1)
    assert compact(np.full((3, 4), 7)).shape == (1, 1)
    varying = np.arange(6).reshape(2, 3)
    assert np.array_equal(compact(varying), varying)


def test_nodes_are_values() -> None:
    assert Affine(np.ones((1, 2))) == Affine(np.ones((1, 2)))
    assert Affine(np.ones((1, 2))) != Affine(np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match="read-only"):
        Affine(np.ones((1, 2))).weight[0, 0] = 5


def test_delays_stored_in_float32_are_whole_steps_where_they_were_meant_to_be() -> None:
    stored = np.array([0.08, 0.003, 0.0015, 0.0], np.float32).astype(np.float64)
    steps = Delay(stored).in_steps(1e-3)
    assert steps[[0, 1, 3]].tolist() == [80, 3, 0]
    assert steps[2] != round(steps[2])
