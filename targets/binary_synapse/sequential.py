"""Networks larger than the chip: group of layers after group of layers, weights streamed in.

For each inference the groups take turns. A turn loads the group's weights and parameters from
external memory at `bits_per_cycle`, then runs all time steps of the sample on the group; the spikes
that later groups need leave by the host port into external memory and come back the same way.
Nothing of a load overlaps with a run. Where the sums of some neurons need more cores at once than
there are, a turn does a part of them and hands them on to the next.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from axonc.toolchain.ir import Edge, Graph, Input, Node, Output

from ..base import Program
from .architecture import Architecture
from .layers import Layer, make_blocks
from .mapper import map_graph
from .memory import memory_bits, spike_bits
from .packing import pack
from .program import BinaryProgram
from .projections import Grid, read_out_of, spiking_sources

Group = dict[str, Layer]
"""What a part has of each of its layers, in the order of execution."""

_STREAMED = (
    "signs", "presence", "thresholds", "biases", "decays", "resets", "routes", "bank_sets",
    "branches",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One group of layers: a program of its own, and what it sends on.

    exported: output node of the part's graph -> the neuron node whose spikes leave there.
    """

    program: BinaryProgram
    exported: dict[str, str]

    @property
    def load_bits(self) -> int:
        """Bits streamed in before the part runs: everything that is not state."""
        bits = memory_bits(self.program)
        return sum(n for name, n in bits.items() if name.rsplit(".", 1)[1] in _STREAMED)

    @property
    def load_cycles(self) -> int:
        """Cycles of the load."""
        external = self.program.architecture.external_memory
        assert external is not None
        return ceil(self.load_bits / external.bits_per_cycle)


@dataclass(frozen=True)
class SequentialProgram(Program):
    """A network that visits the machine part by part."""

    architecture: Architecture
    parts: tuple[Part, ...]

    def summary(self) -> list[tuple[str, str]]:
        rows = [
            ("architecture", f"{self.architecture.name}, layer by layer in {len(self.parts)} parts")
        ]
        for number, part in enumerate(self.parts):
            layers = dict.fromkeys(block.layer for block in part.program.blocks)
            what = ", its sums go on in the next" * (part.program.handing_on is not None)
            rows.append(
                (
                    f"part {number}",
                    f"{', '.join(layers)}{what}: {len(part.program.positions)} cores, "
                    f"{part.load_bits} bits loaded in {part.load_cycles} cycles",
                )
            )
        reasons = {name: why for part in self.parts for name, why in part.program.reasons.items()}
        for name, why in reasons.items():
            held = [sum(b.layer == name for b in part.program.blocks) for part in self.parts]
            parts = sum(count > 0 for count in held)
            split = f"{sum(held)} blocks in {parts} part{'s' * (parts > 1)} ({why})"
            rows.append((f"layer {name}", split if sum(held) > 1 else "1 block"))
        return rows


def map_sequentially(
    graph: Graph, architecture: Architecture, layers: Sequence[Layer], grids: dict[str, Grid]
) -> SequentialProgram:
    """Lay a graph out in parts whose layers are known to make parts (`limits`)."""
    groups, _ = grouped(layers, architecture)
    parts = tuple(_part(graph, group, architecture, layers, grids) for group in groups)
    return SequentialProgram(graph, 0, architecture, parts)


def external_counters(program: SequentialProgram, runs: list[Counter[str]]) -> Counter[str]:
    """Return what the external memory adds to the counters of the parts: bits and load cycles."""
    total: Counter[str] = Counter()
    grids = {name: grid for part in program.parts for name, grid in part.program.grids.items()}
    width, sum_bits = spike_bits(grids), program.architecture.core.accumulator_bits
    for part, counters in zip(program.parts, runs, strict=True):
        samples = counters["samples"]
        total["read_bits/external"] += samples * part.load_bits
        spikes = counters["flits_from_host"] - counters["sums_from_host"]
        total["read_bits/external"] += spikes * width + counters["sums_from_host"] * sum_bits
        total["write_bits/external"] += counters["output_spikes"] * width
        total["write_bits/external"] += counters["sums_to_host"] * sum_bits
        total["cycles/load"] += samples * part.load_cycles
    return total


