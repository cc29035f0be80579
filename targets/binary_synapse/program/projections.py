"""What lies between two populations of neurons: one weighted node, with pooling around it.

A spike travels from a spiking node through structure (flatten, delay), pooling and at most one
weighted node to a neuron node. Since all of this is linear, each spike can be followed on its own:
a `Projection` says which weights one spike of the source adds to which neurons of the target,
without unrolling a convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from axonc.toolchain.ir import (
    Delay,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    Shape,
    SumPool,
)

from .taps import Taps, most_uses, slide

Grid = tuple[int, int, int]
"""(channels, rows, columns); axes that a population lacks have size 1."""


class ProjectionError(ValueError):
    """A path cannot be followed by this machine; `node` is to blame, the text says why."""

    def __init__(self, node: str, text: str) -> None:
        self.node = node
        super().__init__(text)


@dataclass(frozen=True)
class Path:
    """The nodes between a spiking source and a target, in the direction of flow."""

    source: str
    target: str
    through: tuple[str, ...]
    delay: int


@dataclass(frozen=True)
class DenseProjection:
    """Rows of a matrix: source position i adds matrix[:, rows[start[i]:start[i+1]]].

    matrix: int8 (target neurons, rows). rows: None where source position i is row i.
    """

    path: Path
    layer: str
    source_grid: Grid
    matrix: np.ndarray
    start: np.ndarray | None = None
    rows: np.ndarray | None = None

    def sums_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the greatest sum per target neuron, one spike a source."""
        fed = np.ones(self.matrix.shape[1], np.int64)
        if self.rows is not None:
            fed = np.bincount(self.rows, minlength=self.matrix.shape[1])
        return -((self.matrix < 0) @ fed), (self.matrix > 0) @ fed


