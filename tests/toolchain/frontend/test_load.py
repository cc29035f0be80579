"""Graphs written by the package nir load, from files and objects, as what was written."""

from __future__ import annotations

from dataclasses import fields

import nir
import numpy as np
import pytest

from axonc.toolchain import ir
from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import load_graph

RNG = np.random.default_rng(1)


def weights(*shape, dtype=np.float32):
    return RNG.normal(size=shape).astype(dtype)


def window(stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1)):
    return ir.Window(stride, padding, dilation)


MATRIX, BIAS = weights(3, 4), weights(3)
KERNEL_1D, KERNEL_2D = weights(6, 2, 3), weights(6, 2, 3, 5)
PARAMETERS = {
    name: RNG.uniform(0.1, 1.0, size=4)
    for name in "tau tau_mem tau_syn r v_leak v_threshold v_reset w_in threshold delay".split()
}


def neuron(kind):
    """Return a NIR neuron and the node that it must become."""
    node_type = getattr(ir, kind.__name__)
    names = [field.name for field in fields(node_type) if field.name != "shape"]
    values = {name: PARAMETERS[name] for name in names}
    return kind(**values), node_type((4,), **values)


CASES = {
    "Affine": ((4,), nir.Affine(MATRIX, BIAS), ir.Affine(MATRIX, BIAS)),
    "Linear": ((4,), nir.Linear(MATRIX), ir.Affine(MATRIX)),
    "Scale": ((4,), nir.Scale(PARAMETERS["r"]), ir.Scale(PARAMETERS["r"])),
    "Delay": ((4,), nir.Delay(PARAMETERS["delay"]), ir.Delay(PARAMETERS["delay"])),
    "Conv1d": (
        (4, 9),
        nir.Conv1d(9, KERNEL_1D, 2, 1, 1, 2, weights(6) * 0),
        ir.Conv(KERNEL_1D, ir.Window((2,), ((1, 1),), (1,)), 2, np.zeros(6, np.float32)),
    ),
    "Conv2d": (
        (2, 9, 9),
        nir.Conv2d((9, 9), KERNEL_2D, (2, 1), (1, 2), 1, 1, weights(6) * 0),
        ir.Conv(KERNEL_2D, window((2, 1), ((1, 1), (2, 2))), 1, np.zeros(6, np.float32)),
    ),
    "Conv2d same": (
        (2, 9, 8),
        nir.Conv2d((9, 8), weights(1, 2, 4, 2) * 0, 1, "same", (2, 1), 1, np.zeros(1)),
        ir.Conv(
            np.zeros((1, 2, 4, 2), np.float32),
            window(padding=((3, 3), (0, 1)), dilation=(2, 1)),
            1,
            np.zeros(1),
        ),
    ),
    "SumPool2d": (
        (2, 8, 8),
        nir.SumPool2d(np.array([2, 4]), np.array([2, 2]), np.array([0, 1])),
        ir.SumPool((2, 4), window((2, 2), ((0, 0), (1, 1)))),
    ),
    "AvgPool2d": (
        (2, 8, 8),
        nir.AvgPool2d(np.array(2), np.array(2), np.array(0)),
        ir.AvgPool((2, 2), window((2, 2))),
    ),
    "Flatten": ((2, 3), nir.Flatten({"input": np.array([2, 3])}, 0, -1), ir.Flatten(0, -1)),
    **{
        kind.__name__: ((4,), *neuron(kind))
        for kind in (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF, nir.Threshold)
    },
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("way", ["file", "object"])
def test_every_node_of_nir_loads_as_written(name, way, chain, written):
    shape, node, expected = CASES[name]
    source = chain(shape, expected.output_shape(shape), node=node)
    if way == "file":
        if name == "AvgPool2d":  # nir 1.0.8 cannot write arrays without axes under compression
            nir_node = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
            source.nodes["node"] = nir_node
        source = written(source)
    graph = load_graph(source)
    assert graph.nodes["node"] == expected
    assert graph.stage is ir.Stage.IMPORTED
    assert [edge[:2] for edge in graph.edges] == [("input", "node"), ("node", "output")]
    assert graph.shapes["output"] == expected.output_shape(shape)


@pytest.mark.parametrize(
    ("written_as", "kept_as"),
    [
        (np.bool_, np.int8),
        (np.int8, np.int8),
        (np.uint8, np.int16),
        (np.int32, np.int32),
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.dtype(">f4"), np.dtype("=f4")),
    ],
)
def test_weights_keep_their_values_and_their_kind(written_as, kept_as, chain, written):
    matrix = np.array([[0, 1, 1, 0], [1, 1, 0, 1]]).astype(written_as)
    graph = load_graph(written(chain(4, 2, fc=nir.Linear(matrix))))
    assert graph.nodes["fc"].weight.dtype == kept_as
    assert np.array_equal(graph.nodes["fc"].weight, matrix)


def test_tensors_are_taken_as_arrays(chain):
    torch = pytest.importorskip("torch")
    matrix = torch.nn.Parameter(torch.ones(3, 4))
    assert np.array_equal(
        load_graph(chain(4, 3, fc=nir.Linear(matrix))).nodes["fc"].weight, MATRIX**0
    )


def test_the_callers_arrays_stay_writable(chain):
    matrix = MATRIX.copy()
    load_graph(chain(4, 3, fc=nir.Linear(matrix)))
    matrix[0, 0] = 1.0


def test_numbers_keep_their_natural_order_where_the_file_has_none(chain, written):
    nodes = {str(i): nir.Scale(np.ones(4)) for i in range(12)}
    graph = load_graph(written(chain(4, 4, **nodes)))
    assert list(graph.nodes) == ["input", *map(str, range(12)), "output"]


def test_an_object_keeps_its_own_order(chain):
    source = chain(4, 4, a=nir.Scale(np.ones(4)))
    source.nodes = dict(reversed(source.nodes.items()))
    assert list(load_graph(source).nodes) == ["output", "a", "input"]


def test_missing_ends_are_added_with_a_note(lif):
    source = nir.NIRGraph({"lif": lif(3)}, [], type_check=False)
    graph = load_graph(source)
    assert graph.edges == (("input_lif", "lif", 0), ("lif", "output_lif", 0))
    assert graph.shapes["output_lif"] == (3,)
    assert (
        "node 'lif' (LIF) is fed by nothing: an Input 'input_lif' was added." in graph.dialect.notes
    )


def test_a_file_of_a_single_node_loads(lif, tmp_path):
    nir.write(tmp_path / "single.nir", lif(3))
    assert list(load_graph(tmp_path / "single.nir").nodes) == ["lif", "input_lif", "output_lif"]


def test_several_edges_into_a_node_stay(lif):
    source = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([4])}),
            "a": nir.Linear(MATRIX),
            "b": nir.Affine(MATRIX, BIAS),
            "lif": lif(3),
            "output": nir.Output({"output": np.array([3])}),
        },
        [("input", "a"), ("input", "b"), ("a", "lif"), ("b", "lif"), ("lif", "output")],
    )
    assert load_graph(source).sources("lif") == ["a", "b"]


def test_the_graph_is_named_after_its_file(chain, written):
    assert load_graph(written(chain(4, 4, a=nir.Scale(np.ones(4))))).name == "network"


def test_something_else_is_refused():
    message = r"^the network: got dict, expected a path or a nir\.NIRGraph\. Pass the path"
    with pytest.raises(InputError, match=message):
        load_graph({})
