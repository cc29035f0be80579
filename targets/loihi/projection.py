"""What lies between two populations of a graph, as one linear map with integer weights.

A chip has synapses only: a chain such as SumPool - Flatten - IntegerAffine becomes one matrix or
one convolution, exactly. One-dimensional convolutions become two-dimensional ones of height 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from axonc.toolchain.ir import (
    SPIKES,
    Delay,
    Flatten,
    Graph,
    IntegerAffine,
    IntegerConv,
    Path,
    Range,
    Shape,
    SumPool,
    Window,
)

from .network import Kernel, weighted_sum

MAX_MATRIX_WEIGHTS = 1 << 26
"""Largest matrix that a chain may be multiplied out to."""


class Refusal(Exception):
    """A node that Loihi cannot do; the text says why and what to do."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(reason)
        self.node, self.reason = node, reason


@dataclass(frozen=True)
class Projection:
    """A path composed: int64 weights (a matrix, or a kernel with its geometry) and delays.

    delay: int64, one for all source neurons or one each.
    """

    path: Path
    weight: np.ndarray
    kernel: Kernel | None
    delay: np.ndarray

    def sum_range(self) -> Range:
        """Return the range of the sum of each target neuron, at most one spike a source."""
        node = weighted_sum(self.weight, self.kernel)
        shape = self.weight.shape[1:] if self.kernel is None else self.kernel.input_shape
        return node.sum_range(SPIKES, shape).broadcast_to(node.output_shape(shape))


def projection_of(graph: Graph, path: Path) -> Projection:
    """Compose the nodes of `path`.

    Raises:
        Refusal: a node of it cannot be part of a synapse.
    """
    shape = graph.shapes[path.source]
    delay = np.full(1, path.delay, np.int64)
    weight: np.ndarray | None = None
    kernel: Kernel | None = None
    for name in path.through:
        node = graph.nodes[name]
        if isinstance(node, Delay):
            steps = node.delay.astype(np.int64)
            if weight is not None and steps.size > 1 and np.ptp(steps):
                raise Refusal(name, "delays each sum by its own; delay the spikes before the sum")
            if np.any(node.delay != steps):
                raise Refusal(name, "delays by fractions of a step; round them")
            steps = np.broadcast_to(steps, shape if weight is None else (1,)).reshape(-1)
            delay = delay + (steps if np.ptp(steps) else steps[:1])
        elif isinstance(node, IntegerAffine):
            matrix = node.weight.astype(np.int64)
            weight = matrix if weight is None else _product(name, matrix, weight, kernel)
            kernel = None
        elif isinstance(node, IntegerConv | SumPool):
            own, laid = _convolution(node, shape)
            if weight is None:
                weight, kernel = own, laid
            elif kernel is not None and (merged := _after_tiles(weight, kernel, own, laid)):
                weight, kernel = merged
            else:
                weight = _product(name, unrolled(own, laid), weight, kernel)
                kernel = None
        elif not isinstance(node, Flatten):
            raise Refusal(name, f"{node.kind} is no synapse")
        shape = node.output_shape(shape)
    if weight is None:
        weight = _identity(path, prod(shape))
    return Projection(path, weight, kernel, delay)


def unrolled(weight: np.ndarray, kernel: Kernel | None) -> np.ndarray:
    """Return the matrix (outputs, inputs) of a kernel laid over its input; a matrix as it is."""
    shape = weight.shape[1:] if kernel is None else kernel.input_shape
    return weighted_sum(weight, kernel).matrix(shape)


def symmetrically_padded(
    weight: np.ndarray, window: Window
) -> tuple[np.ndarray, tuple[int, int]] | None:
    """Return a kernel and a padding that is the same on both sides and does what `window` does.

    Zeros in front of the kernel (or behind) make up for the larger padding. None where the
    difference is no multiple of the dilation.
    """
    extra, padding = [(0, 0), (0, 0)], []
    for (before, after), dilation in zip(window.padding, window.dilation, strict=True):
        lacking, rest = divmod(abs(after - before), dilation)
        if rest:
            return None
        extra.append((lacking, 0) if after > before else (0, lacking))
        padding.append(max(before, after))
    return np.pad(weight, extra), (padding[0], padding[1])


def _convolution(node: IntegerConv | SumPool, shape: Shape) -> tuple[np.ndarray, Kernel]:
    """Return a convolution or a pooling over `shape` as a kernel over two axes."""
    slides = node.as_conv(shape[0]) if isinstance(node, SumPool) else node
    weight, groups = slides.weight.astype(np.int64), slides.groups
    window, output = slides.window, slides.output_shape(shape)
    if len(shape) == 2:
        weight = weight[:, :, None, :]
        shape, output = (shape[0], 1, shape[1]), (output[0], 1, output[1])
        window = Window((1, *window.stride), ((0, 0), *window.padding), (1, *window.dilation))
    return weight, Kernel(shape, output, window, groups)


def _after_tiles(
    pool: np.ndarray, tiles: Kernel, weight: np.ndarray, kernel: Kernel
) -> tuple[np.ndarray, Kernel] | None:
    """Return a convolution after a sum over tiles as one convolution; None where it is none.

    Each tap of the second kernel becomes a tile of equal taps. Only where tiles lie side by side
    and cover the input is the zero padding of the second the zero padding of the whole.
    """
    size = pool.shape[2:]
    fits = (
        tiles.groups == pool.shape[0]
        and bool(np.all(pool == 1))
        and tiles.window.stride == size
        and not np.any(tiles.window.padding)
        and all(n % s == 0 for n, s in zip(tiles.input_shape[1:], size, strict=True))
    )
    if not fits:
        return None
    taps = [
        [k * d * s + i for k in range(n) for i in range(s)]
        for n, d, s in zip(weight.shape[2:], kernel.window.dilation, size, strict=True)
    ]
    tiled = np.repeat(np.repeat(weight, size[0], axis=2), size[1], axis=3)
    merged = np.zeros((*weight.shape[:2], taps[0][-1] + 1, taps[1][-1] + 1), np.int64)
    merged[:, :, np.array(taps[0])[:, None], np.array(taps[1])[None, :]] = tiled
    window = Window(
        tuple(a * s for a, s in zip(kernel.window.stride, size, strict=True)),
        tuple((a * s, b * s) for (a, b), s in zip(kernel.window.padding, size, strict=True)),
        (1, 1),
    )
    return merged, Kernel(tiles.input_shape, kernel.output_shape, window, kernel.groups)


def _product(
    name: str, matrix: np.ndarray, weight: np.ndarray, kernel: Kernel | None
) -> np.ndarray:
    """Return matrix @ (what came before), multiplied out."""
    inputs = weight.shape[1] if kernel is None else prod(kernel.input_shape)
    if max(matrix.shape[0], matrix.shape[1]) * inputs > MAX_MATRIX_WEIGHTS:
        raise Refusal(
            name,
            f"multiplied out with the nodes before it has {matrix.shape[0]} x {inputs} weights, "
            f"more than {MAX_MATRIX_WEIGHTS}; put a neuron between them",
        )
    # In float64, which is exact below 2^53 and takes a fraction of the time of integers.
    product = matrix.astype(np.float64) @ unrolled(weight, kernel).astype(np.float64)
    return product.astype(np.int64)


def _identity(path: Path, size: int) -> np.ndarray:
    if size * size > MAX_MATRIX_WEIGHTS:
        raise Refusal(path.target, f"is fed by {size} neurons without a connection between them")
    return np.eye(size, dtype=np.int64)
