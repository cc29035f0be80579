"""Give cores their places in the mesh: in order, or so that flits travel little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from axonc.toolchain.reference import Spikes

from ...mesh_placement import MeshTraffic, place_on_mesh
from ..machine.architecture import Architecture
from ..program.box import Box
from ..program.program import HOST, BinaryProgram, Route


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

    spikes: Spikes
    seed: int = 0


def place_by_traffic(program: BinaryProgram, traffic: MeshTraffic, seed: int) -> BinaryProgram:
    """Return the program with its cores where the flits of `traffic` travel few links."""
    mesh = program.architecture.mesh
    routers = np.arange(mesh.columns * mesh.rows)
    slots = np.stack([routers % mesh.columns, routers // mesh.columns], axis=1)
    present = np.array(program.positions, np.int64).reshape(-1, 2)
    in_order = present[:, 0] + mesh.columns * present[:, 1]
    host = np.zeros((1, 2), np.int64)
    chosen = slots[place_on_mesh(traffic, slots, in_order, pins=host, seed=seed)]
    return replace(program, positions=tuple((int(x), int(y)) for x, y in chosen))


def measured_traffic(program: BinaryProgram, rasters: Mapping[str, np.ndarray]) -> MeshTraffic:
    """Return who sends how many flits to whom; the host port is the pin behind the cores.

    rasters: (batch, time, neurons) spike counts of every spiking node. Spikes that a sample is too
    short to deliver are counted too.
    """
    fired = {name: rasters[name].sum(axis=(0, 1)).reshape(program.grids[name]) for name in rasters}
    phases = int(np.prod(next(iter(rasters.values())).shape[:2]))
    host = len(program.positions)
    flits: list[tuple[int, int, int]] = []

    def to_cores(source: int, route: Route, sent: int) -> None:
        cores = [host if core == HOST else core for core in program.banks_by_core(route)]
        flits.extend((source, core, sent) for core in cores)

    for block, routes in zip(program.blocks, program.block_routes, strict=True):
        sums = phases * block.box.volume
        if block.helps is not None:
            owner = host if block.helps == HOST else program.blocks[block.helps].core
            flits.append((block.core, owner, sums))
        if block.resumes:
            flits.append((host, block.core, sums))
        for route in routes:
            to_cores(block.core, route, _spikes_in(fired[block.layer], block.box, route.accepts))
    for name, routes in program.host_routes.items():
        for route in routes:
            to_cores(host, route, _spikes_in(fired[name], route.accepts))
    source, target, count = np.array(flits, np.int64).reshape(-1, 3).T
    return MeshTraffic.between(source, target, count, parts=host, pins=1)


def links_travelled(program: BinaryProgram, traffic: MeshTraffic) -> int:
    """Return flits times links of `traffic` with the cores where `program` has them."""
    return traffic.links(np.array([*program.positions, (0, 0)]))


def _spikes_in(counts: np.ndarray, *boxes: Box) -> int:
    """Return the sum of (channels, rows, columns) counts over what lies in all boxes."""
    common = []
    for ranges in zip(*((box.channels, box.rows, box.columns) for box in boxes), strict=True):
        firsts, ends = zip(*ranges, strict=True)
        common.append(slice(max(firsts), min(ends)))
    return int(counts[tuple(common)].sum())
