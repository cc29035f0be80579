"""From a graph to cores: split layers, give them turns, write routing tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import Graph, Input

from .architecture import Architecture, Schedule
from .packing import pack
from .placement import snake
from .program import HOST, Bank, BinaryProgram, Block, Box, Route
from .projections import (
    ConvProjection,
    DenseProjection,
    Grid,
    Projection,
    follow,
    paths_into,
    population_grids,
    spiking_sources,
)
from .tiling import Tiling, tile_layer


@dataclass
class Layer:
    """A neuron node on its way to cores."""

    name: str
    grid: Grid
    projections: list[Projection]
    tiling: Tiling
    wave: int
    """The turn of its owners; helpers go one turn earlier."""


def map_graph(graph: Graph, architecture: Architecture) -> BinaryProgram:
    """Lay a checked graph out on the machine.

    Raises:
        LoweringError: layers do not fit cores, cores do not fit the mesh, or an edge goes back
            further than the schedule allows; every reason is listed.
    """
    layers = split_layers(graph, architecture)
    grids = population_grids(graph)
    blocks = pack(make_blocks(layers.values()), architecture)
    if blocks is None:
        raise LoweringError(
            f"graph {graph.name!r} does not fit {architecture.name!r}",
            [_too_many(layers, architecture)],
        )
    block_routes, host_routes, backwards = _make_routes(graph, blocks, layers, grids, architecture)
    if backwards:
        raise LoweringError(f"graph {graph.name!r} does not fit {architecture.name!r}", backwards)
    pipelined = architecture.schedule is Schedule.PIPELINED
    ends = [layers[read_out_of(graph, name)[0]].wave for name in graph.outputs]
    return BinaryProgram(
        graph=graph,
        latency_steps=max(ends, default=-1) + 1 if pipelined else 0,
        architecture=architecture,
        blocks=tuple(blocks),
        positions=snake(1 + max(block.core for block in blocks), architecture),
        block_routes=block_routes,
        host_routes=host_routes,
        grids=grids,
        reasons={name: layer.tiling.reason for name, layer in layers.items()},
    )


def split_layers(graph: Graph, architecture: Architecture) -> dict[str, Layer]:
    """Return every neuron node of a checked graph with its tiling and its turn, in order.

    Raises:
        LoweringError: neurons with more synapses than a core stores; every layer is listed.
    """
    reasons: list[str] = []
    grids = population_grids(graph)
    layers: dict[str, Layer] = {}
    for name in spiking_sources(graph):
        if isinstance(graph.nodes[name], Input):
            continue
        projections = [
            follow(graph, path, grids, unroll=architecture.core.unrolls)
            for path in paths_into(graph, name)
        ]
        tiling = tile_layer(name, grids[name], projections, architecture.core)
        if isinstance(tiling, str):
            reasons.append(tiling)
            continue
        before = [
            layers[p.path.source].wave
            for p in projections
            if p.path.delay == 0 and p.path.source in layers
        ]
        wave = max(before, default=-1) + 1 + (len(tiling.chunks) > 1)
        layers[name] = Layer(name, grids[name], projections, tiling, wave)
    if reasons:
        raise LoweringError(f"graph {graph.name!r} does not fit {architecture.name!r}", reasons)
    return layers


def make_blocks(layers: Iterable[Layer]) -> list[Block]:
    """Return the blocks of some layers, each in a core of its own; owners before their helpers."""
    blocks: list[Block] = []
    for layer in layers:
        for box in layer.tiling.boxes:
            owner = len(blocks)
            for number, chunk in enumerate(layer.tiling.chunks):
                banks = tuple(bank for whole in chunk if (bank := _into(whole, box)).accepts.volume)
                if number > 0 and not banks:
                    continue  # no source of this chunk reaches the box
                blocks.append(
                    Block(
                        layer=layer.name,
                        grid=layer.grid,
                        box=box,
                        banks=banks,
                        wave=layer.wave - (number > 0),
                        core=len(blocks),
                        helps=owner if number > 0 else None,
                    )
                )
    return blocks


def _into(bank: Bank, box: Box) -> Bank:
    """Return the bank with those of its sources that can reach `box`."""
    projection = bank.projection
    if isinstance(projection, DenseProjection):
        return bank
    return Bank(projection, bank.accepts & _accepted(projection, box))


def _accepted(projection: ConvProjection, box: Box) -> Box:
    """Return the smallest box of sources that reaches `box`."""
    kernel, groups = projection.kernel, projection.groups
    outputs, inputs = kernel.shape[0] // groups, kernel.shape[1]
    first, last = box.channels
    channels = (first // outputs * inputs, ((last - 1) // outputs + 1) * inputs)
    return Box(
        channels,
        _extent(projection.row_taps.within(*box.rows).counts),
        _extent(projection.column_taps.within(*box.columns).counts),
    )


def _extent(counts: np.ndarray) -> tuple[int, int]:
    used = np.flatnonzero(counts)
    return (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)


def _make_routes(
    graph: Graph,
    blocks: list[Block],
    layers: dict[str, Layer],
    grids: dict[str, Grid],
    architecture: Architecture,
) -> tuple[tuple[tuple[Route, ...], ...], dict[str, tuple[Route, ...]], list[str]]:
    pipelined = architecture.schedule is Schedule.PIPELINED
    lines: dict[str, list[Route]] = {name: [] for name in grids}
    """Per source, steps held left out."""
    for number, block in enumerate(blocks):
        for index, bank in enumerate(block.banks):
            path = bank.projection.path
            lines[path.source].append(Route(number, index, bank.accepts, 0, path.delay))
    for name in graph.outputs:
        source, delay = read_out_of(graph, name)
        whole = Box(*((0, size) for size in grids[source]))
        lines[source].append(Route(HOST, -1, whole, 0, delay))

    backwards: dict[str, None] = {}

    def held(route: Route, source: str, wave: int) -> Route:
        delay = hold = route.delay_steps
        if pipelined and route.block != HOST:
            hold += blocks[route.block].wave - wave - 1
        if hold < 0:
            backwards[
                f"node {blocks[route.block].layer!r}: a spike of {source!r} comes back {delay} "
                f"steps later, but the pipeline between them is {delay - hold} steps long; use "
                'schedule = "within-step"'
            ] = None
        return replace(route, hold_steps=hold)

    block_routes = []
    for block in blocks:
        wanted = [] if block.helps is not None else lines[block.layer]
        block_routes.append(
            _sorted([
                held(route, block.layer, block.wave)
                for route in wanted
                if (route.accepts & block.box).volume
            ])
        )  # fmt: skip
    host_routes = {
        name: _sorted([held(route, name, -1) for route in lines[name]]) for name in graph.inputs
    }
    return tuple(block_routes), host_routes, list(backwards)


def _sorted(routes: list[Route]) -> tuple[Route, ...]:
    return tuple(sorted(routes, key=lambda route: route.hold_steps))


def read_out_of(graph: Graph, output: str) -> tuple[str, int]:
    """Return the neuron node that an output shows, and the delay between them."""
    path = paths_into(graph, output)[0]
    return path.source, path.delay


def _too_many(layers: dict[str, Layer], architecture: Architecture) -> str:
    counts = {name: len(make_blocks([layer])) for name, layer in layers.items()}
    total, side = sum(counts.values()), ceil(sum(counts.values()) ** 0.5)
    each = ", ".join(f"{name!r} {count}" for name, count in counts.items())
    return (
        f"needs {total} cores (layer {each}), {total - architecture.cores} more than the "
        f"{architecture.cores} of the mesh, and does not fit packed; choose a larger "
        f"architecture, e.g. wide, or a mesh of {side} x {ceil(total / side)}"
    )
