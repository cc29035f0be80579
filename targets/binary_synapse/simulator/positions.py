"""Where a source lies in its population, and whether a box of sources holds it."""

from __future__ import annotations

from typing import Any

from .compiled import inlined


@inlined
def position(source: Any, plane: Any, width: Any) -> Any:
    """Return (channel, row, column) of a flat position; a plane of 1 has neither row nor column."""
    c, y, x = source, 0, 0
    if plane > 1:
        c = source // plane
        y = (source - c * plane) // width
        x = source - c * plane - y * width
    return c, y, x


@inlined
def box_covers(box: Any, unit: Any) -> Any:
    """Return whether all neurons of a unit (a UNIT record) lie in a box of sources."""
    return (
        box[0] == 0
        and box[1] == unit.channels
        and box[2] == 0
        and box[3] == unit.rows
        and box[4] == 0
        and box[5] == unit.columns
    )


@inlined
def in_box(box: Any, c: Any, y: Any, x: Any) -> Any:
    """Return whether a position (channel, row, column) lies in a box of sources."""
    return box[0] <= c < box[1] and box[2] <= y < box[3] and box[4] <= x < box[5]
