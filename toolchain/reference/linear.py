"""Connections and structure without state: one function a node, on a batch of one time step.

Sums are taken in float64 unless float32 is asked for. Where weights and spikes are integers the
result is exact: every partial sum is an integer below 2^53, since a fan-in of 2^32 with 16-bit
weights stays below it. Where the spikes are bits and no row of integer weights can add up to 2^24,
float32 is exact too, and is used.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

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
Real = type[np.float64] | type[np.float32]


def linear_step(node: Node, real: Real = np.float64) -> Step:
    """Return the function of a stateless node; integer nodes return int64, exact with float64.

    real: the type that sums of real numbers are taken in.
    """
    match node:
        case Affine(weight=weight, bias=bias):
            multiply = _matrix_product(weight, real)
            return lambda x: _plus(multiply(x), bias, real, spatial_axes=0)
        case IntegerAffine(weight=weight):
            multiply = _matrix_product(weight, np.float64)
            return lambda x: multiply(x).astype(np.int64)
        case Conv(weight=weight, window=window, groups=groups, bias=bias):
            axes = weight.ndim - 2
            slide = _convolution(weight, window, groups, real)
            return lambda x: _plus(slide(x), bias, real, spatial_axes=axes)
        case IntegerConv(weight=weight, window=window, groups=groups):
            slide = _convolution(weight, window, groups, np.float64)
            return lambda x: slide(x).astype(np.int64)
        case Scale(scale=scale):
            return lambda x: x * scale.astype(real)
        case AvgPool(kernel=kernel, window=window):
            return lambda x: np.divide(pooled(x, kernel, window), prod(kernel), dtype=real)
        case SumPool(kernel=kernel, window=window):
            return lambda x: pooled(x, kernel, window)
        case Flatten():
            return lambda x: x.reshape(len(x), *node.output_shape(x.shape[1:]))
    raise InternalError(f"no step function for node kind {node.kind}")


def _in_exact_types(weight: np.ndarray, real: Real) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that gives the weights for an input, in the type to compute in.

    That is float32 where sums of these weights over that input are exact in it, else `real`.
    """
    may_be_narrow = weight.dtype.kind == "i" and _largest_sum(weight) < 1 << 24
    kept: dict[type[np.floating], np.ndarray] = {}

    def weights_for(x: np.ndarray) -> np.ndarray:
        kind = np.float32 if may_be_narrow and x.dtype.kind == "b" else real
        if kind not in kept:
            kept[kind] = weight.astype(kind)
        return kept[kind]

    return weights_for


def _largest_sum(weight: np.ndarray) -> float:
    """Return a bound of the sums of rows of weights (the last axis) over spikes."""
    largest = float(max(weight.max(initial=0), -float(weight.min(initial=0))))
    if largest * weight.shape[-1] < 1 << 24:
        return largest * weight.shape[-1]
    return float(np.abs(weight.astype(np.float64)).sum(axis=-1).max())


def _matrix_product(weight: np.ndarray, real: Real) -> Step:
    """Return x -> x W^T."""
    weights_for = _in_exact_types(weight, real)

    def multiply(x: np.ndarray) -> np.ndarray:
        weights = weights_for(x)
        return x.astype(weights.dtype) @ weights.T

    return multiply


def _convolution(weight: np.ndarray, window: Window, groups: int, real: Real) -> Step:
    """Return the cross-correlation of (batch, channels, *size) with `weight`.

    A few samples at a time are unrolled into columns, which one matrix product a group weighs.
    """
    outputs, channels, *kernel = weight.shape
    weights_for = _in_exact_types(weight.reshape(groups, outputs // groups, -1), real)

    def slide(x: np.ndarray) -> np.ndarray:
        weights = weights_for(x)
        size = window.output_size(x.shape[2:], tuple(kernel))
        result = np.empty((len(x), groups, outputs // groups, prod(size)), weights.dtype)
        at_once = max(1, _LARGEST_COLUMNS // (x.shape[1] * prod(kernel) * prod(size)))
        for start in range(0, len(x), at_once):
            seen = windows(x[start : start + at_once].astype(weights.dtype), tuple(kernel), window)
            columns = seen.reshape(len(seen), groups, channels * prod(kernel), prod(size))
            np.matmul(weights, columns, out=result[start : start + at_once])
        return result.reshape(len(x), outputs, *size)

    return slide


_LARGEST_COLUMNS = 1 << 18  # elements of a convolution's unrolled input at a time: fits in caches


def windows(x: np.ndarray, kernel: tuple[int, ...], window: Window) -> np.ndarray:
    """Return what each tap of a kernel sees at every output position, as a read-only view.

    x: (batch, channels, *size); result: (batch, channels, *kernel, *output size).
    """
    size = window.output_size(x.shape[2:], kernel)
    padded = x
    if any(map(any, window.padding)):  # np.pad takes as long as the product that follows
        whole = (b + n + a for n, (b, a) in zip(x.shape[2:], window.padding, strict=True))
        inside = tuple(
            slice(b, b + n) for n, (b, _) in zip(x.shape[2:], window.padding, strict=True)
        )
        padded = np.zeros((*x.shape[:2], *whole), x.dtype)
        padded[(slice(None), slice(None), *inside)] = x
    inner = padded.strides[2:]
    return as_strided(
        padded,
        (*x.shape[:2], *kernel, *size),
        (
            *padded.strides[:2],
            *(d * s for d, s in zip(window.dilation, inner, strict=True)),
            *(n * s for n, s in zip(window.stride, inner, strict=True)),
        ),
        writeable=False,
    )


def pooled(x: np.ndarray, kernel: tuple[int, ...], window: Window) -> np.ndarray:
    """Return the sums of (batch, channels, *size) over windows: spikes in int64, else as x."""
    counts = x.astype(np.int64) if x.dtype.kind in "biu" else x
    total: np.ndarray = windows(counts, kernel, window).sum(axis=tuple(range(2, 2 + len(kernel))))
    return total


def _plus(x: np.ndarray, bias: np.ndarray | None, real: Real, *, spatial_axes: int) -> np.ndarray:
    if bias is None or not bias.any():
        return x
    return x + bias.astype(real).reshape(-1, *(1,) * spatial_axes)
