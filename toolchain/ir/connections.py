"""Nodes that weigh and sum, with real weights: y[t] is a linear function of x[t] alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from .node import Node, Shape, ShapeError, broadcasts_to
from .value_range import Range
from .weighted import KernelConnection, MatrixConnection
from .window import Window


@dataclass(frozen=True, eq=False)
class Affine(MatrixConnection):
    """y = W x + b, with W of shape (outputs, inputs) and b of shape (outputs,) or absent."""

    kind: ClassVar[str] = "Affine"
    weight: np.ndarray
    bias: np.ndarray | None = None

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        return _shifted(self.sum_range(arriving, input_shape), self.bias)

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

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        ends = self.scale * arriving.low, self.scale * arriving.high
        return Range(np.minimum(*ends), np.maximum(*ends))


@dataclass(frozen=True, eq=False)
class Conv(KernelConnection):
    """Convolution (cross-correlation, as in torch) over one or two spatial axes.

    weight: (out channels, in channels / groups, *kernel); bias: (out channels,) or absent;
    input (in channels, *size), output (out channels, *window.output_size(size)).
    """

    kind: ClassVar[str] = "Conv"
    weight: np.ndarray
    window: Window
    groups: int = 1
    bias: np.ndarray | None = None

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        bias = None if self.bias is None else self.by_output(self.bias)
        return _shifted(self.sum_range(arriving, input_shape), bias)

    def faults(self) -> list[str]:
        found = super().faults() + self.kernel_faults()
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

    def as_conv(self, channels: int) -> Conv:
        """Return the convolution that sums the same windows: all weights 1, a group a channel."""
        return Conv(np.ones((channels, 1, *self.kernel), np.int8), self.window, channels)

    def passed_on(self, counts: np.ndarray) -> np.ndarray:
        """Return the sums over the windows of `counts`, (channels, *size)."""
        for along in self.window.taps(counts.shape[1:], self.kernel):
            meets = along.uses().sum(axis=2)  # (outputs, sources)
            counts = np.tensordot(counts, meets, axes=(1, 1))  # the next axis is now the first
        return counts

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        fed = arriving.by_channel(input_shape).with_zero()  # padding is 0
        taps = self.window.taps(input_shape[1:], self.kernel)
        most = prod(int(along.uses().sum(axis=(1, 2)).max()) for along in taps)  # without padding
        axes = (-1, *(1,) * len(self.kernel))
        return Range(most * fed.low.reshape(axes), most * fed.high.reshape(axes))

    def faults(self) -> list[str]:
        small = [] if min(self.kernel) > 0 else [f"kernel {self.kernel} must be at least 1"]
        return super().faults() + self.window.faults() + small


@dataclass(frozen=True, eq=False)
class AvgPool(SumPool):
    """Mean over windows of `kernel` in each channel; padding counts as zeros, as in torch."""

    kind: ClassVar[str] = "AvgPool"

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        fed, axes = arriving.by_channel(input_shape).with_zero(), (-1, *(1,) * len(self.kernel))
        return Range(fed.low.reshape(axes), fed.high.reshape(axes))


def _shifted(sums: Range, bias: np.ndarray | None) -> Range:
    return sums if bias is None else Range(sums.low + bias, sums.high + bias)
