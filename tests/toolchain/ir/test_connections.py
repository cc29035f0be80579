"""What a connection says about its synapses, against the matrix that unit impulses show."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.toolchain.ir import (
    SPIKES,
    Affine,
    AvgPool,
    Connection,
    Conv,
    Delay,
    Flatten,
    Node,
    Output,
    Range,
    Scale,
    Shape,
    SumPool,
    Taps,
    Window,
)
from axonc.toolchain.reference import linear_step

lengths = st.integers(1, 3)


@st.composite
def windows(draw: st.DrawFn, rank: int) -> tuple[Shape, Shape, Window]:
    """A size, a kernel and a window of which something comes out."""
    kernel = tuple(draw(lengths) for _ in range(rank))
    window = Window(
        stride=tuple(draw(lengths) for _ in range(rank)),
        padding=tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank)),
        dilation=tuple(draw(lengths) for _ in range(rank)),
    )
    size = tuple(
        max(1, (k - 1) * d + 1 - sum(p)) + draw(st.integers(0, 4))
        for k, d, p in zip(kernel, window.dilation, window.padding, strict=True)
    )
    return size, kernel, window


@st.composite
def connections(draw: st.DrawFn) -> tuple[Connection, Shape]:
    """A matrix, or a convolution over one or two axes, with absent synapses; its input's shape."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rank = draw(st.integers(0, 2))
    if rank == 0:
        shape = (draw(st.integers(1, 6)), draw(st.integers(1, 6)))
        return Affine(rng.integers(-3, 4, shape).astype(np.int8)), shape[1:]
    size, kernel, window = draw(windows(rank))
    groups, inputs, outputs = draw(lengths), draw(lengths), draw(lengths)
    weight = rng.integers(-3, 4, (groups * outputs, inputs, *kernel)).astype(np.int8)
    return Conv(weight, window, groups), (groups * inputs, *size)


def matrix_of(node: Node, shape: Shape) -> np.ndarray:
    """Return (output elements, input elements) as unit impulses show them."""
    impulses = np.eye(prod(shape)).reshape(-1, *shape)
    return linear_step(node)(impulses).reshape(len(impulses), -1).T


@settings(max_examples=200, deadline=None)
@given(connections())
def test_the_matrix_is_what_unit_impulses_show(drawn: tuple[Connection, Shape]) -> None:
    node, shape = drawn
    assert np.array_equal(node.matrix(shape), matrix_of(node, shape))


@settings(max_examples=200, deadline=None)
@given(connections())
def test_the_fan_out_counts_the_weights_behind_an_input(drawn: tuple[Connection, Shape]) -> None:
    node, shape = drawn
    fan_out = node.fan_out(shape)
    assert fan_out.shape == shape
    assert np.array_equal(fan_out.ravel(), np.count_nonzero(matrix_of(node, shape), axis=0))


@settings(max_examples=200, deadline=None)
@given(connections(), st.integers(0, 2**32 - 1))
def test_sums_stay_in_their_range(drawn: tuple[Connection, Shape], seed: int) -> None:
    node, shape = drawn
    rng = np.random.default_rng(seed)
    channels = (shape[0], *(1,) * (len(shape) - 1))
    low, high = rng.integers(-3, 1, channels), rng.integers(0, 4, channels)
    found = node.sum_range(Range(low, high), shape).broadcast_to(node.output_shape(shape))
    matrix = matrix_of(node, shape)
    up, down = np.maximum(matrix, 0), np.minimum(matrix, 0)
    lows, highs = (np.broadcast_to(end, shape).ravel() for end in (low, high))
    least, most = up @ lows + down @ highs, up @ highs + down @ lows
    assert (found.low.ravel() <= least).all() and (most <= found.high.ravel()).all()
    if not isinstance(node, Conv) or not any(map(sum, node.window.padding)):  # nothing is cut off
        assert np.array_equal(found.low.ravel(), least)
        assert np.array_equal(found.high.ravel(), most)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 2).flatmap(windows), st.integers(0, 2**32 - 1), st.booleans())
def test_pooled_signals_stay_in_their_range(
    drawn: tuple[Shape, Shape, Window], seed: int, sums: bool
) -> None:
    size, kernel, window = drawn
    node = (SumPool if sums else AvgPool)(kernel, window)
    rng = np.random.default_rng(seed)
    low, high = (rng.integers(*ends, (2, *size)) for ends in ((-3, 1), (0, 4)))
    found = node.output_range(Range(low, high), (2, *size))
    for _ in range(5):
        signal = np.where(rng.random((2, *size)) < 0.5, low, high).astype(float)
        sent = linear_step(node)(signal[None])[0]
        assert (found.low <= sent).all() and (sent <= found.high).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 2).flatmap(windows), st.integers(0, 2**32 - 1))
def test_a_pool_is_a_convolution_of_ones(drawn: tuple[Shape, Shape, Window], seed: int) -> None:
    size, kernel, window = drawn
    pool, shape = SumPool(kernel, window), (2, *size)
    assert np.array_equal(pool.as_conv(2).matrix(shape), matrix_of(pool, shape))
    values = np.random.default_rng(seed).integers(0, 9, shape)
    assert np.array_equal(pool.passed_on(values).ravel(), matrix_of(pool, shape) @ values.ravel())


