"""Nested graphs become flat ones with the same paths."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import load_graph


def ends(inner=3):
    return {
        "input": nir.Input({"input": np.array([inner])}),
        "output": nir.Output({"output": np.array([inner])}),
    }


@pytest.fixture
def recurrent(lif):
    """Make a nested population with a recurrent weight, between an Input and an Output."""

    def make(inner=3):
        population = nir.NIRGraph(
            {**ends(inner), "lif": lif(3), "rec": nir.Linear(np.ones((3, 3)))},
            [("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")],
            type_check=False,
        )
        return nir.NIRGraph(
            {**ends(), "population": population},
            [("input", "population"), ("population", "output")],
            type_check=False,
        )

    return make


def test_names_are_joined_and_ports_dissolved(recurrent, written):
    for source in (recurrent(), written(recurrent())):
        graph = load_graph(source)
        assert sorted(graph.nodes) == ["input", "output", "population.lif", "population.rec"]
        assert sorted(graph.edges) == [
            ("input", "population.lif", 0),
            ("population.lif", "output", 0),
            ("population.lif", "population.rec", 1),
            ("population.rec", "population.lif", 0),
        ]


def test_graphs_in_graphs_in_graphs(recurrent):
    source = nir.NIRGraph(
        {**ends(), "outer": recurrent()}, [("input", "outer"), ("outer", "output")]
    )
    graph = load_graph(source)
    assert ("input", "outer.population.lif", 0) in graph.edges
    assert ("outer.population.lif", "output", 0) in graph.edges


def test_a_wrong_claim_of_a_port_is_a_note(recurrent):
    graph = load_graph(recurrent(inner=7))
    assert graph.shapes["population.lif"] == (3,)
    assert graph.dialect.notes[:2] == (
        "node 'population.input' (Input) of a nested graph claims shape (7,); what flows there has"
        " (3,), which was kept.",
        "node 'population.output' (Output) of a nested graph claims shape (7,); what flows there"
        " has (3,), which was kept.",
    )


def test_a_port_may_be_passed_through(lif):
    through = nir.NIRGraph(ends(), [("input", "output")], type_check=False)
    source = nir.NIRGraph(
        {**ends(), "a": through, "b": through, "lif": lif(3)},
        [("input", "a"), ("a", "b"), ("b", "lif"), ("lif", "output")],
        type_check=False,
    )
    assert sorted(load_graph(source).edges) == [("input", "lif", 0), ("lif", "output", 0)]


def two_inputs():
    return nir.NIRGraph(
        {
            **ends(),
            "other": nir.Input({"input": np.array([3])}),
            "a": nir.Scale(np.ones(3)),
            "b": nir.Scale(np.full(3, 2.0)),
        },
        [("input", "a"), ("other", "b"), ("a", "output"), ("b", "output")],
        type_check=False,
    )


def test_several_inputs_need_a_named_port():
    source = nir.NIRGraph(
        {**ends(), "sum": two_inputs()}, [("input", "sum"), ("sum", "output")], type_check=False
    )
    message = (
        "edge 'input' -> 'sum': got the nested graph 'sum' with 2 Input nodes, expected exactly"
        " one. Let the edge name the port, as in 'sum.input'."
    )
    with pytest.raises(InputError, match=message):
        load_graph(source)
    source.edges = [("input", "sum.input"), ("input", "sum.other"), ("sum", "output")]
    assert load_graph(source).targets("input") == ["sum.a", "sum.b"]


def test_paths_that_fall_together_count_twice():
    through = nir.NIRGraph(ends(), [("input", "output")], type_check=False)
    source = nir.NIRGraph(
        {**ends(), "a": through},
        [("input", "a"), ("a", "output"), ("input", "output")],
        type_check=False,
    )
    graph = load_graph(source)
    (name,) = graph.targets("input")
    assert graph.targets(name) == ["output"]
    assert graph.nodes[name].scale == 2


def test_the_scale_of_paths_that_fall_together_finds_a_name_of_its_own():
    through = nir.NIRGraph(ends(), [("input", "output")], type_check=False)
    taken = "input_2_times_into_output"
    source = nir.NIRGraph(
        {**ends(), "a": through, taken: nir.Output(np.array([3]))},
        [("input", "a"), ("a", "output"), ("input", "output"), ("input", taken)],
        type_check=False,
    )
    graph = load_graph(source)
    assert set(graph.outputs) == {"output", taken}
    (name,) = graph.sources("output")
    assert name not in ("input", taken) and graph.nodes[name].scale == 2


def test_names_that_collide_are_refused(recurrent, lif):
    source = recurrent()
    source.nodes["population.lif"] = lif(3)
    with pytest.raises(InputError, match="'population.lif' .LIF.: got a name that is empty or tak"):
        load_graph(source)


def test_ports_that_multiply_edges_are_refused():
    from axonc.toolchain.frontend import Limits

    inner = nir.NIRGraph(ends(), [("input", "output")], type_check=False)
    many = {f"{side}{i}": nir.Scale(np.ones(3)) for side in "ab" for i in range(20)}
    edges = [(f"a{i}", "hub") for i in range(20)] + [("hub", f"b{i}") for i in range(20)]
    source = nir.NIRGraph({**ends(), **many, "hub": inner}, edges, type_check=False)
    with pytest.raises(InputError, match="expected ports that make at most 100 edges"):
        load_graph(source, limits=Limits(edges=100))


@settings(deadline=None)
@given(length=st.integers(1, 8), data=st.data())
def test_nesting_any_part_of_a_chain_changes_names_alone(length, data):
    """A slice of a chain, put into a graph of its own, twice over, keeps the same paths."""
    names = [f"s{i}" for i in range(length)]
    nodes = {name: nir.Scale(np.full(3, float(i + 1))) for i, name in enumerate(names)}
    chain = ["input", *names, "output"]
    whole = ends()
    path = list(zip(chain, chain[1:], strict=False))
    flat = load_graph(nir.NIRGraph({**whole, **nodes}, path, type_check=False))
    for turn in range(2):
        inner = [name for name in chain if name not in ("input", "output")]
        start = data.draw(st.integers(0, len(inner) - 1))
        stop = data.draw(st.integers(start + 1, len(inner)))
        part = ["input", *inner[start:stop], "output"]
        name = f"g{turn}"
        members = {key: nodes.pop(key) for key in inner[start:stop]}
        edges = list(zip(part, part[1:], strict=False))
        nodes[name] = nir.NIRGraph({**ends(), **members}, edges, type_check=False)
        chain = ["input", *inner[:start], name, *inner[stop:], "output"]
    edges = list(zip(chain, chain[1:], strict=False))
    graph = load_graph(nir.NIRGraph({**ends(), **nodes}, edges, type_check=False))
    short = {name: name.split(".")[-1] for name in graph.nodes}
    assert {(short[a], short[b], d) for a, b, d in graph.edges} == set(flat.edges)
    for name, node in graph.nodes.items():
        assert node == flat.nodes[short[name]]
