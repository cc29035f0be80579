"""Boxes of neurons in a grid of channels, rows and columns."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from axonc.toolchain.ir import Shape

Grid = tuple[int, int, int]
"""(channels, rows, columns); axes that a population lacks have size 1."""
Ranges = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""[first, last) of channels, rows and columns."""


def grid_of(shape: Shape) -> Grid:
    """Return a shape of up to three axes as (channels, rows, columns)."""
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2])
    if len(shape) == 2:
        return (shape[0], 1, shape[1])
    return (prod(shape), 1, 1)


@dataclass(frozen=True)
class Box:
    """A range of channels, rows and columns: [first, last) along each axis."""

    channels: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]

    @classmethod
    def of(cls, grid: Grid) -> Box:
        """Return the whole of a grid."""
        return cls((0, grid[0]), (0, grid[1]), (0, grid[2]))

    @property
    def ranges(self) -> Ranges:
        """Channels, rows, columns."""
        return self.channels, self.rows, self.columns

    @property
    def sizes(self) -> Grid:
        """(channels, rows, columns)."""
        return (
            self.channels[1] - self.channels[0],
            self.rows[1] - self.rows[0],
            self.columns[1] - self.columns[0],
        )

    @property
    def volume(self) -> int:
        """How many positions lie in the box."""
        channels, rows, columns = self.sizes
        return channels * rows * columns

    def __and__(self, other: Box) -> Box:
        """Return the positions that lie in both boxes."""
        ranges = [
            (first := max(one[0], two[0]), max(first, min(one[1], two[1])))
            for one, two in zip(self.ranges, other.ranges, strict=True)
        ]
        return Box(*ranges)

    def flat_ids(self, grid: Grid) -> np.ndarray:
        """Return the flat positions in `grid`, rows first, then columns, channels innermost.

        This is the order of a core's neurons: one event's channels lie side by side.
        """
        c = np.arange(*self.channels)
        y = np.arange(*self.rows)
        x = np.arange(*self.columns)
        ids: np.ndarray = (c * grid[1] + y[:, None, None]) * grid[2] + x[:, None]
        return ids.ravel()
