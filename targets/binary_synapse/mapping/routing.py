"""Routing lines: which spikes of a block or of an input node go where, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product

import numpy as np

from axonc.toolchain.ir import Graph

from ..machine.architecture import Architecture, Schedule
from ..program.box import Box, Grid, Ranges
from ..program.paths import read_out_of
from ..program.program import HOST, Block, Route


def make_routes(
    graph: Graph, blocks: list[Block], grids: dict[str, Grid], architecture: Architecture
) -> tuple[tuple[tuple[Route, ...], ...], dict[str, tuple[Route, ...]]]:
    """Return the lines of each block and of each input node."""
    pipelined = architecture.schedule is Schedule.PIPELINED
    lines: dict[str, list[Route]] = {name: [] for name in grids}
    """Per source, steps held left out."""
    for number, block in sorted(enumerate(blocks), key=lambda numbered: numbered[1].core):
        for index, bank in enumerate(block.banks):
            path = bank.projection.path
            lines[path.source].append(Route(((number, index),), bank.accepts, 0, path.delay))
    for name in graph.outputs:
        source, delay = read_out_of(graph, name)
        lines[source].append(Route(((HOST, -1),), Box.of(grids[source]), 0, delay))

    def held(route: Route, wave: int) -> Route:
        target = route.targets[0][0]
        passed = blocks[target].wave - wave - 1 if pipelined and target != HOST else 0
        return replace(route, hold_steps=route.delay_steps + passed)

    def sent(source: str, wave: int, box: Box) -> tuple[Route, ...]:
        together: dict[tuple[int, ...], list[Route]] = {}
        for route in lines[source]:
            if (route.accepts & box).volume:
                block = route.targets[0][0]
                core = block if block == HOST else blocks[block].core
                route = held(route, wave)
                way = () if architecture.mesh.multicast else (core,)
                together.setdefault((route.hold_steps, route.delay_steps, *way), []).append(route)
        routes = [route for group in together.values() for route in _one_for_each(group, box)]
        return tuple(sorted(routes, key=lambda route: route.hold_steps))

    block_routes = tuple(
        () if block.helps is not None else sent(block.layer, block.wave, block.box)
        for block in blocks
    )
    host_routes = {name: sent(name, -1, Box.of(grids[name])) for name in graph.inputs}
    return block_routes, host_routes


def _one_for_each(group: list[Route], box: Box) -> Iterator[Route]:
    """Yield lines of which a spike in `box` matches one, or none that it did not match before.

    The lines of `group` hold and delay alike. They are cut into cells that no edge of a line
    crosses; a cell is a line to all their targets.
    """
    if len(group) == 1:
        yield group[0]
        return
    boxes = np.array([(route.accepts & box).ranges for route in group])
    cells: dict[tuple[tuple[int, int], ...], list[Ranges]] = {}
    cuts = [np.unique(boxes[:, axis]).tolist() for axis in range(3)]
    for c, y, x in product(*(list(pairwise(edges)) for edges in cuts)):
        corner = np.array([c[0], y[0], x[0]])
        inside = ((boxes[:, :, 0] <= corner) & (corner < boxes[:, :, 1])).all(axis=1)
        targets = dict.fromkeys(group[index].targets[0] for index in np.flatnonzero(inside))
        if targets:
            cells.setdefault(tuple(targets), []).append((c, y, x))
    for targets_of_cell, ranges in cells.items():
        for cell in _joined(ranges):
            yield Route(targets_of_cell, Box(*cell), group[0].hold_steps, group[0].delay_steps)


def _joined(cells: list[Ranges]) -> list[Ranges]:
    """Join cells that touch into fewer: along columns, then rows, then channels."""
    for axis in (2, 1, 0):
        done: list[Ranges] = []
        for cell in sorted(cells, key=lambda cell: (cell[:axis] + cell[axis + 1 :], cell[axis])):
            others = cell[:axis] + cell[axis + 1 :]
            last = done[-1] if done else cell
            if done and last[:axis] + last[axis + 1 :] == others and last[axis][1] == cell[axis][0]:
                joined = list(last)
                joined[axis] = (last[axis][0], cell[axis][1])
                done[-1] = (joined[0], joined[1], joined[2])
            else:
                done.append(cell)
        cells = done
    return cells
