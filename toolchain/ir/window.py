"""How a kernel slides over an image: the sizes, and what each position of an axis meets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .node import Shape, ShapeError

Padding = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Window:
    """How a kernel slides: one entry a spatial axis, padding as (before, after).

    Source position p lies under kernel index k of output position o where
    p + padding before = o * stride + k * dilation.
    """

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

    def taps(self, size: Shape, kernel: Shape) -> tuple[Taps, ...]:
        """Return what each source position meets, axis by axis, for a source of `size`."""
        axes = zip(size, kernel, self.output_size(size, kernel), strict=True)
        return tuple(self._taps(axis, *lengths) for axis, lengths in enumerate(axes))

    def _taps(self, axis: int, size: int, kernel: int, outputs: int) -> Taps:
        at = np.arange(size)[:, None] + self.padding[axis][0]
        out, rest = np.divmod(at - np.arange(kernel) * self.dilation[axis], self.stride[axis])
        meets = (rest == 0) & (out >= 0) & (out < outputs)
        start = np.concatenate([[0], np.cumsum(meets.sum(axis=1))])
        return Taps(start, np.nonzero(meets)[1], out[meets], kernel, outputs)

    def faults(self) -> list[str]:
        """Return what is wrong with the window's numbers."""
        found = []
        if min(self.stride) < 1 or min(self.dilation) < 1:
            found.append(f"stride {self.stride} and dilation {self.dilation} must be at least 1")
        if min(min(pair) for pair in self.padding) < 0:
            found.append(f"padding {self.padding} is negative")
        return found


@dataclass(frozen=True)
class Taps:
    """Along one axis: the (kernel index, output position) pairs that each source position meets.

    Source position p meets the pairs kernel[start[p]:start[p+1]], out[start[p]:start[p+1]], by
    rising kernel index. kernel_size, outputs: how many kernel indices and output positions there
    are. Under several windows in a row (`then`) a position may meet a pair more than once.
    """

    start: np.ndarray
    kernel: np.ndarray
    out: np.ndarray
    kernel_size: int
    outputs: int

    @classmethod
    def identity(cls, size: int) -> Taps:
        """Return the taps of an axis along which nothing slides: position p meets (0, p)."""
        every = np.arange(size)
        return cls(np.arange(size + 1), np.zeros(size, np.int64), every, 1, size)

    @property
    def counts(self) -> np.ndarray:
        """How many pairs each source position meets."""
        return np.diff(self.start)

    @property
    def source(self) -> np.ndarray:
        """The source position of each pair."""
        return np.repeat(np.arange(len(self.start) - 1), self.counts)

    def then(self, after: Taps, *, weighs: bool) -> Taps:
        """Return the taps through a further window behind this one.

        weighs: whether the kernel of `after` has the weights, or (a pooling) this one.
        """
        reached = after.counts[self.out]
        pair = np.repeat(np.arange(len(self.out)), reached)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(reached) - reached, reached)
        index = after.start[self.out[pair]] + within
        start = np.concatenate([[0], np.cumsum(reached)])[self.start]
        kernel, size = (
            (after.kernel[index], after.kernel_size)
            if weighs
            else (self.kernel[pair], self.kernel_size)
        )
        return Taps(start, kernel, after.out[index], size, after.outputs)

    def within(self, first: int, last: int) -> Taps:
        """Return the taps into output positions first..last-1, renumbered from 0."""
        keep = (self.out >= first) & (self.out < last)
        before = np.concatenate([[0], np.cumsum(keep)])
        return Taps(
            before[self.start],
            self.kernel[keep],
            self.out[keep] - first,
            self.kernel_size,
            last - first,
        )

    def reaching(self, first: int, last: int) -> tuple[int, int]:
        """Return the smallest range of source positions that reaches outputs first..last-1."""
        used = np.flatnonzero(self.within(first, last).counts)
        return (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)

    def uses(self) -> np.ndarray:
        """Return how often a source reaches an output by a kernel index.

        The counts have the shape (outputs, sources, kernel indices).
        """
        found = np.zeros((self.outputs, len(self.start) - 1, self.kernel_size), np.int64)
        np.add.at(found, (self.out, self.source, self.kernel), 1)
        return found
