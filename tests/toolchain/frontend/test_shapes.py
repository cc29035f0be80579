"""Shapes are torch's where torch has the layer, and parameters fit in one way only."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.reference import linear_step


def connection(node, shape):
    """Return what a NIR node becomes that is fed a signal of `shape`."""
    members = {"input": nir.Input({"input": np.array(shape)}), "node": node}
    graph = load_graph(nir.NIRGraph(members, [("input", "node")], type_check=False))
    return graph.nodes["node"]


def output_shape(node, shape):
    return connection(node, shape).output_shape(shape)


pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(deadline=None)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=pairs,
    stride=pairs,
    dilation=pairs,
    padding=st.one_of(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.just("same")),
    groups=st.integers(1, 3),
)
def test_convolutions_have_the_shapes_of_torch(size, kernel, stride, dilation, padding, groups):
    torch = pytest.importorskip("torch")
    if padding == "same":
        stride = (1, 1)  # torch has no other
    weight = np.ones((2 * groups, 2, *kernel), np.float32)
    weight = np.arange(weight.size, dtype=np.float32).reshape(weight.shape) % 7 - 3
    x = torch.arange(2 * groups * size[0] * size[1]).reshape(1, -1, *size) % 5.0
    try:
        expected = torch.nn.functional.conv2d(
            x, torch.tensor(weight), None, stride, padding, dilation, groups
        )
    except RuntimeError:  # nothing comes out
        assume(False)
    node = nir.Conv2d(None, weight, stride, padding, dilation, groups, np.zeros(2 * groups))
    found = connection(node, (2 * groups, *size))
    assert found.output_shape((2 * groups, *size)) == tuple(expected.shape[1:])
    assert np.array_equal(linear_step(found)(x.numpy()), expected.numpy())


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(4, 12), st.integers(4, 12)),
    kernel=pairs,
    stride=pairs,
    padding=st.tuples(st.integers(0, 1), st.integers(0, 1)),
)
def test_pools_have_the_shapes_of_torch(size, kernel, stride, padding):
    torch = pytest.importorskip("torch")
    assume(all(2 * p <= k for p, k in zip(padding, kernel, strict=True)))  # torch's rule
    expected = torch.nn.functional.avg_pool2d(torch.zeros((1, 3, *size)), kernel, stride, padding)
    numbers = [np.array(value) for value in (kernel, stride, padding)]
    for kind in (nir.SumPool2d, nir.AvgPool2d):
        assert output_shape(kind(*numbers), (3, *size)) == tuple(expected.shape[1:])


def test_same_padding_strides_after_it_pads():
    node = nir.Conv2d(None, np.ones((1, 1, 3, 3)), 2, "same", 1, 1, np.zeros(1))
    assert output_shape(node, (1, 7, 8)) == (1, 4, 4)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (1, 1, 1, 1)])
def test_single_numbers_stand_for_a_population(shape, lif):
    node = lif(shape)
    graph = load_graph(
        nir.NIRGraph(
            {"input": nir.Input({"input": np.array([2, 5, 5])}), "lif": node},
            [("input", "lif")],
            type_check=False,
        )
    )
    assert graph.nodes["lif"].shape == (2, 5, 5)
    assert np.broadcast_shapes(graph.nodes["lif"].tau.shape, (2, 5, 5)) == (2, 5, 5)


def test_one_number_a_channel(lif):
    assert output_shape(lif((2, 1, 1)), (2, 5, 5)) == (2, 5, 5)


def test_a_parameter_that_could_be_channel_or_column_is_refused(lif):
    message = r"got shape \(5,\) for a signal of \(5, 5, 5\), expected one number, or one a neuron"
    with pytest.raises(InputError, match=message):
        output_shape(lif((5,)), (5, 5, 5))


@pytest.mark.parametrize(
    ("start", "end", "following", "flat"),
    [
        (0, -1, 12, (12,)),
        (1, -1, 12, (12,)),  # counted with a batch axis
        (1, 3, 12, (12,)),
        (1, -1, None, (2, 6)),
        (0, 1, None, (4, 3)),
    ],
)
def test_flatten_is_read_as_it_fits(start, end, following, flat):
    nodes = {
        "input": nir.Input({"input": np.array([2, 2, 3])}),
        "flatten": nir.Flatten({"input": None}, start, end),
    }
    edges = [("input", "flatten")]
    if following:
        nodes["fc"] = nir.Linear(np.ones((1, following)))
        edges.append(("flatten", "fc"))
    graph = load_graph(nir.NIRGraph(nodes, edges, type_check=False))
    assert graph.shapes["flatten"] == flat


def test_flatten_that_knows_a_batch_axis():
    nodes = {
        "input": nir.Input({"input": np.array([2, 2, 3])}),
        "flatten": nir.Flatten({"input": np.array([1, 2, 2, 3])}, 1, -1),
    }
    graph = load_graph(nir.NIRGraph(nodes, [("input", "flatten")], type_check=False))
    assert graph.shapes["flatten"] == (12,)


@pytest.mark.parametrize("batch", [1, 32])
def test_a_batch_axis_of_the_input_is_dropped(batch, chain, lif):
    source = chain((batch, 4), (batch, 3), fc=nir.Linear(np.ones((3, 4))), lif=lif((1, 3)))
    graph = load_graph(source)
    assert graph.shapes["input"] == (4,)
    assert graph.shapes["output"] == (3,)
    assert len([note for note in graph.dialect.notes if "axis" in note or "claims" in note]) == 3


@pytest.mark.parametrize("axes", [(1, 1), (1, 100), (8, 100)])
def test_axes_of_batch_and_time_are_dropped(axes, chain, lif):
    """rockpool 3.1 writes its sample's whole shape."""
    graph = load_graph(chain((*axes, 4), (*axes, 3), fc=nir.Linear(np.ones((3, 4))), lif=lif(3)))
    assert graph.shapes["input"] == (4,)
    assert any("with axes of batch and time before it" in note for note in graph.dialect.notes)
    with pytest.raises(InputError, match="Put a Flatten node before it"):
        load_graph(chain((1, 2, 2), 3, fc=nir.Linear(np.ones((3, 4))), lif=lif(3)))


