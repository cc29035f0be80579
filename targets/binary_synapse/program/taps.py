"""One axis of a convolution or pooling: what each source position reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from axonc.toolchain.ir import Window

Pairs = list[tuple[int, int]]
"""(kernel index, output position), as often as a source position is used for it."""


@dataclass(frozen=True)
class Taps:
    """Along one axis: which (kernel index, output position) pairs a source position reaches.

    Position p reaches the pairs kernel[start[p]:start[p+1]], out[start[p]:start[p+1]].
    """

    start: np.ndarray
    kernel: np.ndarray
    out: np.ndarray

    @classmethod
    def from_lists(cls, lists: list[list[tuple[int, int]]]) -> Taps:
        """Return the taps of one list of (kernel index, output position) a source position."""
        start = np.concatenate([[0], np.cumsum([len(pairs) for pairs in lists])])
        flat = [pair for pairs in lists for pair in pairs]
        kernel, out = zip(*flat, strict=True) if flat else ((), ())
        return cls(start.astype(np.int64), np.array(kernel, np.int64), np.array(out, np.int64))

    def within(self, first: int, last: int) -> Taps:
        """Return the taps into output positions first..last-1, renumbered from 0."""
        keep = (self.out >= first) & (self.out < last)
        before = np.concatenate([[0], np.cumsum(keep)])
        return Taps(before[self.start], self.kernel[keep], self.out[keep] - first)

    def reaching(self, first: int, last: int) -> tuple[int, int]:
        """Return the smallest range of source positions that reaches outputs first..last-1."""
        used = np.flatnonzero(self.within(first, last).counts)
        return (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)

    @property
    def counts(self) -> np.ndarray:
        """How many pairs each source position reaches."""
        return np.diff(self.start)


def slide(
    taps: list[Pairs], size: int, window: Window, axis: int, outputs: int, weighs: bool
) -> list[Pairs]:
    """Follow every (kernel index, position) through one more window along one axis.

    Position p lies under kernel index k of output o where p + padding = o * stride + k * dilation.
    """
    stride, dilation = window.stride[axis], window.dilation[axis]
    before = window.padding[axis][0]

    def reached(kernel: int, position: int) -> Iterator[tuple[int, int]]:
        for k in range(size):
            o, remainder = divmod(position + before - k * dilation, stride)
            if remainder == 0 and 0 <= o < outputs:
                yield (k if weighs else kernel, o)

    return [[pair for k, p in pairs for pair in reached(k, p)] for pairs in taps]


def most_uses(taps: Taps, kernel_size: int) -> np.ndarray:
    """Return, per kernel index, how often one output position uses it at most."""
    if not len(taps.out):
        return np.zeros(kernel_size, np.int64)
    uses = np.zeros((int(taps.out.max()) + 1, kernel_size), np.int64)
    np.add.at(uses, (taps.out, taps.kernel), 1)
    most: np.ndarray = uses.max(axis=0)
    return most
