"""Split one layer over cores: its neurons into boxes, its sources into chunks of partial sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod

from ..machine.architecture import CoreParameters
from ..program.box import Box, Grid
from ..program.program import Bank
from ..program.projections import Projection


@dataclass(frozen=True)
class Tiling:
    """How a layer is split: one owner a box, and a helper beside it for each further chunk.

    chunks: the banks of each, before what does not reach the box is left out; the first one is
    the owner's.
    """

    boxes: tuple[Box, ...]
    chunks: tuple[tuple[Bank, ...], ...]
    reason: str


def tile_layer(grid: Grid, projections: list[Projection], core: CoreParameters) -> Tiling | str:
    """Return the split of a layer that takes fewest cores, or why there is none.

    Sources are cut only where one neuron's synapses exceed a core. Then every number of channel
    groups is tried; each group is cut into bands of rows as high as a core can hold, then into
    columns. Among equals the fewest channel groups win, because every event goes to all of them,
    while a band sees only the events near it.
    """
    capacity = core.synapse_capacity_bits
    for projection in projections:
        bits = projection.kernel_bits(Box((0, 1), (0, 1), (0, 1)))
        if bits > capacity:
            return (
                f"one neuron has {bits} synapse bits from one channel, {bits - capacity} more than "
                f"the {capacity} of a core; use a larger core, or a smaller kernel"
            )
    chunks = _chunks(projections, core.axons, capacity)
    if fault := rows_fault(chunks, min(core.axons, capacity)):
        return fault
    needs = [
        (sum(bank.kernel_bits for bank in chunk), sum(len(bank.axons) for bank in chunk))
        for chunk in chunks
    ]
    channels, height, width = grid
    best: tuple[int, int, int, int] | None = None
    for groups in range(1, channels + 1):
        size = ceil(channels / groups)
        room = core.neurons // size
        for kernel_bits, rows in needs:
            left = capacity - size * kernel_bits
            room = min(room, left // (size * rows) if rows else room, room if left >= 0 else 0)
        if room < 1:
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
    assert best is not None  # one channel and one position always fit, by the cut of the chunks
    _, groups, bands, stripes = best
    boxes = boxes_of(grid, groups, bands, stripes)
    return Tiling(boxes, chunks, _reason(grid, projections, chunks, core))


def _reason(
    grid: Grid,
    projections: list[Projection],
    chunks: tuple[tuple[Bank, ...], ...],
    core: CoreParameters,
) -> str:
    neurons, capacity = prod(grid), core.synapse_capacity_bits
    kernels = sum(whole_bank(projection).kernel_bits for projection in projections)
    rows = sum(len(bank.axons) for chunk in chunks for bank in chunk)
    most = max((sum(len(bank.axons) for bank in chunk) for chunk in chunks), default=0)
    causes = []
    if neurons > core.neurons:
        causes.append(f"{neurons} neurons, a core holds {core.neurons}")
    bits = grid[0] * kernels + neurons * most
    if bits > capacity:
        causes.append(f"{bits} bits of synapses, a core holds {capacity}")
    if rows > core.axons:
        causes.append(f"{rows} axons, a core has {core.axons}")
    elif kernels + rows > capacity:
        causes.append(f"{kernels + rows} synapse bits a neuron, a core holds {capacity}")
    return "; ".join(causes) or "fits one core"


def _chunks(
    projections: list[Projection], axons: int, capacity: int
) -> tuple[tuple[Bank, ...], ...]:
    """Cut the sources of a layer into chunks whose synapses into one neuron fit a core, in order.

    Convolutions come first, so that a layer that needs no partial sums has all in one chunk.
    """
    chunks: list[list[Bank]] = [[]]
    rows_free, bits_free = axons, capacity
    for whole in sorted(map(whole_bank, projections), key=lambda bank: len(bank.axons) > 0):
        for bank in _cut(whole, axons, capacity):
            rows, bits = len(bank.axons), bank.kernel_bits + len(bank.axons)
            if rows > rows_free or bits > bits_free:
                chunks.append([])
                rows_free, bits_free = axons, capacity
            chunks[-1].append(bank)
            rows_free, bits_free = rows_free - rows, bits_free - bits
    return tuple(map(tuple, chunks))


def whole_bank(projection: Projection) -> Bank:
    """Return the bank that takes every source of a projection."""
    return Bank(projection, Box.of(projection.source_grid))


def boxes_of(grid: Grid, groups: int, bands: int, stripes: int) -> tuple[Box, ...]:
    """Return the boxes of a grid cut into so many parts along each axis."""
    return tuple(
        Box(c, y, x)
        for c in parts_of(grid[0], groups)
        for y in parts_of(grid[1], bands)
        for x in parts_of(grid[2], stripes)
    )


def rows_fault(chunks: tuple[tuple[Bank, ...], ...], most: int) -> str | None:
    """Return why some bank of a matrix cannot be cut to `most` rows, or None."""
    for bank in (bank for chunk in chunks for bank in chunk):
        rows = len(bank.axons)
        if bank.projection.cuts_channels and rows > most:
            return (
                f"one spike of {bank.projection.path.source!r} is counted in {rows} pooled "
                f"positions, {rows - most} more than a core has axons or synapse bits for one "
                "neuron; use a larger core, or windows that overlap less"
            )
    return None


def cut_rows(bank: Bank, most: int) -> Iterator[Bank]:
    """Yield a bank of rows in slices of at most `most` rows."""
    yield from _cut(bank, most, most)


def _cut(bank: Bank, axons: int, capacity: int) -> Iterator[Bank]:
    """Yield the bank in equal slices along its first long axis, until each fits one core."""
    pieces = max(ceil(len(bank.axons) / min(axons, capacity)), ceil(bank.kernel_bits / capacity))
    if pieces <= 1 or bank.accepts.volume == 1:
        yield bank
        return
    box = bank.accepts
    ranges = list(box.ranges)
    axis = next((axis for axis in range(3) if box.sizes[axis] > 1), 0)
    first, last = ranges[axis]
    for start, stop in parts_of(last - first, min(last - first, pieces)):
        ranges[axis] = (first + start, first + stop)
        yield from _cut(Bank(bank.projection, Box(*ranges)), axons, capacity)


def parts_of(size: int, count: int) -> list[tuple[int, int]]:
    """Return `count` ranges that cover 0..size, their lengths equal to within one."""
    cuts = [size * part // count for part in range(count + 1)]
    return list(zip(cuts[:-1], cuts[1:], strict=True))
