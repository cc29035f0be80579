"""Between which values a signal stays, whatever the spikes are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Range:
    """The least and the greatest value of each element of a signal; both broadcast to its shape."""

    low: np.ndarray
    high: np.ndarray

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def with_zero(self) -> Range:
        """Return the range widened to hold 0."""
        return Range(np.minimum(self.low, 0), np.maximum(self.high, 0))

    def broadcast_to(self, shape: tuple[int, ...]) -> Range:
        """Return the range with one pair for each element of `shape`."""
        return Range(np.broadcast_to(self.low, shape), np.broadcast_to(self.high, shape))

    def by_channel(self, shape: tuple[int, ...]) -> Range:
        """Return one pair for each channel of a signal of `shape` (channels, *size)."""
        whole = self.broadcast_to(shape)
        low, high = (end.reshape(shape[0], -1) for end in (whole.low, whole.high))
        return Range(low.min(axis=1), high.max(axis=1))


SPIKES = Range(np.zeros((), np.int64), np.ones((), np.int64))
"""The range of a signal of bits."""
