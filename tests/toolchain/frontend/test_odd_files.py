"""Files that their writers and HDF5 made odd, and that still have one meaning."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.reference import execute

SPIKES = np.random.default_rng(0).random((2, 5, 2)) < 0.5


def ends():
    return {
        "input": nir.Input({"input": np.array([2])}),
        "output": nir.Output({"output": np.array([2])}),
    }


def scale(*factors):
    return nir.Scale(np.array(factors or (1.0, 1.0)))


def graph_of(nodes, edges):
    return nir.NIRGraph({**ends(), **nodes}, edges, type_check=False)


def refusal(source):
    with pytest.raises(InputError) as error:
        load_graph(source)
    return str(error.value)


def test_names_with_slashes_are_names(written):
    """HDF5 makes groups of them, which the package nir cannot read back."""
    names = ("a/b", "a/c/d")
    edges = [("input", "a/b"), ("a/b", "a/c/d"), ("a/c/d", "output")]
    graph = load_graph(written(graph_of({name: scale(2, 3) for name in names}, edges)))
    assert list(graph.nodes) == ["input", *names, "output"]
    assert np.array_equal(execute(graph, SPIKES).output, SPIKES * np.array([4.0, 9.0]))


def test_a_node_without_edges_is_left_out(lif):
    source = graph_of({"scale": scale(), "lost": lif(7)}, [("input", "scale"), ("scale", "output")])
    graph = load_graph(source)
    assert list(graph.nodes) == ["input", "output", "scale"]
    assert "node 'lost' (LIF) has no edges: it was left out." in graph.dialect.notes


def test_an_output_that_nothing_feeds_is_refused():
    assert "node 'output' (Output): got no edge into it" in refusal(graph_of({}, []))
    idle = {"idle": nir.Output({"output": np.array([2])}), "scale": scale()}
    edges = [("input", "scale"), ("scale", "output"), ("idle", "scale")]
    assert "an edge out of it" in refusal(graph_of(idle, edges))


def test_a_signal_through_two_ports_counts_twice():
    ports = {name: nir.Input({"input": np.array([2])}) for name in ("left", "right")}
    inner = nir.NIRGraph(
        {**ports, "sum": scale(), "output": nir.Output({"output": np.array([2])})},
        [("left", "sum"), ("right", "sum"), ("sum", "output")],
        type_check=False,
    )
    edges = [("input", "sub.left"), ("input", "sub.right"), ("sub", "output")]
    graph = load_graph(graph_of({"sub": inner}, edges))
    assert np.array_equal(execute(graph, SPIKES).output, 2.0 * SPIKES)


def test_inputs_come_in_natural_order(written):
    inputs = {f"in{i}": nir.Input({"input": np.array([2])}) for i in (10, 2, 1)}
    nodes = {**inputs, "sum": scale(), "out": nir.Output({"output": np.array([2])})}
    source = nir.NIRGraph(
        nodes, [*((name, "sum") for name in inputs), ("sum", "out")], type_check=False
    )
    graph = load_graph(written(source))
    assert list(graph.inputs) == ["in1", "in2", "in10"]
    with pytest.raises(InputError, match="one for each of its Input nodes: in1, in2, in10"):
        execute(graph, SPIKES)


def test_what_the_version_field_says_does_not_matter_if_it_is_no_text(written):
    def number(file):
        del file["version"]
        file["version"] = 1.0

    path = written(graph_of({"scale": scale()}, [("input", "scale"), ("scale", "output")]), number)
    assert load_graph(path).nodes["scale"] == load_graph(path).nodes["scale"]


def test_a_text_may_come_in_an_array_of_one(chain, written):
    def boxed(file):
        del file["node/nodes/conv/padding"]
        file["node/nodes/conv/padding"] = np.array([b"same"])

    conv = nir.Conv2d((4, 4), np.ones((1, 1, 3, 3)), 1, "same", 1, 1, np.zeros(1))
    graph = load_graph(written(chain([1, 4, 4], [1, 4, 4], conv=conv), boxed))
    assert graph.nodes["conv"].window.padding == ((1, 1), (1, 1))


def test_flatten_has_nirs_defaults(chain, written):
    flat = nir.Flatten({"input": np.array([2, 3])}, 1, -1)

    def bare(file):
        for name in ("start_dim", "end_dim"):
            del file["node/nodes/flat"][name]

    source = chain([2, 3], 4, flat=flat, fc=nir.Linear(np.ones((4, 6))))
    assert load_graph(written(source, bare)).shapes["flat"] == (6,)


def test_a_bias_may_be_a_row(chain):
    affine = nir.Affine(np.eye(3), np.zeros(3))
    affine.bias = np.array([[1.0, 2.0, 3.0]])
    bias = load_graph(chain(3, 3, fc=affine)).nodes["fc"].bias
    assert bias is not None and bias.tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_numbers_that_overflow_are_refused(kind, chain):
    weight = np.full((2, 2), 1e35, kind)
    assert "got values above 1e30 in 4 of 4 values" in refusal(chain(2, 2, fc=nir.Linear(weight)))


def test_a_very_long_type_is_not_repeated_at_length(chain, written):
    def renamed(file):
        del file["node/nodes/fc/type"]
        file["node/nodes/fc/type"] = "L" * 4000

    assert len(refusal(written(chain(2, 2, fc=nir.Linear(np.eye(2))), renamed))) < 600


def test_a_delay_longer_than_the_run_takes_no_memory(chain):
    graph = load_graph(chain(2, 2, late=nir.Delay(np.array([1e9, 1e-4]))))
    out = execute(graph, SPIKES).output
    assert not out[..., 0].any()
    assert np.array_equal(out[:, 1:, 1], SPIKES[:, :-1, 1])
