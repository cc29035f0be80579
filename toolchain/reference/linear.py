"""Connections and structure without state: one function a node, on a batch of one time step.

Sums are taken in float64. Where weights and spikes are integers the result is exact: every partial
sum is an integer below 2^53, since a fan-in of 2^32 with 16-bit weights stays below it. Where the
spikes are bits and no row of integer weights can add up to 2^24, float32 is as exact and is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..errors import InternalError
from ..ir import (
    Affine,
    AvgPool,
    Conv,
    Flatten,
    IntegerAffine,
    IntegerConv,
    Node,
    Scale,
    SumPool,
    Window,
)

Step = Callable[[np.ndarray], np.ndarray]
"""Maps (batch, *input shape) to (batch, *output shape)."""


def linear_step(node: Node) -> Step:
    """Return the function of a stateless node; integer nodes return int64."""
    match node:
        case Affine(weight=weight, bias=bias):
            multiply = _matrix_product(weight)
            return lambda x: _plus(multiply(x), bias, spatial_axes=0)
        case IntegerAffine(weight=weight):
            multiply = _matrix_product(weight)
            return lambda x: multiply(x).astype(np.int64)
        case Conv(weight=weight, window=window, groups=groups, bias=bias):
            axes = weight.ndim - 2
            slide = _convolution(weight, window, groups)
            return lambda x: _plus(slide(x), bias, spatial_axes=axes)
        case IntegerConv(weight=weight, window=window, groups=groups):
            slide = _convolution(weight, window, groups)
            return lambda x: slide(x).astype(np.int64)
        case Scale(scale=scale):
            return lambda x: x * scale.astype(np.float64)
        case AvgPool(kernel=kernel, window=window):
            area = float(np.prod(kernel))
            return lambda x: pooled(x, kernel, window) / area
        case SumPool(kernel=kernel, window=window):
            return lambda x: pooled(x, kernel, window)
        case Flatten():
            return lambda x: x.reshape(len(x), *node.output_shape(x.shape[1:]))
    raise InternalError(f"no step function for node kind {node.kind}")


def _in_exact_types(weight: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that gives the weights for an input, in the type to compute in.

    That is the narrowest floating type in which sums of these weights over that input are exact.
    """
    sums = np.abs(weight.reshape(len(weight), -1).astype(np.float64)).sum(axis=1)
    may_be_narrow = weight.dtype.kind == "i" and sums.max(initial=0) < 1 << 24
    kept: dict[type[np.floating], np.ndarray] = {}

    def weights_for(x: np.ndarray) -> np.ndarray:
        kind = np.float32 if may_be_narrow and x.dtype.kind == "b" else np.float64
        if kind not in kept:
            kept[kind] = weight.astype(kind)
        return kept[kind]

    return weights_for


def _matrix_product(weight: np.ndarray) -> Step:
    """Return x -> x W^T."""
    weights_for = _in_exact_types(weight)

    def multiply(x: np.ndarray) -> np.ndarray:
        weights = weights_for(x)
        return x.astype(weights.dtype) @ weights.T

    return multiply


def _convolution(weight: np.ndarray, window: Window, groups: int) -> Step:
    """Return the cross-correlation of (batch, channels, *size) with `weight`.

    The input is unrolled tap by tap into columns, which one matrix product a group then weighs.
    """
    outputs, channels, *kernel = weight.shape
    matrix = weight.reshape(groups, outputs // groups, channels, -1)
    weights_for = _in_exact_types(matrix.swapaxes(2, 3).reshape(groups, outputs // groups, -1))
    count = int(np.prod(kernel))

    def slide(x: np.ndarray) -> np.ndarray:
        weights = weights_for(x)
        size = window.output_size(x.shape[2:], tuple(kernel))
        result = np.empty((len(x), outputs, *size), weights.dtype)
        unrolled = weights.shape[2] * groups * int(np.prod(size))
        at_once = max(1, _LARGEST_COLUMNS // unrolled)
        for start in range(0, len(x), at_once):
            part = x[start : start + at_once]
            columns = np.empty((len(part), groups, count, channels, *size), weights.dtype)
            for index, (_, view) in enumerate(taps(part, tuple(kernel), window)):
                columns[:, :, index] = view.reshape(len(part), groups, channels, *size)
            np.matmul(
                weights,
                columns.reshape(len(part), groups, weights.shape[2], -1),
                out=result[start : start + at_once].reshape(
                    len(part), groups, outputs // groups, -1
                ),
            )
        return result

    return slide


_LARGEST_COLUMNS = 1 << 18  # elements of a convolution's unrolled input at a time: fits in caches


def taps(
    x: np.ndarray, kernel: tuple[int, ...], window: Window
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield for each tap of a kernel what it sees at every output position.

    x: (batch, channels, *size); each view: (batch, channels, *output size).
    """
    size = window.output_size(x.shape[2:], kernel)
    padded = np.pad(x, ((0, 0), (0, 0), *window.padding))
    for tap in np.ndindex(*kernel):
        starts = [k * d for k, d in zip(tap, window.dilation, strict=True)]
        seen = tuple(
            slice(start, start + (n - 1) * stride + 1, stride)
            for start, n, stride in zip(starts, size, window.stride, strict=True)
        )
        yield tap, padded[(slice(None), slice(None), *seen)]


def pooled(x: np.ndarray, kernel: tuple[int, ...], window: Window) -> np.ndarray:
    """Return the sums of (batch, channels, *size) over windows: spikes in int64, else float64."""
    counts = x.astype(np.int64 if x.dtype.kind in "biu" else np.float64)
    views = [view for _, view in taps(counts, kernel, window)]
    total = views[0].copy()
    for view in views[1:]:
        total += view
    return total


def _plus(x: np.ndarray, bias: np.ndarray | None, *, spatial_axes: int) -> np.ndarray:
    if bias is None:
        return x
    return x + bias.astype(np.float64).reshape(-1, *(1,) * spatial_axes)
