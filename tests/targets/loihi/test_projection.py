"""Paths composed into one matrix or kernel, against unit impulses sent through their nodes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from axonc.targets.loihi.projection import Refusal, projection_of, unrolled
from axonc.toolchain.ir import (
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    Output,
    ShapeError,
    Stage,
    SumPool,
    Window,
    narrowest_type,
    paths_into,
)
from axonc.toolchain.reference import linear_step


def weights(rng, *shape):
    weight = rng.integers(-2, 3, shape).astype(np.int8)
    return weight, narrowest_type(weight)


@st.composite
def nodes_behind(draw, shape):
    """One node, or two, that take spikes of `shape`."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["pool", "tiles", "convolution", "matrix"]))
    if len(shape) == 1 or kind == "matrix":
        size = int(np.prod(shape))
        flat = [Flatten()] if len(shape) > 1 else []
        return [*flat, IntegerAffine(*weights(rng, 3, size))]
    rank = len(shape) - 1
    few = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    if kind == "tiles":
        return [SumPool((2,) * rank, Window((2,) * rank, ((0, 0),) * rank, (1,) * rank))]
    window = Window(few(1, 2), tuple(zip(few(0, 2), few(0, 2), strict=True)), few(1, 2))
    if kind == "pool":
        return [SumPool(few(1, 3), window)]
    groups = draw(st.sampled_from([n for n in (1, 2, 3) if shape[0] % n == 0]))
    rows = groups * draw(st.integers(1, 2))
    weight, kind = weights(rng, rows, shape[0] // groups, *few(1, 3))
    return [IntegerConv(weight, kind, window, groups)]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_path_is_composed_exactly(data):
    sizes = data.draw(st.lists(st.integers(4, 9), min_size=1, max_size=2))
    shape = source = (data.draw(st.integers(1, 4)), *sizes)
    nodes = {"in": Input(source)}
    signal = np.eye(int(np.prod(source))).reshape(-1, *source)
    for _ in range(data.draw(st.integers(1, 3))):
        for node in data.draw(nodes_behind(shape)):
            try:
                shape = node.output_shape(shape)
            except ShapeError:
                assume(False)
            nodes[f"node{len(nodes)}"] = node
            signal = linear_step(node)(signal)
    nodes["out"] = Output(shape)
    edges = tuple(map(Edge, nodes, [*nodes][1:]))
    graph = Graph(Stage.INTEGER, nodes, edges)
    (path,) = paths_into(graph, "out")
    projection = projection_of(graph, path)
    matrix = unrolled(projection.weight, projection.kernel)
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, signal.reshape(len(signal), -1).T)
    if projection.kernel is not None:
        rows = (1,) * (3 - len(shape))
        assert projection.kernel.output_shape == (shape[0], *rows, *shape[1:])


def delayed(early, late, edge=0):
    """A path over a matrix, with delays before and behind it and of its last edge."""
    nodes = {
        "in": Input((2,)),
        "early": Delay(np.asarray(early, float)),
        "sum": IntegerAffine(*weights(np.random.default_rng(0), 3, 2)),
        "late": Delay(np.asarray(late, float)),
        "out": Output((3,)),
    }
    edges = tuple(map(Edge, nodes, [*nodes][1:]))
    graph = Graph(Stage.INTEGER, nodes, (*edges[:-1], Edge("late", "out", edge)))
    (path,) = paths_into(graph, "out")
    return projection_of(graph, path)


def test_delays_add_up_before_and_behind_the_sum():
    assert delayed([1, 4], [2, 2, 2], edge=3).delay.tolist() == [6, 9]
    assert delayed([4, 4], [2, 2, 2]).delay.tolist() == [6]
    assert delayed([1], [0]).delay.tolist() == [1]


@pytest.mark.parametrize(
    ("early", "late", "node", "why"),
    [
        ([1, 4], [2, 2, 3], "late", "delays each sum by its own"),
        ([1, 4], [2.5], "late", "fractions of a step"),
        ([1, 0.5], [2], "early", "fractions of a step"),
    ],
)
def test_a_delay_that_no_synapse_has_is_refused(early, late, node, why):
    with pytest.raises(Refusal, match=why) as raised:
        delayed(early, late)
    assert raised.value.node == node
