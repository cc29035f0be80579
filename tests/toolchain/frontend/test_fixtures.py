"""Graphs that others wrote load with the right shapes, recurrence and dialect."""

from __future__ import annotations

import pytest

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.ir import Edge, IFConvention, Integrator, Reset


def test_lif_of_norse(shared):
    graph = load_graph(shared / "fixtures/nir/lif_norse.nir")
    assert {name: node.kind for name, node in graph.nodes.items()} == {
        "input": "Input",
        "0": "Affine",
        "1": "LIF",
        "output": "Output",
    }
    assert graph.dialect.dt == 1e-4
    assert graph.dialect.reset is Reset.SUBTRACT
    assert "dt = 0.0001 was assumed: the file does not say." in graph.dialect.notes


def test_cnn_of_sinabs(shared):
    graph = load_graph(shared / "fixtures/nir/cnn_sinabs.nir")
    shapes = [graph.shapes[name] for name in ("0", "2", "4", "5", "7", "8", "9", "output")]
    assert shapes == [
        (16, 16, 16),
        (16, 16, 16),
        (16, 8, 8),
        (8, 8, 8),
        (8, 4, 4),
        (128,),
        (256,),
        (10,),
    ]
    assert list(graph.nodes) == ["input", *map(str, range(13)), "output"]
    assert graph.dialect.if_convention is IFConvention.PER_STEP


def test_braille(shared):
    graph = load_graph(shared / "fixtures/nir/braille_subtract.nir")
    assert [e for e in graph.edges if e.delay] == [Edge("lif1.lif", "lif1.w_rec", 1)]
    assert graph.shapes["lif1.lif"] == (40,)
    assert (graph.dialect.dt, graph.dialect.reset) == (1e-4, Reset.SUBTRACT)
    assert graph.dialect.integrator is Integrator.EULER
    assert "dt = 0.0001 was recognised by r = tau/dt." in graph.dialect.notes


def test_a_batch_axis_is_dropped_with_notes(shared):
    graph = load_graph(shared / "fixtures/nir/malformed/scnn_no_input_shape.nir")
    assert graph.inputs["input"].shape == (2, 34, 34)
    assert graph.shapes["8"] == (128,)
    notes = " ".join(graph.dialect.notes)
    assert "its shape (1, 2, 34, 34) was read as (2, 34, 34) with a batch axis" in notes
    assert "node '8' (Flatten): its axes 1 to -1 were read as counted with a batch axis" in notes


def test_a_dangling_edge_is_named(shared):
    with pytest.raises(InputError, match="'lif1.input' -> 'lif1.lif': got no node 'lif'") as error:
        load_graph(shared / "fixtures/nir/malformed/braille_dangling_edge.nir")
    assert "did you mean 'lif1'?" in str(error.value)


def test_all_faults_are_told_at_once(shared):
    with pytest.raises(InputError, match="got 4 faults, expected none") as error:
        load_graph(shared / "fixtures/nir/malformed/shd_transposed_negative_tau.nir")
    text = str(error.value)
    assert "'linear' (Linear): got a weight of shape (128, 64) fed 128 inputs" in text
    assert "the transpose would fit" in text
    assert "'LIF' (LIF), tau: got values down to -3211.57 (8 of 64 are wrong)" in text
