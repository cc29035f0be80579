"""Connections and structure without state: one function a node, on a batch of one time step.

Sums are taken in float64. Where weights and spikes are integers the result is exact: every partial
sum is an integer below 2^53, since a fan-in of 2^32 with 16-bit weights stays below it.
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
            matrix = weight.T.astype(np.float64)
            return lambda x: _plus(x @ matrix, bias, spatial_axes=0)
        case IntegerAffine(weight=weight):
            matrix = weight.T.astype(np.float64)
            return lambda x: (x @ matrix).astype(np.int64)
        case Conv(weight=weight, window=window, groups=groups, bias=bias):
            axes = weight.ndim - 2
            return lambda x: _plus(convolve(x, weight, window, groups), bias, spatial_axes=axes)
        case IntegerConv(weight=weight, window=window, groups=groups):
            return lambda x: convolve(x, weight, window, groups).astype(np.int64)
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
    """Return the sums of (batch, channels, *size) over windows; spikes are counted in int64."""
    counts = x.astype(np.int64) if x.dtype.kind == "b" else x
    views = [view for _, view in taps(counts, kernel, window)]
    total = views[0].copy()
    for view in views[1:]:
        total += view
    return total


def convolve(x: np.ndarray, weight: np.ndarray, window: Window, groups: int) -> np.ndarray:
    """Return the cross-correlation of (batch, channels, *size) with `weight`, in float64."""
    outputs, channels, *kernel = weight.shape
    size = window.output_size(x.shape[2:], tuple(kernel))
    by_group = weight.reshape(groups, outputs // groups, channels, -1).astype(np.float64)
    matrix = by_group.swapaxes(2, 3).reshape(groups, outputs // groups, -1)
    result = np.empty((len(x), outputs, *size))
    at_once = max(1, _LARGEST_COLUMNS // (matrix.shape[2] * groups * int(np.prod(size))))
    for start in range(0, len(x), at_once):
        part = x[start : start + at_once]
        columns = np.empty((len(part), groups, int(np.prod(kernel)), channels, *size))
        for index, (_, view) in enumerate(taps(part, tuple(kernel), window)):
            columns[:, :, index] = view.reshape(len(part), groups, channels, *size)
        product = matrix @ columns.reshape(len(part), groups, matrix.shape[2], -1)
        result[start : start + at_once] = product.reshape(len(part), outputs, *size)
    return result


_LARGEST_COLUMNS = 1 << 21  # elements of a convolution's unrolled input: 16 MiB, stays in caches


def _plus(x: np.ndarray, bias: np.ndarray | None, *, spatial_axes: int) -> np.ndarray:
    if bias is None:
        return x
    return x + bias.astype(np.float64).reshape(-1, *(1,) * spatial_axes)
