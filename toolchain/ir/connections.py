"""Nodes that weigh and sum, with real weights: y[t] is a linear function of x[t] alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .node import Node, Shape, ShapeError, broadcasts_to, require_shape

Padding = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Affine(Node):
    """y = W x + b, with W of shape (outputs, inputs) and b of shape (outputs,) or absent."""

    kind: ClassVar[str] = "Affine"
    weight: np.ndarray
    bias: np.ndarray | None = None

    def output_shape(self, input_shape: Shape | None) -> Shape:
        require_shape(input_shape, (self.weight.shape[1],))
        return (self.weight.shape[0],)

    def faults(self) -> list[str]:
        found = super().faults()
        if self.weight.ndim != 2:
            found.append(f"weight has shape {self.weight.shape}, expected (outputs, inputs)")
        elif self.bias is not None and self.bias.shape != self.weight.shape[:1]:
            found.append(f"bias has shape {self.bias.shape}, expected {self.weight.shape[:1]}")
        return found


@dataclass(frozen=True, eq=False)
class Scale(Node):
    """y = s * x, element by element; s broadcasts to the input."""

    kind: ClassVar[str] = "Scale"
    scale: np.ndarray

    def output_shape(self, input_shape: Shape | None) -> Shape:
        if input_shape is None or not broadcasts_to(self.scale, input_shape):
            raise ShapeError(f"has scales of shape {self.scale.shape}, got input {input_shape}")
        return input_shape


@dataclass(frozen=True)
class Window:
    """How a kernel slides: one entry a spatial axis, padding as (before, after)."""

    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]

    def output_size(self, size: Shape, kernel: Shape) -> Shape:
        """Return floor((size + padding - dilation*(kernel-1) - 1) / stride) + 1 along each axis."""
        sizes = tuple(
            (n + sum(p) - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(
                size, self.padding, self.dilation, kernel, self.stride, strict=True
            )
        )
        if min(sizes) < 1:
            raise ShapeError(f"slides a kernel of {kernel} over {size}: nothing comes out")
        return sizes

    def faults(self) -> list[str]:
        """Return what is wrong with the window's numbers."""
        found = []
        if min(self.stride) < 1 or min(self.dilation) < 1:
            found.append(f"stride {self.stride} and dilation {self.dilation} must be at least 1")
        if min(min(pair) for pair in self.padding) < 0:
            found.append(f"padding {self.padding} is negative")
        return found


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """Convolution (cross-correlation, as in torch) over one or two spatial axes.

    weight: (out channels, in channels / groups, *kernel); bias: (out channels,) or absent;
    input (in channels, *size), output (out channels, *window.output_size(size)).
    """

    kind: ClassVar[str] = "Conv"
    weight: np.ndarray
    window: Window
    groups: int = 1
    bias: np.ndarray | None = None

    def output_shape(self, input_shape: Shape | None) -> Shape:
        return convolved_shape(self.weight.shape, self.window, self.groups, input_shape)

    def faults(self) -> list[str]:
        found = super().faults() + convolution_faults(self.weight, self.window, self.groups)
        if not found and self.bias is not None and self.bias.shape != self.weight.shape[:1]:
            found.append(f"bias has shape {self.bias.shape}, expected {self.weight.shape[:1]}")
        return found


@dataclass(frozen=True, eq=False)
class SumPool(Node):
    """Sum over windows of `kernel` in each channel: input and output (channels, *size).

    On spikes the result is an integer count.
    """

    kind: ClassVar[str] = "SumPool"
    kernel: tuple[int, ...]
    window: Window

    def output_shape(self, input_shape: Shape | None) -> Shape:
        if input_shape is None or len(input_shape) != len(self.kernel) + 1:
            raise ShapeError(f"takes (channels, {len(self.kernel)} axes), got {input_shape}")
        return (input_shape[0], *self.window.output_size(input_shape[1:], self.kernel))

    def faults(self) -> list[str]:
        small = [] if min(self.kernel) > 0 else [f"kernel {self.kernel} must be at least 1"]
        return super().faults() + self.window.faults() + small


@dataclass(frozen=True, eq=False)
class AvgPool(SumPool):
    """Mean over windows of `kernel` in each channel; padding counts as zeros, as in torch."""

    kind: ClassVar[str] = "AvgPool"


def convolved_shape(
    weight_shape: Shape, window: Window, groups: int, input_shape: Shape | None
) -> Shape:
    """Return the output shape of a convolution.

    Raises:
        ShapeError: the input has another rank or number of channels, or nothing comes out.
    """
    kernel = weight_shape[2:]
    channels = weight_shape[1] * groups
    if input_shape is None or len(input_shape) != len(kernel) + 1 or input_shape[0] != channels:
        axes = ", ".join("xyz"[: len(kernel)])
        raise ShapeError(f"takes an input of shape ({channels}, {axes}), got {input_shape}")
    return (weight_shape[0], *window.output_size(input_shape[1:], kernel))


def convolution_faults(weight: np.ndarray, window: Window, groups: int) -> list[str]:
    """Return what is wrong with a kernel, its window and its groups."""
    rank = weight.ndim - 2
    if rank not in (1, 2):
        return [f"weight has shape {weight.shape}, expected 3 or 4 axes"]
    if not rank == len(window.stride) == len(window.padding) == len(window.dilation):
        return [f"stride, padding and dilation need {rank} entries each"]
    if groups < 1 or weight.shape[0] % groups:
        return [f"{groups} groups do not divide {weight.shape[0]} output channels"]
    return window.faults()
