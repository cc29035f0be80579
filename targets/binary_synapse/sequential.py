"""Networks larger than the chip: group of layers after group of layers, weights streamed in.

For each inference the groups take turns. A turn loads the group's weights and parameters from
external memory at `bits_per_cycle`, then runs all time steps of the sample on the group; the spikes
that later groups need leave by the host port into external memory and come back the same way.
Nothing of a load overlaps with a run.
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
from .program import BinaryProgram, Box
from .projections import Grid, read_out_of, spiking_sources

Group = dict[str, tuple[Box, ...]]
"""The boxes of each layer of a part."""

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
            rows.append(
                (
                    f"part {number}",
                    f"{', '.join(layers)}: {len(part.program.positions)} cores, "
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
    width = spike_bits(grids)
    for part, counters in zip(program.parts, runs, strict=True):
        samples = counters["samples"]
        total["read_bits/external"] += samples * part.load_bits
        total["read_bits/external"] += counters["flits_from_host"] * width
        total["write_bits/external"] += counters["output_spikes"] * width
        total["cycles/load"] += samples * part.load_cycles
    return total


def grouped(
    layers: Sequence[Layer], architecture: Architecture
) -> tuple[list[Group], list[tuple[str, str]]]:
    """Return the layers of each part, as many as the mesh holds; why some fit none, by layer.

    A layer that the mesh does not hold alone comes in several parts of its own, some boxes each.
    """
    named = {layer.name: layer for layer in layers}

    def fits(group: Group) -> bool:
        blocks = make_blocks(named[name].with_boxes(boxes) for name, boxes in group.items())
        return pack(blocks, architecture) is not None

    groups: list[Group] = []
    faults: list[tuple[str, str]] = []
    joins = False  # whether the last part may take more layers
    for name, layer in named.items():
        boxes = layer.tiling.boxes
        if joins and fits(together := groups[-1] | {name: boxes}):
            groups[-1] = together
            continue
        joins = fits({name: boxes})
        if joins:
            groups.append({name: boxes})
        elif not fits({name: boxes[:1]}):
            needed = (
                f"{boxes[0].volume} neurons and their partial sums need {len(layer.tiling.chunks)} "
                f"cores at once, more than the {architecture.cores} of the mesh; choose a larger "
                "architecture, e.g. wide"
            )
            faults.append((name, needed))
        else:
            groups += ({name: some} for some in _runs(name, boxes, fits))
    first = {name: number for number, group in reversed([*enumerate(groups)]) for name in group}
    last = {name: number for number, group in enumerate(groups) for name in group}
    faults += [
        (
            path.target,
            f"spikes of {path.source!r} come back to it from a later part; choose an architecture "
            "that holds the loop",
        )
        for layer in layers
        for path in (projection.path for projection in layer.projections)
        if path.source in last and path.target in first and last[path.source] > first[path.target]
    ]
    return groups, faults


def _runs(
    name: str, boxes: tuple[Box, ...], fits: Callable[[Group], bool]
) -> Iterator[tuple[Box, ...]]:
    """Yield the boxes of a layer in order, as many at a time as fit the mesh."""
    while boxes:
        left = boxes
        counts = range(1, len(left) + 1)
        fitting = bisect_left(counts, True, key=lambda count: not fits({name: left[:count]}))
        yield boxes[: max(1, fitting)]
        boxes = boxes[max(1, fitting) :]


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
    exported = {f"{name} (out)": name for name in group if name in needed}
    for output, name in exported.items():
        nodes[output] = Output(graph.shapes[name])
        edges.append(Edge(name, output))
    first = next(iter(group))
    part = Graph(graph.stage, nodes, tuple(edges), graph.dialect, f"{graph.name}: {first}")
    own = [layer.with_boxes(group[layer.name]) for layer in layers if layer.name in group]
    held = {name: grids[name] for name in spiking_sources(part)}
    return Part(map_graph(part, architecture, own, held), exported)
