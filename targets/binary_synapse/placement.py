"""Give cores their places in the mesh: in order, or so that flits travel little."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .architecture import Architecture, MeshParameters
from .program import BinaryProgram


def snake(cores: int, architecture: Architecture) -> tuple[tuple[int, int], ...]:
    """Return a place for each core, row by row, every second row backwards: neighbours touch."""
    columns = architecture.mesh.columns
    placed = []
    for number in range(cores):
        row, column = divmod(number, columns)
        placed.append((column if row % 2 == 0 else columns - 1 - column, row))
    return tuple(placed)


@dataclass(frozen=True)
class Calibration:
    """What a placement is chosen by: spikes as for `Target.run`, and the seed of the search."""

    spikes: np.ndarray
    seed: int = 0
    sweeps: int = 200


def place_by_traffic(
    program: BinaryProgram, inputs: dict[str, np.ndarray], calibration: Calibration
) -> BinaryProgram:
    """Return the program with its cores where the calibration spikes travel fewest links.

    Simulated annealing over swaps of two places, from the present placement, with a geometric
    cooling from the mean cost of a swap; the best placement seen wins. Deterministic in the seed.
    """
    from .simulator.traffic import anneal, measured_traffic  # numba is slow to import

    traffic = measured_traffic(program, inputs)
    mesh = program.architecture.mesh
    start = np.full(mesh.columns * mesh.rows, -1, np.int64)
    for number, position in enumerate(program.positions):
        start[_router(position, mesh)] = number
    best = anneal(traffic, start, mesh.columns, calibration.sweeps, calibration.seed)
    positions = list(program.positions)
    for router in np.flatnonzero(best >= 0).tolist():
        number = int(best[router])
        row, column = divmod(router, mesh.columns)
        positions[number] = (column, row)
    return replace(program, positions=tuple(positions))


def links_travelled(program: BinaryProgram, traffic: np.ndarray) -> int:
    """Return flits times links for a (units, cores + 1) traffic table; the last column: host."""
    x = np.array([position[0] for position in program.positions] + [0])
    y = np.array([position[1] for position in program.positions] + [0])
    # Input units sit at the host port, router 0, like the host column.
    units = np.minimum(np.arange(len(traffic)), len(program.positions))
    distance = np.abs(x[units][:, None] - x) + np.abs(y[units][:, None] - y)
    return int((traffic * distance).sum())


def _router(position: tuple[int, int], mesh: MeshParameters) -> int:
    return position[0] + position[1] * mesh.columns
