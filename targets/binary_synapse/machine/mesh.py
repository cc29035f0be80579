"""Routers of the mesh: their ports, and the way that a flit takes from one to another."""

from __future__ import annotations

from collections.abc import Iterator

NORTH, EAST, SOUTH, WEST, LOCAL, TO_HOST = range(6)
PORTS = 6
PORT_NAMES = ("north", "east", "south", "west", "core", "host")

Position = tuple[int, int]
"""(column, row) of a router."""


def xy_way(start: Position, end: Position) -> Iterator[Position]:
    """Yield the routers from `start` to `end`, both included: along the row, then the column.

    The compiled form of one step of it is `simulator.flits.output_towards`.
    """
    right, down = (1 if end[0] >= start[0] else -1), (1 if end[1] >= start[1] else -1)
    yield from ((x, start[1]) for x in range(start[0], end[0] + right, right))
    yield from ((end[0], y) for y in range(start[1], end[1] + down, down)[1:])
