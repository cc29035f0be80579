"""Convolutions on cores that hold one bit a synapse: unrolled, but never all at once.

A core of a scanned machine has no address generator. It stores a row for each source that reaches
its box of neurons, and the synapses of that box alone are ever made into a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .projections import ConvProjection, Grid, Path, ProjectionError
from .taps import Taps

Ranges = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class UnrolledProjection:
    """A convolution of which each source is a row."""

    convolution: ConvProjection

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.convolution.path

    @property
    def layer(self) -> str:
        """The node that its synapses are counted for."""
        return self.convolution.layer

    @property
    def source_grid(self) -> Grid:
        """The grid of its sources."""
        return self.convolution.source_grid

    def sums_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds of the sum per target neuron, one spike a source."""
        return self.convolution.sums_range()

    def rows_of_channel(self, box: Ranges) -> int:
        """Return how many sources of one channel reach a box of neurons."""
        rows = self.convolution.row_taps.reaching(*box[1])
        columns = self.convolution.column_taps.reaching(*box[2])
        return (rows[1] - rows[0]) * (columns[1] - columns[0])

    def synapses(self, box: Ranges, sources: Ranges) -> np.ndarray:
        """Return int8 (neurons, sources): neurons row by row, their channels innermost; sources
        channel by channel."""
        whole = self.convolution
        outputs, inputs = whole.kernel.shape[0] // whole.groups, whole.kernel.shape[1]
        o, c = np.arange(*box[0]), np.arange(*sources[0])
        kernel = whole.kernel[o][:, c % inputs].astype(np.int32)
        kernel[(o // outputs)[:, None] != c // inputs] = 0
        rows = _uses(whole.row_taps, box[1], sources[1], kernel.shape[2])
        columns = _uses(whole.column_taps, box[2], sources[2], kernel.shape[3])
        found = np.einsum("ockl,pyk,qxl->pqocyx", kernel, rows, columns, optimize=True)
        matrix: np.ndarray = found.reshape(len(rows) * len(columns) * len(o), -1).astype(np.int8)
        return matrix


def unrolled(convolution: ConvProjection) -> UnrolledProjection:
    """Return the convolution as rows.

    Raises:
        ProjectionError: pooling makes a synapse weigh more than 1.
    """
    kernel = convolution.kernel.astype(np.int64)
    for rows in _patterns(convolution.row_taps, kernel.shape[2]):
        for columns in _patterns(convolution.column_taps, kernel.shape[3]):
            if np.abs(np.einsum("ockl,k,l->oc", kernel, rows, columns)).max(initial=0) > 1:
                raise ProjectionError(
                    convolution.layer,
                    "pools into synapses that weigh more than 1; use cores with event-major "
                    "dataflow",
                )
    return UnrolledProjection(convolution)


def _uses(taps: Taps, outputs: tuple[int, int], sources: tuple[int, int], size: int) -> np.ndarray:
    """Return (outputs, sources, kernel) how often a source reaches an output by a kernel index."""
    within = taps.within(*outputs)
    uses = np.zeros((outputs[1] - outputs[0], len(taps.start) - 1, size), np.int32)
    source = np.repeat(np.arange(uses.shape[1]), within.counts)
    np.add.at(uses, (within.out, source, within.kernel), 1)
    return uses[:, sources[0] : sources[1]]


def _patterns(taps: Taps, size: int) -> np.ndarray:
    """Return the different ways, as counts of kernel indices, in which sources reach outputs."""
    positions = len(taps.start) - 1
    last = int(taps.out.max(initial=-1)) + 1
    return np.unique(_uses(taps, (0, last), (0, positions), size).reshape(-1, size), axis=0)
