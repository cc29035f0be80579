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
    Affine,
    Conv,
    Delay,
    Flatten,
    Graph,
    IntegerAffine,
    IntegerConv,
    Range,
    Shape,
    SignalPath,
    SumPool,
    Window,
    kernel_after_kernel,
    matrix_after_kernel,
    matrix_after_matrix,
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

    path: SignalPath
    weight: np.ndarray
    kernel: Kernel | None
    delay: np.ndarray

    def sum_range(self) -> Range:
        """Return the range of the sum of each target neuron, at most one spike a source."""
        node = weighted_sum(self.weight, self.kernel)
        shape = self.weight.shape[1:] if self.kernel is None else self.kernel.input_shape
        return node.sum_range(SPIKES, shape).broadcast_to(node.output_shape(shape))


def projection_of(graph: Graph, path: SignalPath) -> Projection:
    """Compose the nodes of `path`.

    Raises:
        Refusal: a node of it cannot be part of a synapse.
    """
    shape = graph.shapes[path.source]
    fed = shape  # the shape that the first connection takes
    delay = np.full(1, path.delay, np.int64)
    composed: Affine | Conv | None = None
    for name in path.through:
        node = graph.nodes[name]
        if isinstance(node, Delay):
            delay = delay + _steps(name, node, shape, is_sum=composed is not None)
        elif isinstance(node, IntegerAffine | IntegerConv | SumPool):
            own = _in_float(node, shape)
            if composed is None:
                composed, fed = own, shape
            else:
                composed = _after(name, composed, own, fed, shape)
        elif not isinstance(node, Flatten):
            raise Refusal(name, f"{node.kind} is no synapse")
        shape = node.output_shape(shape)
    if composed is None:
        composed = Affine(_identity(path, prod(shape)))
    return _laid_out(path, composed, fed, delay)


def _steps(name: str, node: Delay, shape: Shape, *, is_sum: bool) -> np.ndarray:
    """Return the steps that a node delays spikes by: one number, or one for each, flat."""
    steps = node.delay.astype(np.int64)
    if is_sum and steps.size > 1 and np.ptp(steps):
        raise Refusal(name, "delays each sum by its own; delay the spikes before the sum")
    if np.any(node.delay != steps):
        raise Refusal(name, "delays by fractions of a step; round them")
    flat = steps.reshape(-1)[:1] if is_sum else np.broadcast_to(steps, shape).reshape(-1)
    return flat if np.ptp(flat) else flat[:1]


def _in_float(node: IntegerAffine | IntegerConv | SumPool, shape: Shape) -> Affine | Conv:
    """Return what a node weighs as a connection in float64, in which its integers are exact."""
    if isinstance(node, IntegerAffine):
        return Affine(node.weight.astype(np.float64))
    slides = node.as_conv(shape[0]) if isinstance(node, SumPool) else node
    return Conv(slides.weight.astype(np.float64), slides.window, slides.groups)


def _after(
    name: str, first: Affine | Conv, second: Affine | Conv, fed: Shape, between: Shape
) -> Affine | Conv:
    """Return two connections in a row as one: as a kernel where one does the same, else a matrix.

    fed, between: the shapes that the first and the second take. name: the node of the second.
    """
    if isinstance(first, Conv) and isinstance(second, Conv):
        joined = kernel_after_kernel(first, second, fed)
        if joined is not None:
            return joined
    outputs, sums, inputs = prod(second.output_shape(between)), prod(between), prod(fed)
    if max(outputs, sums) * inputs > MAX_MATRIX_WEIGHTS:
        raise Refusal(
            name,
            f"multiplied out with the nodes before it has {outputs} x {inputs} weights, more than "
            f"{MAX_MATRIX_WEIGHTS}; put a neuron between them",
        )
    matrix = Affine(second.matrix(between))
    if isinstance(first, Affine):
        return matrix_after_matrix(first, matrix)
    return matrix_after_kernel(first, matrix, fed)


def _laid_out(path: SignalPath, node: Affine | Conv, shape: Shape, delay: np.ndarray) -> Projection:
    """Return a composed path with integer weights; a kernel over one axis becomes one over two."""
    weight = node.weight.astype(np.int64)
    if isinstance(node, Affine):
        return Projection(path, weight, None, delay)
    window, output = node.window, node.output_shape(shape)
    if len(shape) == 2:
        weight = weight[:, :, None, :]
        shape, output = (shape[0], 1, shape[1]), (output[0], 1, output[1])
        window = Window((1, *window.stride), ((0, 0), *window.padding), (1, *window.dilation))
    return Projection(path, weight, Kernel(shape, output, window, node.groups), delay)


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


def _identity(path: SignalPath, size: int) -> np.ndarray:
    if size * size > MAX_MATRIX_WEIGHTS:
        raise Refusal(path.target, f"is fed by {size} neurons without a connection between them")
    return np.eye(size)
