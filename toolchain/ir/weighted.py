"""Connections: nodes that weigh and sum, with a matrix or with a kernel that slides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod

import numpy as np

from .node import Node, Shape, ShapeError, require_shape
from .value_range import Range
from .window import Taps, Window


class Connection(Node, ABC):
    """A node that has synapses: each output is a weighted sum of inputs.

    `weight` has one row for each output channel along its first axis. A weight of 0 is an absent
    synapse.
    """

    weight: np.ndarray

    @abstractmethod
    def matrix(self, input_shape: Shape) -> np.ndarray:
        """Return the weights of every synapse, (output elements, input elements)."""

    @abstractmethod
    def fan_out(self, input_shape: Shape) -> np.ndarray:
        """Return the number of present synapses behind each element of the input."""

    @abstractmethod
    def sum_range(self, arriving: Range, input_shape: Shape) -> Range:
        """Return the range of the weighted sums, without a bias, for inputs in `arriving`.

        One pair for each output channel, broadcasting to the output. At the border of an image all
        weights of the kernel are counted.
        """

    @abstractmethod
    def by_output(self, values: np.ndarray) -> np.ndarray:
        """Return values, one for each output channel, so that they broadcast to the output."""

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        return self.sum_range(arriving, input_shape)


class MatrixConnection(Connection):
    """A connection with weights of shape (outputs, inputs)."""

    def output_shape(self, input_shape: Shape | None) -> Shape:
        require_shape(input_shape, (self.weight.shape[1],))
        return (self.weight.shape[0],)

    def matrix(self, input_shape: Shape) -> np.ndarray:
        return self.weight

    def fan_out(self, input_shape: Shape) -> np.ndarray:
        return np.count_nonzero(self.weight, axis=0)

    def sum_range(self, arriving: Range, input_shape: Shape) -> Range:
        return _weighted(self.weight, arriving)

    def by_output(self, values: np.ndarray) -> np.ndarray:
        return values


class KernelConnection(Connection):
    """A connection with weights of shape (out channels, in channels / groups, *kernel)."""

    window: Window
    groups: int

    def output_shape(self, input_shape: Shape | None) -> Shape:
        kernel = self.weight.shape[2:]
        channels = self.weight.shape[1] * self.groups
        if input_shape is None or len(input_shape) != len(kernel) + 1 or input_shape[0] != channels:
            axes = ", ".join("xyz"[: len(kernel)])
            raise ShapeError(f"takes an input of shape ({channels}, {axes}), got {input_shape}")
        return (self.weight.shape[0], *self.window.output_size(input_shape[1:], kernel))

    def taps(self, input_shape: Shape) -> tuple[Taps, ...]:
        """Return what each position of the input meets, axis by axis."""
        return self.window.taps(input_shape[1:], self.weight.shape[2:])

    def matrix(self, input_shape: Shape) -> np.ndarray:
        taps, rank = self.taps(input_shape), self.weight.ndim - 2
        padded = np.pad(self.weight, [(0, 0), (0, 0), *[(0, 1)] * rank])  # 0 for no kernel index
        index = tuple(_laid_out(along, axis, rank) for axis, along in enumerate(taps))
        # (*output positions, *input positions, out channels, in channels of the group)
        weights = np.moveaxis(padded, (0, 1), (-2, -1))[index]
        weights = np.moveaxis(weights, (-2, -1), (0, 1 + rank))
        rows = self.weight.shape[0] // self.groups * prod(along.outputs for along in taps)
        columns = self.weight.shape[1] * prod(input_shape[1:])
        whole = np.zeros((self.groups, rows, self.groups, columns), self.weight.dtype)
        for group, block in enumerate(weights.reshape(self.groups, rows, columns)):
            whole[group, :, group] = block
        return whole.reshape(self.groups * rows, self.groups * columns)

    def fan_out(self, input_shape: Shape) -> np.ndarray:
        # Output channels that each (input channel, kernel index) has a synapse to.
        grouped = self.weight.reshape(self.groups, -1, *self.weight.shape[1:])
        fan = np.count_nonzero(grouped, axis=1).reshape(input_shape[0], *self.weight.shape[2:])
        for along in self.taps(input_shape):
            meets = along.uses().sum(axis=0)  # (sources, kernel indices)
            fan = np.tensordot(fan, meets, axes=(1, 1))  # the next kernel axis is now the first
        return fan

    def sum_range(self, arriving: Range, input_shape: Shape) -> Range:
        fed = arriving.by_channel(input_shape).with_zero()  # padding is 0
        group = np.repeat(np.arange(self.groups), self.weight.shape[0] // self.groups)
        low, high = (
            end.reshape(self.groups, -1)[group].reshape(*self.weight.shape[:2], *self._ones)
            for end in (fed.low, fed.high)
        )
        sums = _weighted(self.weight, Range(low, high))
        return Range(self.by_output(sums.low), self.by_output(sums.high))

    @property
    def _ones(self) -> tuple[int, ...]:
        """One axis of length 1 for each axis of the kernel."""
        return (1,) * (self.weight.ndim - 2)

    def by_output(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, *self._ones)

    def kernel_faults(self) -> list[str]:
        """Return what is wrong with the kernel, its window and its groups."""
        rank, window = self.weight.ndim - 2, self.window
        if rank not in (1, 2):
            return [f"weight has shape {self.weight.shape}, expected 3 or 4 axes"]
        if not rank == len(window.stride) == len(window.padding) == len(window.dilation):
            return [f"stride, padding and dilation need {rank} entries each"]
        if self.groups < 1 or self.weight.shape[0] % self.groups:
            return [f"{self.groups} groups do not divide {self.weight.shape[0]} output channels"]
        return window.faults()


def _laid_out(along: Taps, axis: int, rank: int) -> np.ndarray:
    """Return the kernel index by output and source position, kernel_size where there is none.

    Its axes are those of all output positions, then of all source positions; one window meets an
    output from a source by one kernel index at most.
    """
    index = np.full((along.outputs, len(along.start) - 1), along.kernel_size)
    index[along.out, along.source] = along.kernel
    shape = [1] * (2 * rank)
    shape[axis], shape[rank + axis] = index.shape
    return index.reshape(shape)


def _weighted(weight: np.ndarray, arriving: Range) -> Range:
    """Return the range of weight * input, summed over all axes but the first."""
    up, down = np.maximum(weight, 0), np.minimum(weight, 0)
    low = up * arriving.low + down * arriving.high
    high = up * arriving.high + down * arriving.low
    rows = len(weight), -1
    return Range(low.reshape(rows).sum(axis=1), high.reshape(rows).sum(axis=1))