@dataclass(frozen=True)
class ConvProjection:
    """A kernel in (out channels, in channels / groups, kernel rows, kernel columns), int8.

    A spike at (c, y, x) of `source_grid` adds, for each pair (ky, oy) of `row_taps` at y and
    (kx, ox) of `column_taps` at x, and each output channel o of c's group, kernel[o, c', ky, kx]
    to the neuron (o, oy, ox) of `target_grid`. stored: whether the kernel takes memory; plain
    pooling does not, it counts.
    """

    path: Path
    layer: str
    kernel: np.ndarray
    groups: int
    source_grid: Grid
    target_grid: Grid
    row_taps: Taps
    column_taps: Taps
    stored: bool = True

    def sums_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds of the sum per target neuron, one spike a source.

        Exact where every tap of a neuron lies inside the source; else a little wide.
        """
        weights = self.kernel.astype(np.int64)
        # How often a kernel row (column) is used for one output row (column), pooling included.
        rows = most_uses(self.row_taps, weights.shape[2])
        columns = most_uses(self.column_taps, weights.shape[3])
        most = np.einsum("oiyx,y,x->o", np.maximum(weights, 0), rows, columns)
        least = np.einsum("oiyx,y,x->o", np.minimum(weights, 0), rows, columns)
        plane = prod(self.target_grid[1:])
        return np.repeat(least, plane), np.repeat(most, plane)


def spiking_sources(graph: Graph) -> list[str]:
    """Return the nodes that emit spikes, in execution order: inputs and neurons."""
    return [name for name in graph.order if isinstance(graph.nodes[name], (Input, IntegerNeuron))]


def paths_into(graph: Graph, target: str) -> list[Path]:
    """Return every path from a spiking node to `target`.

    Raises:
        ProjectionError: a loop without a neuron in it, or delays that differ within a node.
    """
    return list(_walk_back(graph, target, target, (), 0))


def _walk_back(
    graph: Graph, target: str, at: str, through: tuple[str, ...], delay: int
) -> Iterator[Path]:
    for edge in graph.incoming[at]:
        name, node = edge.source, graph.nodes[edge.source]
        if isinstance(node, (Input, IntegerNeuron)):
            yield Path(name, target, through, delay + edge.delay)
            continue
        if name in through:
            raise ProjectionError(name, "lies on a loop that no neuron breaks")
        steps = edge.delay + (_steps_of(name, node) if isinstance(node, Delay) else 0)
        yield from _walk_back(graph, target, name, (name, *through), delay + steps)


def _steps_of(name: str, node: Delay) -> int:
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


def follow(graph: Graph, path: Path, grids: Mapping[str, Grid]) -> DenseProjection | ConvProjection:
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
        return _dense(graph, path, grids[path.source], weighted[0], node)
    convolution = _convolution(graph, path, grids[path.source], weighted[0] if weighted else None)
    if convolution.target_grid != grids[path.target]:
        raise ProjectionError(
            path.target,
            f"is fed on grids of {grids[path.target]} and {convolution.target_grid}; flatten "
            "neither or both",
        )
    return convolution


def grid_of(shape: Shape) -> Grid:
    """Return a shape of up to three axes as (channels, rows, columns)."""
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2])
    if len(shape) == 2:
        return (shape[0], 1, shape[1])
    return (prod(shape), 1, 1)


def _dense(
    graph: Graph, path: Path, source_grid: Grid, layer: str, node: IntegerAffine
) -> DenseProjection:
    position = path.through.index(layer)
    matrix = node.weight.astype(np.int8)
    for name in path.through[position + 1 :]:
        if isinstance(graph.nodes[name], SumPool):
            raise ProjectionError(name, "pools the sums of an affine node; pool spikes instead")
    before = Path(path.source, layer, path.through[:position], path.delay)
    if not any(isinstance(graph.nodes[name], SumPool) for name in before.through):
        return DenseProjection(path, layer, source_grid, matrix)
    pooled = _convolution(graph, before, source_grid, None)
    start, rows = _flat_targets(pooled)
    return DenseProjection(path, layer, pooled.source_grid, matrix, start, rows)


def _convolution(graph: Graph, path: Path, source_grid: Grid, layer: str | None) -> ConvProjection:
    grid = source_grid
    shape = graph.shapes[path.source]
    rows = [[(0, y)] for y in range(grid[1])]
    columns = [[(0, x)] for x in range(grid[2])]
    kernel: np.ndarray | None = None
    groups = grid[0]
    for name in path.through:
        node = graph.nodes[name]
        output = node.output_shape(shape)
        if isinstance(node, (SumPool, IntegerConv)):
            if grid_of(shape) != grid:
                raise ProjectionError(
                    name, f"slides over {shape} after a flatten; slide over the original {grid}"
                )
            size, window = _kernel_size(node), node.window
            weighs = isinstance(node, IntegerConv)
            if len(size) == 2:
                rows = slide(rows, size[0], window, 0, _rows_of(output), weighs)
            columns = slide(columns, size[-1], window, -1, grid_of(output)[2], weighs)
            if isinstance(node, IntegerConv):
                weight = node.weight.astype(np.int8)
                kernel = weight if weight.ndim == 4 else weight[:, :, None, :]
                groups = node.groups
            grid = grid_of(output)
        shape = output
    stored = kernel is not None
    if kernel is None:
        kernel = np.ones((grid[0], 1, 1, 1), np.int8)
    return ConvProjection(
        path=path,
        layer=layer or (path.through[-1] if path.through else path.target),
        kernel=kernel,
        groups=groups,
        source_grid=source_grid,
        target_grid=grid,
        row_taps=Taps.from_lists(rows),
        column_taps=Taps.from_lists(columns),
        stored=stored,
    )


def _kernel_size(node: SumPool | IntegerConv) -> tuple[int, ...]:
    return node.kernel if isinstance(node, SumPool) else node.weight.shape[2:]


def _rows_of(shape: Shape) -> int:
    return grid_of(shape)[1]


def _flat_targets(pooled: ConvProjection) -> tuple[np.ndarray, np.ndarray]:
    """Return, per flat source position of a pooling, the flat positions it is counted in."""
    channels, height, width = pooled.source_grid
    _, out_rows, out_columns = pooled.target_grid
    lists: list[np.ndarray] = []
    ys, xs = pooled.row_taps, pooled.column_taps
    for c in range(channels):
        for y in range(height):
            oy = ys.out[ys.start[y] : ys.start[y + 1]]
            for x in range(width):
                ox = xs.out[xs.start[x] : xs.start[x + 1]]
                lists.append(((c * out_rows + oy[:, None]) * out_columns + ox).ravel())
    start = np.concatenate([[0], np.cumsum([len(rows) for rows in lists])])
    return start.astype(np.int64), np.concatenate(lists).astype(np.int64)
