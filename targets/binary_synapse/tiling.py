"""Split one layer over cores: its neurons into boxes, its axons into chunks of partial sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from .architecture import CoreParameters
from .program import Bank, Box, rows_of
from .projections import ConvProjection, DenseProjection, Grid, Projection


@dataclass(frozen=True)
class Tiling:
    """How a layer is split: one owner a box, and chunks - 1 helpers beside each owner."""

    boxes: tuple[Box, ...]
    chunks: int
    reason: str


def tile_layer(
    name: str, grid: Grid, projections: list[Projection], core: CoreParameters
) -> Tiling | str:
    """Return the split of a layer that takes fewest cores, or why there is none.

    Every number of channel groups is tried; each group is cut into bands of rows as high as a
    core can hold, then into columns. Among equals the fewest channel groups win, because every
    event goes to all of them, while a band sees only the events near it.
    """
    dense = [p for p in projections if isinstance(p, DenseProjection)]
    convolutions = [p for p in projections if isinstance(p, ConvProjection) and p.stored]
    pieces = dense_pieces(dense, core.axons)
    axons = max((sum(len(rows_of(bank)) for bank in chunk) for chunk in pieces), default=0)
    kernel_bits = sum(int(np.prod(p.kernel.shape[1:])) for p in convolutions)
    channels, height, width = grid
    capacity = core.synapse_capacity_bits
    if kernel_bits + axons > capacity:
        return (
            f"layer {name!r}: one neuron has {kernel_bits + axons} synapse bits, "
            f"{kernel_bits + axons - capacity} more than the {capacity} of a core"
        )
    best: tuple[int, int, int, int] | None = None
    for groups in range(1, channels + 1):
        size = ceil(channels / groups)
        room = core.neurons // size
        if axons:
            room = min(room, (capacity - size * kernel_bits) // (size * axons))
        if room < 1 or size * kernel_bits > capacity:
            continue
        bands, stripes = (
            (ceil(height / min(height, room // width)), 1)
            if room >= width
            else (height, ceil(width / room))
        )
        candidate = (groups * bands * stripes, groups, bands, stripes)
        if best is None or candidate < best:
            best = candidate
        if groups > best[0]:
            break
    assert best is not None  # one channel and one position always fit, by the check above
    _, groups, bands, stripes = best
    boxes = tuple(
        Box(c, y, x)
        for c in _parts(channels, groups)
        for y in _parts(height, bands)
        for x in _parts(width, stripes)
    )
    causes = []
    if channels * height * width > core.neurons:
        causes.append(f"{channels * height * width} neurons, a core holds {core.neurons}")
    bits = channels * kernel_bits + channels * height * width * axons
    if bits > capacity:
        causes.append(f"{bits} bits of synapses, a core holds {capacity}")
    if len(pieces) > 1:
        total = sum(len(rows_of(bank)) for chunk in pieces for bank in chunk)
        causes.append(f"{total} axons, a core has {core.axons}")
    return Tiling(boxes, max(1, len(pieces)), "; ".join(causes) or "fits one core")


def dense_pieces(projections: list[DenseProjection], axons: int) -> list[list[Bank]]:
    """Cut the sources of dense projections into chunks of at most `axons` rows, in order."""
    chunks: list[list[Bank]] = []
    free = 0
    for projection in projections:
        whole = Box(*((0, size) for size in projection.source_grid))
        for bank in _cut(Bank(projection, whole), axons):
            rows = len(rows_of(bank))
            if rows > free or not chunks:
                chunks.append([])
                free = axons
            chunks[-1].append(bank)
            free -= rows
    return chunks


def _cut(bank: Bank, axons: int) -> Iterator[Bank]:
    """Yield the bank in equal slices along its longest axis, until each has at most `axons`."""
    rows = len(rows_of(bank))
    if rows <= axons:
        yield bank
        return
    box = bank.accepts
    ranges = [box.channels, box.rows, box.columns]
    longest = next(axis for axis in range(3) if box.sizes[axis] > 1)
    first, last = ranges[longest]
    for start, stop in _parts(last - first, min(last - first, ceil(rows / axons))):
        ranges[longest] = (first + start, first + stop)
        yield from _cut(Bank(bank.projection, Box(*ranges)), axons)


def _parts(size: int, count: int) -> list[tuple[int, int]]:
    """Return `count` ranges that cover 0..size, their lengths equal to within one."""
    cuts = [size * part // count for part in range(count + 1)]
    return list(zip(cuts[:-1], cuts[1:], strict=True))
