"""Split a layer over scanned cores, where a box of neurons stores a row for each of its sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, prod

from ..machine.architecture import CoreParameters
from ..program.box import Box, Grid
from ..program.program import Bank
from ..program.projections import RowProjection
from .tiling import Tiling, boxes_of, cut_rows, parts_of, rows_fault, whole_bank


def tile_unrolled(
    grid: Grid, projections: Sequence[RowProjection], core: CoreParameters
) -> Tiling | str:
    """Return the split of a layer with unrolled convolutions, or why there is none.

    All sizes of boxes are tried; what takes fewest cores wins, a box with more sources than a core
    has axons being counted as an owner and helpers. Among equals the fewest channel groups win.
    """
    channels, height, width = grid
    fed = {
        groups: [
            max(map(projection.groups_together, parts_of(channels, groups)))
            for projection in projections
        ]
        for groups in _counts(channels)
    }
    best: tuple[int, int, int, int] | None = None
    for bands in _counts(height):
        for stripes in _counts(width):
            rows = _axons_together(projections, grid, bands, stripes)
            for groups in fed:
                neurons = prod(
                    ceil(n / k) for n, k in zip(grid, (groups, bands, stripes), strict=True)
                )
                most = min(core.axons, core.synapse_capacity_bits // neurons)
                if neurons > core.neurons or most < max(rows):
                    continue
                helpers = sum(
                    ceil(n / (most // r)) for n, r in zip(fed[groups], rows, strict=True) if r
                )
                candidate = (groups * bands * stripes * max(1, helpers), groups, bands, stripes)
                best = candidate if best is None else min(best, candidate)
    if best is None:
        rows = _axons_together(projections, grid, height, width)
        most = min(core.axons, core.synapse_capacity_bits)
        return (
            f"one neuron has {max(rows)} synapses from one channel, {max(rows) - most} more than a "
            "core has axons or synapse bits; use a larger core, or a smaller kernel"
        )
    _, groups, bands, stripes = best
    boxes = boxes_of(grid, groups, bands, stripes)
    neurons = max(box.volume for box in boxes)
    most = min(core.axons, core.synapse_capacity_bits // neurons)
    rows = _axons_together(projections, grid, bands, stripes)
    chunks = _chunks(projections, rows, most)
    if fault := rows_fault(chunks, most):
        return fault
    most_rows = sum(n * r for n, r in zip(fed[groups], rows, strict=True))
    causes = []
    if prod(grid) > core.neurons:
        causes.append(f"{prod(grid)} neurons, a core holds {core.neurons}")
    if most_rows > most:
        causes.append(
            f"{most_rows} sources of {neurons} neurons, a core has {core.axons} axons and "
            f"{core.synapse_capacity_bits} bits of synapses"
        )
    return Tiling(boxes, chunks, "; ".join(causes) or "fits one core")


def _counts(size: int) -> list[int]:
    """Return the numbers of parts that differ in the size of the largest."""
    return sorted({ceil(size / part) for part in range(1, size + 1)})


def _axons_together(
    projections: Sequence[RowProjection], grid: Grid, bands: int, stripes: int
) -> list[int]:
    """Return the most axons of a box that must be stored together, for each projection."""
    return [
        max(
            projection.axons_together(Box((0, 1), y, x))
            for y in parts_of(grid[1], bands)
            for x in parts_of(grid[2], stripes)
        )
        for projection in projections
    ]


def _chunks(
    projections: Sequence[RowProjection], rows: list[int], most: int
) -> tuple[tuple[Bank, ...], ...]:
    """Cut the sources of a layer into chunks of at most `most` rows for a box, in order."""
    chunks: list[list[Bank]] = [[]]
    free = most
    for bank, taken in _slices(projections, rows, most):
        if taken > free:
            chunks.append([])
            free = most
        chunks[-1].append(bank)
        free -= taken
    return tuple(map(tuple, chunks))


def _slices(
    projections: Sequence[RowProjection], rows: list[int], most: int
) -> Iterator[tuple[Bank, int]]:
    for projection, each in zip(projections, rows, strict=True):
        whole = whole_bank(projection)
        if projection.cuts_channels:
            yield from ((bank, len(bank.axons)) for bank in cut_rows(whole, most))
            continue
        channels = whole.accepts.sizes[0]
        for part in parts_of(channels, ceil(channels / (most // max(1, each)))):
            box = Box(part, whole.accepts.rows, whole.accepts.columns)
            yield Bank(projection, box), (part[1] - part[0]) * each
