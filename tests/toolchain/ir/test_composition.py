"""Two linear nodes in a row, and the one node that replaces them, on random sizes and inputs."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from axonc.toolchain.ir import (
    Affine,
    Conv,
    SumPool,
    Window,
    kernel_after_kernel,
    matrix_after_kernel,
    matrix_after_matrix,
)
from axonc.toolchain.reference.linear import linear_step


@st.composite
def convolutions(draw, channels, rank, *, padded=True):
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    outputs = groups * draw(st.integers(1, 2))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    kernel = [draw(st.integers(1, 3)) for _ in range(rank)]
    pads = st.integers(0, 2 if padded else 0)
    window = Window(
        stride=tuple(draw(st.integers(1, 3)) for _ in range(rank)),
        padding=tuple((draw(pads), draw(pads)) for _ in range(rank)),
        dilation=tuple(draw(st.integers(1, 2)) for _ in range(rank)),
    )
    weight = rng.integers(-3, 4, (outputs, channels // groups, *kernel)).astype(float)
    bias = rng.integers(-3, 4, outputs).astype(float) if draw(st.booleans()) else None
    return Conv(weight, window, groups, bias)


@st.composite
def two_convolutions(draw, *, padded_second):
    rank = draw(st.integers(1, 2))
    channels = draw(st.integers(1, 4))
    first = draw(convolutions(channels, rank))
    second = draw(convolutions(len(first.weight), rank, padded=padded_second))
    shape = (channels, *(draw(st.integers(5, 11)) for _ in range(rank)))
    assume(_fits(first, shape) and _fits(second, first.output_shape(shape)))
    return first, second, shape


def _fits(node, shape):
    spans = [
        d * (k - 1) + 1 for d, k in zip(node.window.dilation, node.weight.shape[2:], strict=True)
    ]
    sizes = [n + sum(p) for n, p in zip(shape[1:], node.window.padding, strict=True)]
    return all(size >= span for size, span in zip(sizes, spans, strict=True))


def _assert_same(one, first, second, x):
    expected = linear_step(second)(linear_step(first)(x))
    np.testing.assert_array_equal(linear_step(one)(x), expected, strict=True)


def _input(shape):
    return np.random.default_rng(0).integers(-2, 3, (2, *shape)).astype(float)


@given(two_convolutions(padded_second=False))
def test_two_convolutions_become_one(case):
    first, second, shape = case
    one = kernel_after_kernel(first, second, shape)
    x = _input(shape)
    assert one.output_shape(shape) == second.output_shape(first.output_shape(shape))
    _assert_same(one, first, second, x)


@given(two_convolutions(padded_second=True))
def test_a_padded_second_is_joined_only_where_the_border_stays_the_same(case):
    first, second, shape = case
    one = kernel_after_kernel(first, second, shape)
    if one is not None:
        x = _input(shape)
        np.testing.assert_array_equal(
            linear_step(one)(x), linear_step(second)(linear_step(first)(x))
        )


def test_a_padded_second_is_joined_behind_a_pointwise_first():
    still = Window((1, 1), ((0, 0), (0, 0)), (1, 1))
    padded = Window((1, 1), ((1, 1), (1, 1)), (1, 1))
    pointwise = Conv(np.array([[1.0, -2.0], [3.0, 1.0]]).reshape(2, 2, 1, 1), still)
    wide = Conv(np.arange(18.0).reshape(1, 2, 3, 3), padded)
    x = _input((2, 5, 5))
    one = kernel_after_kernel(pointwise, wide, (2, 5, 5))
    _assert_same(one, pointwise, wide, x)
    biased = Conv(pointwise.weight, still, bias=np.ones(2))
    assert kernel_after_kernel(biased, wide, (2, 5, 5)) is None
    edges = Conv(np.ones((1, 1, 3, 3)), padded)
    assert kernel_after_kernel(Conv(wide.weight, still), edges, (2, 5, 5)) is None


@pytest.mark.parametrize(("size", "joins"), [(6, True), (7, False)])
def test_a_padded_second_is_joined_behind_tiles_that_cover_the_input(size, joins):
    """Where a row is left over, the tile beyond the border would see it."""
    tiles = Window((2, 2), ((0, 0), (0, 0)), (1, 1))
    padded = Window((1, 2), ((1, 1), (2, 0)), (1, 2))
    pool = SumPool((2, 2), tiles).as_conv(2)
    second = Conv(np.arange(36.0).reshape(2, 2, 3, 3) - 18, padded)
    x = _input((2, size, 8))
    one = kernel_after_kernel(pool, second, (2, size, 8))
    assert (one is not None) == joins
    if one is not None:
        _assert_same(one, pool, second, x)


def test_a_dilation_that_skips_zeros_alone_is_kept():
    window = Window((1,), ((0, 0),), (2,))
    one = kernel_after_kernel(
        Conv(np.ones((1, 1, 3)), window), Conv(np.array([[[1.0, 10.0]]]), window), (1, 9)
    )
    assert one.window.dilation == (2,)
    assert one.weight.tolist() == [[[1, 11, 11, 10]]]


def test_groups_that_both_have_remain():
    window = Window((1,), ((0, 0),), (1,))
    depthwise = Conv(np.ones((4, 1, 3)), window, 4)
    assert kernel_after_kernel(depthwise, SumPool((2,), window).as_conv(4), (4, 9)).groups == 4
    assert kernel_after_kernel(depthwise, Conv(np.ones((4, 2, 1)), window, 2), (4, 9)).groups == 2
    assert kernel_after_kernel(depthwise, Conv(np.ones((3, 4, 1)), window), (4, 9)).groups == 1


@given(st.data())
def test_a_matrix_behind_a_flattened_convolution_becomes_one_matrix(data):
    rank, channels = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 4))
    first = data.draw(convolutions(channels, rank))
    shape = (channels, *(data.draw(st.integers(5, 8)) for _ in range(rank)))
    assume(_fits(first, shape))
    between = int(np.prod(first.output_shape(shape)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    second = Affine(
        rng.integers(-3, 4, (3, between)).astype(float),
        rng.integers(-3, 4, 3).astype(float) if data.draw(st.booleans()) else None,
    )
    one, x = matrix_after_kernel(first, second, shape), _input(shape)
    expected = linear_step(second)(linear_step(first)(x).reshape(2, -1))
    np.testing.assert_array_equal(linear_step(one)(x.reshape(2, -1)), expected, strict=True)


@pytest.mark.parametrize("first_bias", [None, np.array([1.0, -2.0])])
@pytest.mark.parametrize("second_bias", [None, np.array([0.5])])
def test_two_matrices_become_one(first_bias, second_bias):
    first = Affine(np.array([[1, 2, 3], [4, 5, 6]]), first_bias)
    second = Affine(np.array([[1.0, -1.0]]), second_bias)
    x = _input((3,))
    one = matrix_after_matrix(first, second)
    _assert_same(one, first, second, x)
