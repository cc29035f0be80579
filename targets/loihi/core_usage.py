"""What a fragment of a population takes of one core, and which axons lead to it.

A matrix is reached by discrete axons: one input axon a source neuron, one list of synapses each. A
convolution is reached by population axons, as nengo-loihi lays it out (conv.py, block.py): one
input axon a source pixel, whose channels share it, and lists shared by all pixels that see the same
taps from the same side, as far as a list's base address reaches. Its output axons take several
slots each. This is a reconstruction: Intel's own tools may pack better.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np

from axonc.toolchain.ir import Shape, Taps

from .memory import SynapseLists
from .network import Kernel, Population, SynapseGroup


@dataclass(frozen=True)
class Tile:
    """A box of an image: channel numbers in the order of their thresholds, rows, columns."""

    channels: np.ndarray
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def size(self) -> int:
        """The number of compartments."""
        (y0, y1), (x0, x1) = self.rows, self.columns
        return len(self.channels) * (y1 - y0) * (x1 - x0)


@dataclass(frozen=True)
class Fragment:
    """The compartments of one population that share a core: flat indices, or a tile of an image."""

    population: str
    neurons: np.ndarray
    tile: Tile | None = None


def neurons_of(tile: Tile, shape: tuple[int, ...]) -> np.ndarray:
    """Return the flat indices of a tile in an image of (channels, height, width)."""
    _, height, width = shape
    rows, columns = np.arange(*tile.rows), np.arange(*tile.columns)
    pixels = (rows[:, None] * width + columns).reshape(-1)
    return (tile.channels[:, None] * (height * width) + pixels).reshape(-1)


def reached(group: SynapseGroup, fragment: Fragment) -> np.ndarray:
    """Return which sources have a synapse in `fragment`: neurons, or pixels of an image."""
    if group.kernel is None:
        return np.any(group.weight[fragment.neurons] != 0, axis=0)
    rows, columns = _taps_into(group, _tile(fragment))
    return np.outer(rows.counts > 0, columns.counts > 0).reshape(-1)


def synapse_bits(group: SynapseGroup, fragment: Fragment, lists: SynapseLists) -> int:
    """Return the bits of all synapse lists of `group` in `fragment`."""
    size = len(fragment.neurons)
    if group.kernel is None:
        present = np.count_nonzero(group.weight[fragment.neurons], axis=0)
        return lists.matrix_bits(group, present, size)
    tile = _tile(fragment)
    counts = _present(group, tile.channels.astype(np.int64).tobytes())
    width = lists.synapse_width(group) + lists.index_width(size)
    rows, columns = map(_patterns, _taps_into(group, tile))
    bases = -(-size // lists.base_reach)
    total = 0
    for row, row_pixels in rows.items():
        by_row = counts[:, list(row)].sum(axis=1)
        for column, column_pixels in columns.items():
            bits = lists.list_bits(by_row[:, list(column)].sum(axis=1), width)
            total += min(bases, row_pixels * column_pixels) * int(bits.sum())
    return total


@lru_cache(maxsize=64)
def _present(group: SynapseGroup, channels: bytes) -> np.ndarray:
    """Return the synapses into some output channels by (input channel, tap row, tap column)."""
    assert group.kernel is not None
    chosen, groups = np.frombuffer(channels, np.int64), group.kernel.groups
    out, per_group = group.weight.shape[:2]
    present = np.zeros((groups, per_group, *group.weight.shape[2:]), np.int64)
    for index in np.unique(chosen // (out // groups)):
        own = chosen[chosen // (out // groups) == index]
        present[index] = np.count_nonzero(group.weight[own], axis=0)
    return present.reshape(groups * per_group, *group.weight.shape[2:])


def _taps_into(group: SynapseGroup, tile: Tile) -> tuple[Taps, Taps]:
    """Return the taps of a convolution that lie in the rows, and in the columns, of a tile."""
    assert group.kernel is not None
    rows, columns = _taps(group.kernel, group.weight.shape[2:])
    return rows.within(*tile.rows), columns.within(*tile.columns)


@cache
def _taps(kernel: Kernel, size: Shape) -> tuple[Taps, ...]:
    return kernel.window.taps(kernel.input_shape[1:], size)


def _patterns(taps: Taps) -> dict[tuple[int, ...], int]:
    """Return the different patterns of taps and how many positions show each."""
    found: Counter[tuple[int, ...]] = Counter()
    for first, last in pairwise(taps.start.tolist()):
        if first < last:
            found[tuple(taps.kernel[first:last].tolist())] += 1
    return dict(found)


def own_usage(
    p: Population, fragment: Fragment, into: list[SynapseGroup], lists: SynapseLists
) -> dict[str, int]:
    """Return what `fragment` takes of its core by resource, without output axons."""
    registers = np.stack(
        [np.broadcast_to(r, p.shape).reshape(-1)[fragment.neurons] for r in (p.du, p.dv, p.vth)]
    )
    return {
        "compartments": len(fragment.neurons),
        "synapse_bits": sum(synapse_bits(group, fragment, lists) for group in into),
        "input_axons": sum(int(np.count_nonzero(reached(group, fragment))) for group in into),
        "threshold_configurations": len(np.unique(registers[2])),
        "decay_configurations": len(np.unique(registers[:2], axis=1).T),
        "synapse_formats": len({(g.bits, g.sign, g.exponent, bool(g.delay.any())) for g in into}),
    }


def output_axons(
    group: SynapseGroup, reach: np.ndarray, fragment: Fragment, lists: SynapseLists
) -> int:
    """Return the slots that `fragment` needs for `group`; reach: target cores of each source."""
    if group.kernel is None:
        return int(reach[fragment.neurons].sum())
    _, height, width = group.kernel.input_shape
    pixels = np.unique(fragment.neurons % (height * width))
    return lists.population_axon_slots * int(reach[pixels].sum())


def _tile(fragment: Fragment) -> Tile:
    assert fragment.tile is not None  # a convolution ends on an image, which is cut into tiles
    return fragment.tile
