"""From layers to a program: put blocks into cores, write routing tables."""

from __future__ import annotations

from collections.abc import Sequence

from axonc.toolchain.ir import Graph

from ..machine.architecture import Architecture, Schedule
from ..program.box import Grid
from ..program.paths import read_out_of
from ..program.program import BinaryProgram
from .layers import Layer, make_blocks, waves_of
from .packing import pack
from .placement import snake
from .routing import make_routes


def map_graph(
    graph: Graph,
    architecture: Architecture,
    layers: Sequence[Layer],
    grids: dict[str, Grid],
    in_turns: bool = False,
) -> BinaryProgram:
    """Lay a graph out whose layers are known to fit the mesh (`limits`), in order of execution.

    grids: of every spiking node of the graph. in_turns: see `BinaryProgram`.
    """
    packed = pack(make_blocks(layers), architecture)
    assert packed is not None
    waves = waves_of(layers)
    block_routes, host_routes = make_routes(graph, packed, grids, architecture)
    pipelined = architecture.schedule is Schedule.PIPELINED
    ends = [waves[read_out_of(graph, name)[0]] for name in graph.outputs]
    return BinaryProgram(
        graph=graph,
        latency_steps=max(ends, default=-1) + 1 if pipelined else 0,
        architecture=architecture,
        blocks=tuple(packed),
        positions=snake(1 + max(block.core for block in packed), architecture),
        block_routes=block_routes,
        host_routes=host_routes,
        grids=grids,
        reasons={layer.name: layer.tiling.reason for layer in layers},
        in_turns=in_turns,
    )
