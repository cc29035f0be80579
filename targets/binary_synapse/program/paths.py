"""From the paths of a graph to projections: what lies between two spiking nodes.

A spike travels from a spiking node through structure (flatten, delay), pooling and at most one
weighted node to a neuron node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from axonc.toolchain.ir import (
    Delay,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    NoNeuronOnLoop,
    Range,
    SignalPath,
    SumPool,
    Taps,
    arriving_range,
)
from axonc.toolchain.ir import paths_into as paths_in_graph

from .box import Grid, grid_of
from .projections import ConvProjection, DenseProjection, Projection, RowProjection


class ProjectionError(ValueError):
    """A path cannot be followed by this machine; `node` is to blame, the text says why."""

    def __init__(self, node: str, text: str) -> None:
        self.node = node
        super().__init__(text)


def spiking_sources(graph: Graph) -> list[str]:
    """Return the nodes that emit spikes, in execution order: inputs and neurons."""
    return [name for name in graph.order if isinstance(graph.nodes[name], (Input, IntegerNeuron))]


def paths_into(graph: Graph, target: str) -> list[SignalPath]:
    """Return every path from a spiking node to `target`, with the delays of delay nodes on it.

    Raises:
        ProjectionError: a loop without a neuron in it, or delays that differ within a node.
    """
    try:
        paths = paths_in_graph(graph, target)
    except NoNeuronOnLoop as loop:
        raise ProjectionError(loop.node, str(loop)) from None
    return [
        replace(path, delay=path.delay + sum(_steps_of(graph, name) for name in path.through))
        for path in paths
    ]


def _steps_of(graph: Graph, name: str) -> int:
    """Return how many steps a node delays spikes by; only delay nodes do."""
    node = graph.nodes[name]
    if not isinstance(node, Delay):
        return 0
    steps = np.unique(node.delay)
    if len(steps) != 1 or steps[0] != int(steps[0]):
        raise ProjectionError(
            name,
            f"delays its neurons by {steps.min():g} to {steps.max():g} steps; the machine has one "
            "delay a projection: give all neurons of the node the same whole number of steps, or "
            "split the node into one for each delay",
        )
    return int(steps[0])


def read_out_of(graph: Graph, output: str) -> tuple[str, int]:
    """Return the neuron node that an output shows, and the delay between them."""
    path = paths_into(graph, output)[0]
    return path.source, path.delay


def population_grids(graph: Graph) -> dict[str, Grid]:
    """Return the grid of every spiking node; what is flattened keeps the grid it had.

    Raises:
        ProjectionError: see `paths_into`.
    """
    grids: dict[str, Grid] = {}
    for name in spiking_sources(graph):
        grids[name] = grid_of(graph.shapes[name])
        if isinstance(graph.nodes[name], IntegerNeuron) and len(graph.shapes[name]) == 1:
            for path in paths_into(graph, name):
                for node in reversed(path.through):
                    if isinstance(graph.nodes[node], IntegerAffine):
                        break
                    if isinstance(graph.nodes[node], (IntegerConv, SumPool)):
                        grids[name] = grid_of(graph.shapes[node])
                        break
                else:
                    grids[name] = grids.get(path.source, grids[name])
    return grids


def follow(
    graph: Graph, path: SignalPath, grids: Mapping[str, Grid]
) -> DenseProjection | ConvProjection:
    """Return what one spike does on `path`.

    grids: those of `population_grids`.

    Raises:
        ProjectionError: the path holds something that this machine cannot do event by event.
    """
    weighted = [
        name for name in path.through if isinstance(graph.nodes[name], (IntegerAffine, IntegerConv))
    ]
    if len(weighted) > 1:
        raise ProjectionError(
            weighted[1],
            f"follows {weighted[0]!r} without a neuron in between: sums would have to be weighed "
            "again; put a neuron between them or multiply the two matrices",
        )
    if weighted and isinstance(node := graph.nodes[weighted[0]], IntegerAffine):
        return _dense(graph, path, grids, weighted[0], node)
    convolution = _convolution(graph, path, grids[path.source], weighted[0] if weighted else None)
    if convolution.target_grid != grids[path.target]:
        raise ProjectionError(
            path.target,
            f"is fed on grids of {grids[path.target]} and {convolution.target_grid}; flatten "
            "neither or both",
        )
    return convolution


def as_rows(projection: Projection) -> RowProjection:
    """Return a projection stored as rows.

    Raises:
        ProjectionError: pooling makes a synapse weigh more than 1.
    """
    rows = projection.as_rows()
    if rows is None:
        raise ProjectionError(
            projection.layer,
            "pools into synapses that weigh more than 1; use cores with event-major dataflow",
        )
    return rows


def sum_range(graph: Graph, neuron: str, input_count: int = 1) -> Range:
    """Return the range of the sum of each neuron, flat, int64, in the bits of one step.

    input_count: the most spikes that an input gives to one of its neurons in a step.

    Raises:
        ProjectionError: there is no bound.
    """
    arriving = arriving_range(graph, neuron, input_count)
    if arriving is None:
        raise ProjectionError(neuron, "sums what has no bound")
    whole = arriving.broadcast_to(graph.shapes[neuron])
    return Range(*(end.ravel().astype(np.int64) for end in (whole.low, whole.high)))


def _dense(
    graph: Graph, path: SignalPath, grids: Mapping[str, Grid], layer: str, node: IntegerAffine
) -> DenseProjection:
    position = path.through.index(layer)
    for name in path.through[position + 1 :]:
        if isinstance(graph.nodes[name], SumPool):
            raise ProjectionError(name, "pools the sums of an affine node; pool spikes instead")
    projection = DenseProjection(
        path, layer, grids[path.source], grids[path.target], node.weight.astype(np.int8)
    )
    before = SignalPath(path.source, layer, path.through[:position], path.delay)
    if not any(isinstance(graph.nodes[name], SumPool) for name in before.through):
        return projection
    start, rows = _flat_targets(_convolution(graph, before, grids[path.source], None))
    return replace(projection, start=start, rows=rows)


def _convolution(
    graph: Graph, path: SignalPath, source_grid: Grid, layer: str | None
) -> ConvProjection:
    grid, shape = source_grid, graph.shapes[path.source]
    rows, columns = Taps.identity(grid[1]), Taps.identity(grid[2])
    kernel: np.ndarray | None = None
    groups = grid[0]
    for name in path.through:
        node = graph.nodes[name]
        if isinstance(node, (SumPool, IntegerConv)):
            if grid_of(shape) != grid:
                raise ProjectionError(
                    name, f"slides over {shape} after a flatten; slide over the original {grid}"
                )
            slides = node.as_conv(grid[0]) if isinstance(node, SumPool) else node
            weighs = isinstance(node, IntegerConv)
            *row_taps, column_taps = slides.taps(shape)  # of one axis, or of two
            for taps in row_taps:
                rows = rows.then(taps, weighs=weighs)
            columns = columns.then(column_taps, weighs=weighs)
            if weighs:
                weight = slides.weight.astype(np.int8)
                kernel = weight if weight.ndim == 4 else weight[:, :, None, :]
                groups = slides.groups
            grid = grid_of(node.output_shape(shape))
        shape = node.output_shape(shape)
    stored = kernel is not None
    if kernel is None:
        kernel = np.ones((grid[0], 1, 1, 1), np.int8)
    return ConvProjection(
        path=path,
        layer=layer or (path.through[-1] if path.through else path.target),
        source_grid=source_grid,
        target_grid=grid,
        kernel=kernel,
        groups=groups,
        row_taps=rows,
        column_taps=columns,
        stored=stored,
    )


def _flat_targets(pooled: ConvProjection) -> tuple[np.ndarray, np.ndarray]:
    """Return, per flat source position of a pooling, the flat positions it is counted in.

    Those of position i are rows[start[i]:start[i+1]] of (start, rows).
    """
    channels, height, width = pooled.source_grid
    _, out_height, out_width = pooled.target_grid
    ys, xs = pooled.row_taps, pooled.column_taps
    source = (ys.source[:, None] * width + xs.source).ravel()
    target = (ys.out[:, None] * out_width + xs.out).ravel()
    in_plane = target[np.argsort(source, kind="stable")]
    counts = np.tile(np.bincount(source, minlength=height * width), channels)
    rows = np.arange(channels)[:, None] * (out_height * out_width) + in_plane
    return np.concatenate([[0], np.cumsum(counts)]), rows.ravel()
