"""From a graph to cores: split layers, give them turns, write routing tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import Graph, Input

from .architecture import Architecture, Schedule
from .packing import pack
from .placement import snake
from .program import Bank, BinaryProgram, Block, Box
from .projections import (
    ConvProjection,
    DenseProjection,
    Grid,
    Projection,
    follow,
    paths_into,
    population_grids,
    read_out_of,
    spiking_sources,
)
from .routing import make_routes
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

    def with_boxes(self, boxes: tuple[Box, ...]) -> Layer:
        """Return some boxes of the layer."""
        return replace(self, tiling=replace(self.tiling, boxes=boxes))


def map_graph(
    graph: Graph,
    architecture: Architecture,
    *,
    grids: dict[str, Grid] | None = None,
    only: Mapping[str, tuple[Box, ...]] | None = None,
) -> BinaryProgram:
    """Lay a checked graph out on the machine.

    grids, only: of a part of a larger graph, the grids that nodes have there, and the boxes of
    each layer that belong to the part.

    Raises:
        LoweringError: layers do not fit cores, cores do not fit the mesh, or an edge goes back
            further than the schedule allows; every reason is listed.
    """
    grids = grids or population_grids(graph)
    layers = split_layers(graph, architecture, grids)
    for name, boxes in (only or {}).items():
        layers[name] = layers[name].with_boxes(boxes)
    blocks = pack(make_blocks(layers.values()), architecture)
    if blocks is None:
        raise LoweringError(
            f"graph {graph.name!r} does not fit {architecture.name!r}",
            [_too_many(layers, architecture)],
        )
    block_routes, host_routes, backwards = make_routes(graph, blocks, grids, architecture)
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


def split_layers(
    graph: Graph, architecture: Architecture, grids: dict[str, Grid]
) -> dict[str, Layer]:
    """Return every neuron node of a checked graph with its tiling and its turn, in order.

    Raises:
        LoweringError: neurons with more synapses than a core stores; every layer is listed.
    """
    reasons: list[str] = []
    layers: dict[str, Layer] = {}
    for name in spiking_sources(graph):
        if isinstance(graph.nodes[name], Input):
            continue
        projections = [
            follow(graph, path, grids, unroll=architecture.core.unrolls)
            for path in paths_into(graph, name)
        ]
        tiling = tile_layer(grids[name], projections, architecture.core)
        if isinstance(tiling, str):
            reasons.append(f"layer {name!r}: {tiling}")
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


def _too_many(layers: dict[str, Layer], architecture: Architecture) -> str:
    counts = {name: len(make_blocks([layer])) for name, layer in layers.items()}
    total, side = sum(counts.values()), ceil(sum(counts.values()) ** 0.5)
    each = ", ".join(f"{name!r} {count}" for name, count in counts.items())
    return (
        f"needs {total} cores (layer {each}), {total - architecture.cores} more than the "
        f"{architecture.cores} of the mesh, and does not fit packed; choose a larger "
        f"architecture, e.g. wide, or a mesh of {side} x {ceil(total / side)}"
    )
