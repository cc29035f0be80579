"""What one spike of a source adds to which neurons of a target, and what a core stores for it.

Between two populations lies one weighted node, with pooling around it. All of it is linear, so each
spike can be followed on its own. A core stores the synapses of a projection as rows, one for each
axon, or as a kernel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from math import prod
from typing import ClassVar, Self

import numpy as np

from axonc.toolchain.ir import SignalPath, Taps

from .box import Box, Grid


class Projection(ABC):
    """The synapses between the source and the target of a path.

    path: its delay is in steps, that of delay nodes included. layer: the node that the synapses are
    counted for. source_grid, target_grid: of the populations at its ends.
    """

    path: SignalPath
    layer: str
    source_grid: Grid
    target_grid: Grid
    stored: bool = True
    """Whether the synapses take memory; those of plain pooling do not, they count."""
    cuts_channels: ClassVar[bool] = True
    """Whether sources of one channel may be stored in different cores, for the same neurons."""

    @abstractmethod
    def reaching(self, targets: Box) -> Box:
        """Return the smallest box of sources that is known to reach all that reach `targets`."""

    @abstractmethod
    def axons_from(self, sources: Box) -> np.ndarray:
        """Return the axons, each a row of synapses in memory, that some sources need, in order.

        As columns of the matrix of synapses. A kernel has none.
        """

    @abstractmethod
    def kernel_bits(self, sources: Box) -> int:
        """Return the kernel bits from some sources to one output channel; 0 where rows are stored.

        Those of plain pooling are not stored.
        """

    @abstractmethod
    def stored_synapses(self, sources: Box, targets: Box) -> int:
        """Return the sign bits between some sources and some neurons."""

    @abstractmethod
    def has_absent_synapses(self, sources: Box, targets: Box) -> bool:
        """Whether some stored synapse between some sources and some neurons is 0."""

    @abstractmethod
    def as_rows(self) -> RowProjection | None:
        """Return the projection stored as rows; None where a synapse weighs more than 1 in them."""

    @abstractmethod
    def coming_from(self, source: str) -> Self:
        """Return the projection with another source, whose grid is the same."""


class RowProjection(Projection):
    """A projection of which a core stores one row of synapses for each axon."""

    @abstractmethod
    def synapses(self, sources: Box, targets: Box) -> np.ndarray:
        """Return the weights, int8 (neurons, axons).

        Neurons as `Box.flat_ids` has them, axons as `axons_from`.
        """

    def as_rows(self) -> Self:
        return self

    def kernel_bits(self, sources: Box) -> int:
        return 0

    def stored_synapses(self, sources: Box, targets: Box) -> int:
        return len(self.axons_from(sources)) * targets.volume

    def has_absent_synapses(self, sources: Box, targets: Box) -> bool:
        return not self.synapses(sources, targets).all()

    @abstractmethod
    def axons_together(self, targets: Box) -> int:
        """Return how many axons must be stored together: those of one channel, or one alone."""

    @abstractmethod
    def groups_together(self, channels: tuple[int, int]) -> int:
        """Return how many groups of such axons reach some channels of the target."""


@dataclass(frozen=True, eq=False)
class DenseProjection(RowProjection):
    """Rows of a matrix: source position i adds matrix[:, rows[start[i]:start[i+1]]].

    matrix: int8 (target neurons, rows). rows: None where source position i is row i.
    """

    path: SignalPath
    layer: str
    source_grid: Grid
    target_grid: Grid
    matrix: np.ndarray
    start: np.ndarray | None = None
    rows: np.ndarray | None = None

    def reaching(self, targets: Box) -> Box:
        return Box.of(self.source_grid)

    def axons_from(self, sources: Box) -> np.ndarray:
        flat = np.sort(sources.flat_ids(self.source_grid))
        if self.start is None or self.rows is None:
            return flat
        reached = [self.rows[self.start[i] : self.start[i + 1]] for i in flat]
        return np.unique(np.concatenate(reached))

    def synapses(self, sources: Box, targets: Box) -> np.ndarray:
        rows = self.axons_from(sources)
        return self.matrix[np.ix_(targets.flat_ids(self.target_grid), rows)]

    def axons_together(self, targets: Box) -> int:
        return 1

    def groups_together(self, channels: tuple[int, int]) -> int:
        return len(self.axons_from(Box.of(self.source_grid)))

    def coming_from(self, source: str) -> DenseProjection:
        return replace(self, path=replace(self.path, source=source))


@dataclass(frozen=True, eq=False)
class Convolution(Projection):
    """A kernel in (out channels, in channels / groups, kernel rows, kernel columns), int8.

    A spike at (c, y, x) of `source_grid` adds, for each pair (ky, oy) of `row_taps` at y and
    (kx, ox) of `column_taps` at x, and each output channel o of c's group, kernel[o, c', ky, kx]
    to the neuron (o, oy, ox) of `target_grid`.
    """

    path: SignalPath
    layer: str
    source_grid: Grid
    target_grid: Grid
    kernel: np.ndarray
    groups: int
    row_taps: Taps
    column_taps: Taps
    stored: bool = True

    @property
    def group_sizes(self) -> tuple[int, int]:
        """Output channels and source channels of one group."""
        return self.kernel.shape[0] // self.groups, self.kernel.shape[1]

    def reaching(self, targets: Box) -> Box:
        first, last = self.groups_of(targets.channels)
        inputs = self.kernel.shape[1]
        return Box(
            (first * inputs, last * inputs),
            self.row_taps.reaching(*targets.rows),
            self.column_taps.reaching(*targets.columns),
        )

    def groups_of(self, channels: tuple[int, int]) -> tuple[int, int]:
        """Return the groups [first, last) that some output channels lie in."""
        outputs, _ = self.group_sizes
        return channels[0] // outputs, (channels[1] - 1) // outputs + 1

    def coming_from(self, source: str) -> Self:
        return replace(self, path=replace(self.path, source=source))


@dataclass(frozen=True, eq=False)
class ConvProjection(Convolution):
    """A convolution of which a core stores the kernel."""

    def axons_from(self, sources: Box) -> np.ndarray:
        return np.zeros(0, np.int64)

    def kernel_bits(self, sources: Box) -> int:
        return min(self.kernel.shape[1], sources.sizes[0]) * self.channel_bits

    @property
    def channel_bits(self) -> int:
        """The kernel bits from one source channel to one output channel."""
        return prod(self.kernel.shape[2:]) if self.stored else 0

    def kernel_parts(self, sources: Box, targets: Box) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield what a core stores between some sources and some neurons, group by group.

        As (first source channel, first output channel, weights by output, source, row and column).
        """
        outputs, inputs = self.group_sizes
        first, last = targets.channels
        for group in range(*self.groups_of(targets.channels)):
            low, high = max(first, group * outputs), min(last, (group + 1) * outputs)
            start = max(sources.channels[0], group * inputs)
            stop = min(sources.channels[1], (group + 1) * inputs)
            if start < stop:
                within = slice(start - group * inputs, stop - group * inputs)
                yield start, low, self.kernel[low:high, within]

    def stored_synapses(self, sources: Box, targets: Box) -> int:
        if not self.stored:
            return 0
        return sum(part.size for _, _, part in self.kernel_parts(sources, targets))

    def has_absent_synapses(self, sources: Box, targets: Box) -> bool:
        parts = self.kernel_parts(sources, targets)
        return self.stored and not all(part.all() for _, _, part in parts)

    def as_rows(self) -> UnrolledProjection | None:
        kernel = self.kernel.astype(np.int64)
        for rows in _patterns(self.row_taps):
            for columns in _patterns(self.column_taps):
                if np.abs(np.einsum("ockl,k,l->oc", kernel, rows, columns)).max(initial=0) > 1:
                    return None
        return UnrolledProjection(**{f.name: getattr(self, f.name) for f in fields(self)})


