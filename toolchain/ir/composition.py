"""Two linear nodes in a row as one node: products of matrices, kernels and pools."""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

from .connections import Affine, Conv
from .node import Shape
from .window import Window


def matrix_after_matrix(first: Affine, second: Affine) -> Affine:
    """Return W2 (W1 x + b1) + b2 as one node, of weight W2 W1 and bias W2 b1 + b2."""
    weight = second.weight.astype(np.float64) @ first.weight.astype(np.float64)
    return Affine(weight, _sum(second.bias, _weighed(second.weight, first.bias)))


def matrix_after_kernel(first: Conv, second: Affine, input_shape: Shape) -> Affine:
    """Return a matrix behind a flattened convolution as one matrix behind the flattened input.

    input_shape: of the convolution, (channels, *size).
    """
    between = first.output_shape(input_shape)
    outputs, window = len(second.weight), first.window
    # (outputs, groups, channels of a group, *size), by the convolution's output channels
    behind = second.weight.astype(np.float64).reshape(outputs, first.groups, -1, *between[1:])
    kernel = first.weight.astype(np.float64)
    kernel = kernel.reshape(first.groups, -1, *kernel.shape[1:])
    padded = [n + sum(pair) for n, pair in zip(input_shape[1:], window.padding, strict=True)]
    weight = np.zeros((outputs, first.groups, first.weight.shape[1], *padded))
    for tap in np.ndindex(*first.weight.shape[2:]):
        seen: tuple[Any, ...] = tuple(
            slice(k * d, k * d + s * (n - 1) + 1, s)
            for k, d, s, n in zip(tap, window.dilation, window.stride, between[1:], strict=True)
        )
        for group, block in enumerate(kernel[(..., *tap)]):
            product = np.tensordot(behind[:, group], block, axes=(1, 0))
            weight[(slice(None), group, slice(None), *seen)] += np.moveaxis(product, -1, 1)
    inside = (
        slice(before, before + n)
        for n, (before, _) in zip(input_shape[1:], window.padding, strict=True)
    )
    weight = weight.reshape(outputs, input_shape[0], *padded)[(slice(None), slice(None), *inside)]
    constant = None
    if first.bias is not None:
        constant = np.broadcast_to(first.by_output(first.bias), between).ravel()
    bias = _sum(second.bias, _weighed(second.weight, constant))
    return Affine(weight.reshape(outputs, -1), bias)


def kernel_after_kernel(first: Conv, second: Conv, input_shape: Shape) -> Conv | None:
    """Return two convolutions in a row as one, or None where no single kernel does the same.

    input_shape: of the first, (channels, *size).

    There is none where the second pads what the first sends: at the border it would see zeros, and
    a kernel that reaches as far would see what the first computes there. Only a first kernel whose
    windows beyond the border see nothing of the input, one of a single tap or of tiles side by
    side, sends zeros there too.

    The kernel's size is (k1 - 1) d1 + (k2 - 1) d2 s1 + 1 (k taps, dilation d, stride s), written
    with the largest dilation that skips only zeros; its stride s1 s2. Groups that divide both
    numbers of groups remain.
    """
    if any(map(any, second.window.padding)) and not _sends_zeros_outside(first, input_shape):
        return None
    one, two = first.window, second.window
    # Taps of the second lie this many input positions from one another, axis by axis.
    apart = [d * s for d, s in zip(two.dilation, one.stride, strict=True)]
    taps = list(
        zip(first.weight.shape[2:], one.dilation, second.weight.shape[2:], apart, strict=True)
    )
    dilation = tuple(gcd(d * (k > 1), e * (m > 1)) or 1 for k, d, m, e in taps)
    size = [
        ((k - 1) * d + (m - 1) * e) // step + 1
        for (k, d, m, e), step in zip(taps, dilation, strict=True)
    ]
    groups = gcd(first.groups, second.groups)
    inner = _by_channel(first, groups)  # (groups, middle channels, in channels, *kernel)
    outer = _by_channel(second, groups)  # (groups, out channels, middle channels, *kernel)
    weight = np.zeros((groups, outer.shape[1], inner.shape[2], *size))
    for tap in np.ndindex(*second.weight.shape[2:]):
        at = tuple(
            slice(j * e // step, (j * e + (k - 1) * d) // step + 1, max(d // step, 1))
            for j, (k, d, _, e), step in zip(tap, taps, dilation, strict=True)
        )
        product = np.einsum("gom,gmi...->goi...", outer[(..., *tap)], inner)
        weight[(slice(None), slice(None), slice(None), *at)] += product
    window = Window(
        stride=tuple(a * b for a, b in zip(one.stride, two.stride, strict=True)),
        padding=tuple(
            (p[0] + s * q[0], p[1] + s * q[1])
            for p, q, s in zip(one.padding, two.padding, one.stride, strict=True)
        ),
        dilation=dilation,
    )
    bias = None
    if first.bias is not None:
        sums = second.weight.astype(np.float64).sum(axis=tuple(range(2, second.weight.ndim)))
        middle = first.bias.reshape(second.groups, 1, -1)
        bias = (sums.reshape(second.groups, -1, sums.shape[1]) * middle).sum(axis=2).ravel()
    return Conv(weight.reshape(-1, *weight.shape[2:]), window, groups, _sum(second.bias, bias))


def _sends_zeros_outside(node: Conv, input_shape: Shape) -> bool:
    """Whether all that the node would compute beyond its output's border is 0."""
    window, kernel, size = node.window, node.weight.shape[2:], input_shape[1:]
    outside = zip(
        size,
        kernel,
        window.output_size(size, kernel),
        window.stride,
        window.dilation,
        (before for before, _ in window.padding),
        strict=True,
    )
    # The windows next to the first and to the last output, on the outside.
    sees_nothing = all(
        -s - before + (k - 1) * d < 0 and out * s - before >= n
        for n, k, out, s, d, before in outside
    )
    return sees_nothing and (node.bias is None or not node.bias.any())


def _by_channel(node: Conv, groups: int) -> np.ndarray:
    """Return the weights by `groups`, which divide the node's own: zeros between its own groups."""
    rows, columns = len(node.weight) // node.groups, node.weight.shape[1]
    own = node.weight.astype(np.float64).reshape(node.groups, rows, columns, *node.weight.shape[2:])
    each = node.groups // groups
    spread = np.zeros((groups, each, rows, each, columns, *node.weight.shape[2:]))
    for group, block in enumerate(own):
        spread[group // each, group % each, :, group % each] = block
    return spread.reshape(groups, each * rows, each * columns, *node.weight.shape[2:])


def _weighed(weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray | None:
    return None if bias is None else weight.astype(np.float64) @ bias


def _sum(*biases: np.ndarray | None) -> np.ndarray | None:
    there = [bias for bias in biases if bias is not None]
    return np.sum(there, axis=0) if there else None
