"""Loops get one delay each, behind a neuron; graphs without loops get none."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.toolchain.frontend import load_graph
from axonc.toolchain.frontend.flatten_subgraphs import FlatGraph
from axonc.toolchain.frontend.raw import RawNode
from axonc.toolchain.frontend.recurrence import (
    delayed_edges,
    loop_without_neuron,
    loops_of,
    order_along_edges,
)

KINDS = {"i": "Input", "n": "LIF", "w": "Linear", "o": "Output", "s": "Scale"}


def graph(*edges):
    """Make a flat graph from pairs of names; the first letter of a name tells its kind."""
    names = dict.fromkeys(name for edge in edges for name in edge)
    return FlatGraph({name: RawNode(KINDS[name[0]]) for name in names}, list(edges))


def delayed(*edges):
    flat = graph(*edges)
    return delayed_edges(flat, order_along_edges(flat))


def path(*names):
    return list(zip(names, names[1:], strict=False))


def test_no_loop_no_delay():
    assert delayed(*path("i", "w1", "n1", "w2", "n2", "o"), ("n1", "n2")) == set()


def test_a_recurrent_weight():
    assert delayed(*path("i", "w", "n", "o"), *path("n", "w_rec", "n")) == {("n", "w_rec")}


def test_a_neuron_that_feeds_itself():
    assert delayed(*path("i", "n", "o"), ("n", "n")) == {("n", "n")}


def test_two_connections_in_the_feedback():
    loop = path("n", "w1", "s", "w2", "n")
    assert delayed(*path("i", "n", "o"), *loop) == {("n", "w1")}


def test_feedback_over_two_populations_delays_the_way_back():
    edges = [*path("i", "w1", "n1", "w2", "n2", "o"), *path("n2", "w3", "n1")]
    assert delayed(*edges) == {("n2", "w3")}


def test_feedback_into_a_connection():
    assert delayed(*path("i", "w", "n", "w"), ("n", "o")) == {("n", "w")}


def test_loops_within_loops():
    edges = [
        *path("i", "w1", "n1", "w2", "n2", "w3", "n3", "o"),
        *path("n2", "w4", "n1"),
        *path("n3", "w5", "n1"),
        *path("n3", "w6", "n3"),
    ]
    assert delayed(*edges) == {("n2", "w4"), ("n3", "w5"), ("n3", "w6")}


def test_a_skip_within_a_loop_is_not_delayed():
    edges = [*path("i", "n1", "w1", "n2", "w2", "n3", "o"), *path("n3", "w3", "n1")]
    assert delayed(*edges, ("n1", "n3")) == {("n3", "w3")}


def test_a_connection_that_feeds_back_and_forth_keeps_the_delay_on_the_way_back():
    edges = [*path("i", "n1", "w", "n2", "o"), ("w", "n1")]
    assert delayed(*edges) == {("w", "n1")}


def test_what_enters_a_loop_from_outside_is_not_delayed():
    edges = [*path("i", "n", "w1", "w2", "n"), ("n", "o"), ("i", "w1")]
    assert ("n", "w1") in delayed(*edges)
    assert not {edge for edge in delayed(*edges) if edge[0] == "i"}


def test_loops_of_connections_alone():
    assert (
        loop_without_neuron(graph(*path("i", "w1", "s", "w1"), ("s", "n"))) == ["s", "w1", "n"][:2]
    )
    assert loop_without_neuron(graph(*path("i", "n", "w", "n"))) == []


def test_order_follows_the_edges_and_the_names():
    edges = [*path("i", "w10", "n", "o"), *path("i", "w2", "n")]
    assert order_along_edges(graph(*edges)) == ["i", "w2", "w10", "n", "o"]


NAMES = [f"{kind}{number}" for kind in "nw" for number in range(5)] + ["i", "o"]
EDGES = st.sets(
    st.tuples(st.sampled_from(NAMES[:-1]), st.sampled_from([*NAMES[:-2], "o"])), min_size=1
)


@settings(deadline=None)
@given(EDGES)
def test_delays_break_every_loop_and_nothing_else(edges):
    edges = {(a, b) for a, b in edges if a[0] == "n" or b[0] == "n" or a == "i" or b == "o"}
    if not edges:
        return
    flat = graph(*sorted(edges))
    order = order_along_edges(flat)
    assert sorted(order) == sorted(flat.nodes)
    found = delayed_edges(flat, order)
    loops = loops_of(flat, order)
    assert found <= edges
    for a, b in found:
        assert loops[a] == loops[b]
    without = graph(*sorted(edges - found)) if edges - found else None
    if without is not None:
        again = order_along_edges(without)
        assert delayed_edges(without, again) == set()
    # neither names' order in the file nor the order of edges matters
    other = FlatGraph(dict(reversed(flat.nodes.items())), sorted(edges, reverse=True))
    assert delayed_edges(other, order_along_edges(other)) == found


@pytest.mark.parametrize("turn", [1, -1])
def test_a_loaded_graph_carries_the_delay(chain, lif, turn):
    source = chain(4, 3, fc=nir.Linear(np.ones((3, 4))), lif=lif(3))
    source.nodes["rec"] = nir.Affine(np.ones((3, 3)), np.ones(3))
    source.edges = [*source.edges, ("lif", "rec"), ("rec", "lif")][::turn]
    graph = load_graph(source)
    assert [edge for edge in graph.edges if edge.delay] == [("lif", "rec", 1)]
    assert graph.shapes["rec"] == (3,)


def test_a_loop_that_no_input_reaches(lif):
    source = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([2])}),
            "lif": lif(3, v_leak=1.2),
            "rec": nir.Linear(np.ones((3, 3))),
            "output": nir.Output({"output": np.array([2])}),
        },
        [("input", "output"), ("lif", "rec"), ("rec", "lif")],
        type_check=False,
    )
    graph = load_graph(source)
    assert graph.shapes["lif"] == (3,)
    assert sum(edge.delay for edge in graph.edges) == 1