@pytest.mark.parametrize("axes", [(1, 1), (8, 100)])
def test_axes_of_batch_and_time_before_an_image_are_dropped(axes, chain):
    conv = nir.Conv2d((5, 5), np.ones((3, 2, 3, 3)), 1, 0, 1, 1, np.zeros(3))
    graph = load_graph(chain((*axes, 2, 5, 5), (*axes, 3, 3, 3), conv=conv))
    assert graph.shapes["input"] == (2, 5, 5) and graph.shapes["output"] == (3, 3, 3)


def test_parameters_repeated_for_a_batch(lif):
    assert output_shape(lif((4, 2, 5, 5)), (2, 5, 5)) == (2, 5, 5)
    node = lif((4, 2, 5, 5))
    node.r[1] = 2.0
    with pytest.raises(InputError, match=r"r: got shape \(4, 2, 5, 5\) for a signal of"):
        output_shape(node, (2, 5, 5))


@pytest.mark.parametrize("bias", [np.array(False), np.array(0.0), np.array([0.0])])
def test_a_bias_of_one_zero_is_none(bias, chain):
    graph = load_graph(chain(4, 3, fc=nir.Affine(np.ones((3, 4)), bias)))
    assert graph.nodes["fc"].bias is None


def test_a_bias_of_one_number_is_for_all(chain):
    graph = load_graph(chain(4, 3, fc=nir.Affine(np.ones((3, 4)), np.array(2.0))))
    assert np.array_equal(graph.nodes["fc"].bias, [2.0, 2.0, 2.0])
