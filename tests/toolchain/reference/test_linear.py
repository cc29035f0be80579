"""Connections against loops over every output and every tap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.toolchain.ir import (
    Affine,
    AvgPool,
    Conv,
    IntegerAffine,
    IntegerConv,
    Scale,
    SumPool,
    Window,
    narrowest_type,
)
from axonc.toolchain.reference import linear_step


def looped_convolution(
    x: np.ndarray, weight: np.ndarray, window: Window, groups: int
) -> np.ndarray:
    """Correlate (batch, channels, y, x) with a kernel, one multiplication at a time."""
    per_group_in, per_group_out = weight.shape[1], len(weight) // groups
    out_size = window.output_size(x.shape[2:], weight.shape[2:])
    result = np.zeros((len(x), len(weight), *out_size), x.dtype)
    for b, o, *position in np.ndindex(*result.shape):
        for c, *tap in np.ndindex(*weight.shape[1:]):
            where = [
                p * s - pad[0] + k * d
                for p, s, pad, k, d in zip(
                    position, window.stride, window.padding, tap, window.dilation, strict=True
                )
            ]
            if all(0 <= w < n for w, n in zip(where, x.shape[2:], strict=True)):
                channel = o // per_group_out * per_group_in + c
                result[(b, o, *position)] += weight[(o, c, *tap)] * x[(b, channel, *where)]
    return result


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_integer_convolution_is_exact(data: st.DataObject) -> None:
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rank = draw(st.sampled_from([1, 2]))
    groups = draw(st.integers(1, 3))
    window = Window(
        stride=tuple(draw(st.integers(1, 3)) for _ in range(rank)),
        padding=tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(rank)),
        dilation=tuple(draw(st.integers(1, 2)) for _ in range(rank)),
    )
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    size = tuple(draw(st.integers(5, 8)) for _ in range(rank))
    weight = rng.integers(-4, 5, (2 * groups, draw(st.integers(1, 2)), *kernel))
    x = rng.integers(0, 3, (2, weight.shape[1] * groups, *size))
    node = IntegerConv(weight, narrowest_type(weight), window, groups)
    expected = looped_convolution(x, weight, window, groups)
    got = linear_step(node)(x)
    assert got.dtype == np.int64
    assert np.array_equal(got, expected)
    assert got.shape[1:] == node.output_shape(x.shape[1:])
    bias = rng.normal(size=len(weight))
    with_bias = linear_step(Conv(weight.astype(float), window, groups, bias))(x)
    # float64 sums of integers are exact; adding the bias is one rounding on both sides
    assert np.array_equal(with_bias, expected + bias.reshape(-1, *(1,) * rank))


def test_affine_and_scale() -> None:
    x = np.array([[1.0, 0.0, 2.0]])
    weight = np.array([[1, -1, 1], [-1, -1, 1]])
    assert linear_step(Affine(weight, np.array([0.5, 0.0])))(x).tolist() == [[3.5, 1.0]]
    assert linear_step(IntegerAffine(weight, narrowest_type(weight)))(x).tolist() == [[3, 1]]
    assert linear_step(Scale(np.array([2.0, 3.0, 4.0])))(x).tolist() == [[2.0, 0.0, 8.0]]


@pytest.mark.parametrize(("kind", "area"), [(SumPool, 1), (AvgPool, 4)])
def test_pools_count_padding_as_zeros(kind: type[SumPool], area: int) -> None:
    pool = kind((2, 2), Window((2, 2), ((1, 0), (0, 0)), (1, 1)))
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    expected = np.array([[[[0 + 1, 2 + 3], [4 + 5 + 8 + 9, 6 + 7 + 10 + 11]]]]) / area
    assert np.array_equal(linear_step(pool)(x), expected)


@pytest.mark.parametrize("fan_in", [256, 257, 1024, 8192])
def test_sums_of_wide_weights_are_exact_where_float32_is_not(fan_in: int) -> None:
    """Around 2^24 and above, float32 holds every second or fourth integer only."""
    rng = np.random.default_rng(fan_in)
    weight = rng.integers(2**16 - 2**12, 2**16, (4, fan_in)) - 2**15
    weight = (2 * weight + 1).clip(-(2**15), 2**15 - 1).astype(np.int16)
    spikes = rng.random((50, fan_in)) < 0.97
    step = linear_step(IntegerAffine(weight, narrowest_type(weight)))
    expected = spikes.astype(np.int64) @ weight.T.astype(np.int64)
    assert fan_in < 1024 or np.abs(expected).max() > 1 << 24
    np.testing.assert_array_equal(step(spikes), expected)