def grouped(
    layers: Sequence[Layer], architecture: Architecture
) -> tuple[list[Group], list[tuple[str, str]]]:
    """Return the layers of each part, as many as the mesh holds; what cannot be in parts, by layer.

    A layer that the mesh does not hold alone comes in several parts of its own, as many boxes at a
    time as fit; a box that it does not hold, chunk after chunk.
    """

    def fits(group: Group) -> bool:
        return pack(make_blocks(group.values()), architecture) is not None

    groups: list[Group] = []
    joins = False  # whether the last part may take more layers
    for layer in layers:
        if joins and fits(together := groups[-1] | {layer.name: layer}):
            groups[-1] = together
            continue
        parts = list(_cut(layer, lambda part: fits({part.name: part})))
        groups += ({layer.name: part} for part in parts)
        joins = len(parts) == 1
    first = {name: number for number, group in reversed([*enumerate(groups)]) for name in group}
    last = {name: number for number, group in enumerate(groups) for name in group}
    faults = [
        (
            path.target,
            f"spikes of {path.source!r} come back to it from a later part; choose an architecture "
            "that holds the loop",
        )
        for layer in layers
        for path in (projection.path for projection in layer.projections)
        if path.source in last and last[path.source] > first[path.target]
    ]
    return groups, faults


def _cut(layer: Layer, fits: Callable[[Layer], bool]) -> Iterator[Layer]:
    """Yield a layer in order: as many boxes, or chunks of one box, at a time as fit the mesh."""
    boxes = layer.tiling.boxes
    for first, last in _runs(len(boxes), lambda a, b: fits(layer.with_boxes(boxes[a:b]))):
        some = layer.with_boxes(boxes[first:last])
        yield from [some] if fits(some) else _cut_sums(some, fits)


def _cut_sums(layer: Layer, fits: Callable[[Layer], bool]) -> Iterator[Layer]:
    chunks = len(layer.tiling.chunks)
    for first, last in _runs(chunks, lambda a, b: fits(layer.with_chunks(a, b))):
        yield layer.with_chunks(first, last)


def _runs(total: int, fits: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """Yield ranges that cover 0..total, each as long as fits, or one where none does."""
    first = 0
    while first < total:
        last = _last_that_fits(first, total, fits)
        yield first, last
        first = last


def _last_that_fits(first: int, total: int, fits: Callable[[int, int], bool]) -> int:
    """Return it by halving: what lies within a range that fits, fits too."""
    ends = range(first + 1, total + 1)
    return first + max(1, bisect_left(ends, True, key=lambda end: not fits(first, end)))


def _part(
    graph: Graph,
    group: Group,
    architecture: Architecture,
    layers: Sequence[Layer],
    grids: dict[str, Grid],
) -> Part:
    """Return the part of `group`: sources outside become inputs, what others need outputs."""
    paths = [projection.path for layer in layers for projection in layer.projections]
    into = [path for path in paths if path.target in group]
    nodes: dict[str, Node] = {}
    for path in into:
        if path.source not in group:
            nodes[path.source] = Input(graph.shapes[path.source])
    for name in graph.order:
        if name in group or any(name in path.through for path in into):
            nodes[name] = graph.nodes[name]
    edges = [
        edge
        for edge in graph.edges
        if edge.source in nodes
        and edge.target in nodes
        and not isinstance(nodes[edge.target], Input)
    ]
    needed = {path.source for path in paths if path.target not in group}
    needed |= {read_out_of(graph, name)[0] for name in graph.outputs}
    exported = {
        f"{name} (out)": name
        for name, layer in group.items()
        if name in needed and not layer.hands_on
    }
    for output, name in exported.items():
        nodes[output] = Output(graph.shapes[name])
        edges.append(Edge(name, output))
    first = next(iter(group))
    part = Graph(graph.stage, nodes, tuple(edges), graph.dialect, f"{graph.name}: {first}")
    held = {name: grids[name] for name in spiking_sources(part)}
    return Part(map_graph(part, architecture, list(group.values()), held), exported)
