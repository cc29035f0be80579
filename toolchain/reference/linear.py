"""Connections and structure without state: one function a node, on a batch of one time step.

Sums are taken in float64. Where weights and spikes are integers the result is exact: every partial
sum is an integer below 2^53, since a fan-in of 2^32 with 16-bit weights stays below it.
"""

from __future__ import annotations

from collections.abc import Callable

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
            return lambda x: windows(x, kernel, window).sum(axis=_kernel_axes(kernel)) / area
        case SumPool(kernel=kernel, window=window):
            return lambda x: windows(x, kernel, window).sum(axis=_kernel_axes(kernel))
        case Flatten():
            return lambda x: x.reshape(len(x), *node.output_shape(x.shape[1:]))
    raise InternalError(f"no step function for node kind {node.kind}")


def windows(x: np.ndarray, kernel: tuple[int, ...], window: Window) -> np.ndarray:
    """Return all positions of a kernel: (batch, channels, *output size, *kernel), a view."""
    rank = len(kernel)
    padded = np.pad(x, ((0, 0), (0, 0), *window.padding))
    reach = tuple(d * (k - 1) + 1 for d, k in zip(window.dilation, kernel, strict=True))
    spatial = tuple(range(2, 2 + rank))
    view = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=spatial)
    strides = tuple(slice(None, None, s) for s in window.stride)
    dilations = tuple(slice(None, None, d) for d in window.dilation)
    return view[(slice(None), slice(None), *strides, *dilations)]


def convolve(x: np.ndarray, weight: np.ndarray, window: Window, groups: int) -> np.ndarray:
    """Return the cross-correlation of (batch, channels, *size) with `weight`, in float64."""
    kernel = weight.shape[2:]
    rank = len(kernel)
    view = windows(x.astype(np.float64), kernel, window)
    size = view.shape[2 : 2 + rank]
    by_group = np.split(view, groups, axis=1)
    kernels = np.split(weight.reshape(len(weight), -1).astype(np.float64), groups, axis=0)
    outputs = []
    for part, matrix in zip(by_group, kernels, strict=True):
        columns = np.moveaxis(part, 1, 1 + rank).reshape(len(x) * int(np.prod(size)), -1)
        outputs.append(columns @ matrix.T)
    joined = np.concatenate(outputs, axis=1).reshape(len(x), *size, len(weight))
    return np.moveaxis(joined, -1, 1)


def _kernel_axes(kernel: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(-len(kernel), 0))


def _plus(x: np.ndarray, bias: np.ndarray | None, *, spatial_axes: int) -> np.ndarray:
    if bias is None:
        return x
    return x + bias.astype(np.float64).reshape(-1, *(1,) * spatial_axes)