def test_structure_passes_a_range_on() -> None:
    wide = Range(np.array([[-1], [2]]), np.array([[1], [5]]))
    flat = Flatten().output_range(wide, (2, 3))
    assert flat.low.tolist() == [-1, -1, -1, 2, 2, 2] and flat.high.tolist() == [1, 1, 1, 5, 5, 5]
    scaled = Scale(np.array([[-2.0], [3.0]])).output_range(wide, (2, 3))
    assert scaled.low.tolist() == [[-2], [6]] and scaled.high.tolist() == [[2], [15]]
    late = Delay(np.array(2)).output_range(wide, (2, 3))
    assert late.low.tolist() == [[-1], [0]] and late.high.tolist() == [[1], [5]]
    assert Output((2, 3)).output_range(wide, (2, 3)) is wide


def test_a_bias_moves_a_range() -> None:
    weight = np.array([[1.0, -2.0], [3.0, 4.0]])
    found = Affine(weight, np.array([0.5, -10.0])).output_range(SPIKES, (2,))
    assert found.low.tolist() == [-1.5, -10] and found.high.tolist() == [1.5, -3]
    window = Window((1,), ((0, 0),), (1,))
    found = Conv(weight[:, :, None], window, 1, np.array([1.0, 2.0])).output_range(SPIKES, (2, 5))
    assert found.low.tolist() == [[-1], [2]] and found.high.tolist() == [[2], [9]]


def pairs(taps: Taps) -> list[list[tuple[int, int]]]:
    """Return the (kernel index, output position) pairs of each source position."""
    flat = list(zip(taps.kernel.tolist(), taps.out.tolist(), strict=True))
    return [flat[a:b] for a, b in zip(taps.start, taps.start[1:], strict=False)]


@settings(max_examples=100, deadline=None)
@given(windows(1))
def test_taps_are_the_pairs_that_a_window_brings_over_a_position(
    drawn: tuple[Shape, Shape, Window],
) -> None:
    (size,), (kernel,), window = drawn
    (outputs,) = window.output_size((size,), (kernel,))
    expected: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    for k, o in product(range(kernel), range(outputs)):
        at = o * window.stride[0] + k * window.dilation[0] - window.padding[0][0]
        if 0 <= at < size:
            expected[at].append((k, o))
    (taps,) = window.taps((size,), (kernel,))
    assert pairs(taps) == expected
    assert (taps.kernel_size, taps.outputs) == (kernel, outputs)
    uses = np.zeros((outputs, size, kernel), int)
    for source, met in enumerate(expected):
        for k, o in met:
            uses[o, source, k] += 1
    assert np.array_equal(taps.uses(), uses)


@settings(max_examples=100, deadline=None)
@given(windows(1), windows(1), st.booleans())
def test_windows_in_a_row(
    first: tuple[Shape, Shape, Window], second: tuple[Shape, Shape, Window], weighs: bool
) -> None:
    size, kernel, window = first
    (one,) = window.taps(size, kernel)
    _, kernel, window = second
    between = (one.outputs + 8,)  # wide enough for any second window
    (two,) = window.taps(between, kernel)
    both = one.then(two, weighs=weighs)
    expected = [
        [(k if weighs else before, o) for before, q in met for k, o in pairs(two)[q]]
        for met in pairs(one)
    ]
    assert pairs(both) == expected
    first_out, last = both.outputs // 3, max(both.outputs // 3 + 1, both.outputs - 1)
    cut = both.within(first_out, last)
    inside = [[(k, o - first_out) for k, o in met if first_out <= o < last] for met in expected]
    assert pairs(cut) == inside and cut.outputs == last - first_out
    reaching = [p for p, met in enumerate(inside) if met]
    assert both.reaching(first_out, last) == (
        (reaching[0], reaching[-1] + 1) if reaching else (0, 0)
    )


@pytest.mark.parametrize("size", [1, 4])
def test_nothing_slides_along_an_axis_that_is_absent(size: int) -> None:
    taps = Taps.identity(size)
    assert pairs(taps) == [[(0, p)] for p in range(size)]
    assert (taps.kernel_size, taps.outputs) == (1, size)


@pytest.mark.parametrize(
    ("window", "fault"),
    [
        (Window((1, 1), ((0, 0), (0, 0)), (1, 1)), ""),
        (Window((1, 0), ((0, 0), (0, 0)), (1, 1)), "stride (1, 0)"),
        (Window((1, 1), ((0, 0), (0, 0)), (0, 1)), "dilation (0, 1)"),
        (Window((1, 1), ((0, 0), (1, -1)), (1, 1)), "padding ((0, 0), (1, -1)) is negative"),
        (Window((1,), ((0, 0),), (1,)), "need 2 entries each"),
        (Window((1, 1), ((0, 0),), (1, 1)), "need 2 entries each"),
        (Window((1, 1), ((0, 0), (0, 0)), (1,)), "need 2 entries each"),
    ],
)
def test_a_window_that_cannot_slide_is_a_fault(window: Window, fault: str) -> None:
    faults = Conv(np.ones((2, 1, 3, 3)), window).faults()
    assert fault in faults[0] if fault else not faults


@pytest.mark.parametrize(
    ("weight", "groups", "fault"),
    [
        (np.ones((4, 1, 3)), 4, ""),
        (np.ones((4, 1, 3)), 3, "3 groups do not divide 4 output channels"),
        (np.ones((4, 1, 3)), 0, "0 groups do not divide"),
        (np.ones((4, 1)), 1, "expected 3 or 4 axes"),
        (np.ones((4, 1, 3, 3, 3)), 1, "expected 3 or 4 axes"),
    ],
)
def test_a_kernel_of_odd_shape_or_groups_is_a_fault(
    weight: np.ndarray, groups: int, fault: str
) -> None:
    faults = Conv(weight, Window((1,), ((0, 0),), (1,)), groups).faults()
    assert fault in faults[0] if fault else not faults
