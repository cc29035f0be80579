"""Give cores their places in the mesh."""

from __future__ import annotations

from dataclasses import replace

from .architecture import Architecture
from .program import Core


def snake(cores: list[Core], architecture: Architecture) -> list[Core]:
    """Place cores row by row, every second row backwards, so that neighbours in order touch."""
    columns = architecture.mesh.columns
    placed = []
    for number, core in enumerate(cores):
        row, column = divmod(number, columns)
        placed.append(
            replace(core, position=(column if row % 2 == 0 else columns - 1 - column, row))
        )
    return placed
