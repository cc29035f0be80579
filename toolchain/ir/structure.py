"""Nodes that carry spikes about without computing: input, output, flatten, delay."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from .node import Node, Shape, ShapeError, broadcasts_to, require_shape
from .value_range import Range


@dataclass(frozen=True, eq=False)
class Input(Node):
    """Where the spikes of the outside enter: y[t] = x[t], of shape `shape`."""

    kind: ClassVar[str] = "Input"
    shape: Shape

    def output_shape(self, input_shape: Shape | None) -> Shape:
        if input_shape is not None:
            raise ShapeError("takes no input from other nodes")
        return self.shape


@dataclass(frozen=True, eq=False)
class Output(Node):
    """Where the result leaves: y[t] = sum of what comes in."""

    kind: ClassVar[str] = "Output"
    shape: Shape

    def output_shape(self, input_shape: Shape | None) -> Shape:
        require_shape(input_shape, self.shape)
        return self.shape

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        return arriving


@dataclass(frozen=True, eq=False)
class Flatten(Node):
    """Merge the axes `first` to `last` (both included, no batch axis) into one, row by row."""

    kind: ClassVar[str] = "Flatten"
    first: int = 0
    last: int = -1

    def output_shape(self, input_shape: Shape | None) -> Shape:
        if not input_shape:
            raise ShapeError("takes an input with at least one axis")
        rank = len(input_shape)
        first, last = self.first % rank, self.last % rank
        if first > last or not -rank <= self.last < rank or not -rank <= self.first < rank:
            raise ShapeError(f"cannot merge axes {self.first} to {self.last} of {input_shape}")
        merged = prod(input_shape[first : last + 1])
        return (*input_shape[:first], merged, *input_shape[last + 1 :])

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        whole, flat = arriving.broadcast_to(input_shape), self.output_shape(input_shape)
        return Range(whole.low.reshape(flat), whole.high.reshape(flat))

    def passed_on(self, counts: np.ndarray) -> np.ndarray:
        return counts.reshape(self.output_shape(counts.shape))


@dataclass(frozen=True, eq=False)
class Delay(Node):
    """Delay each neuron's signal: y[t] = x[t - steps], zero before the first step.

    Before discretisation `delay` is in seconds, after it in steps; it broadcasts to the input.
    """

    kind: ClassVar[str] = "Delay"
    delay: np.ndarray

    def output_shape(self, input_shape: Shape | None) -> Shape:
        if input_shape is None or not broadcasts_to(self.delay, input_shape):
            raise ShapeError(f"has delays of shape {self.delay.shape}, got input {input_shape}")
        return input_shape

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        return arriving.with_zero()  # nothing comes out before the first step

    def in_steps(self, dt: float) -> np.ndarray:
        """Return the delays in steps of `dt`, whole where only rounding says otherwise.

        80 ms that were stored in float32 are 80.0000012 steps of 1 ms: one millionth of a step, and
        of the delay, is noise.
        """
        steps = self.delay / dt
        whole = np.round(steps)
        return np.where(np.abs(steps - whole) < 1e-6 * np.maximum(whole, 1), whole, steps)

    def faults(self) -> list[str]:
        found = super().faults()
        return found + (["delay is negative"] if np.any(self.delay < 0) else [])