@dataclass(frozen=True, eq=False)
class UnrolledProjection(Convolution, RowProjection):
    """A convolution of which a core stores a row for each source that reaches its neurons.

    For cores without an address generator. The synapses of one box of neurons alone are ever made
    into a matrix.
    """

    cuts_channels: ClassVar[bool] = False

    def axons_from(self, sources: Box) -> np.ndarray:
        return np.sort(sources.flat_ids(self.source_grid))

    def synapses(self, sources: Box, targets: Box) -> np.ndarray:
        outputs, inputs = self.group_sizes
        o, c = np.arange(*targets.channels), np.arange(*sources.channels)
        kernel = self.kernel[o][:, c % inputs].astype(np.int32)
        kernel[(o // outputs)[:, None] != c // inputs] = 0
        rows, columns = (
            taps.within(*box).uses()[:, slice(*among)].astype(np.int32)
            for taps, box, among in (
                (self.row_taps, targets.rows, sources.rows),
                (self.column_taps, targets.columns, sources.columns),
            )
        )
        found = np.einsum("ockl,pyk,qxl->pqocyx", kernel, rows, columns, optimize=True)
        matrix: np.ndarray = found.reshape(targets.volume, -1).astype(np.int8)
        return matrix

    def axons_together(self, targets: Box) -> int:
        rows = self.row_taps.reaching(*targets.rows)
        columns = self.column_taps.reaching(*targets.columns)
        return (rows[1] - rows[0]) * (columns[1] - columns[0])

    def groups_together(self, channels: tuple[int, int]) -> int:
        first, last = self.groups_of(channels)
        return (last - first) * self.kernel.shape[1]


def _patterns(taps: Taps) -> np.ndarray:
    """Return the different ways, as counts of kernel indices, in which sources reach outputs."""
    return np.unique(taps.uses().reshape(-1, taps.kernel_size), axis=0)
