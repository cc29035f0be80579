"""Networks larger than the chip: group of layers after group of layers, weights streamed in.

For each inference the groups take turns. A turn loads the group's weights and parameters from
external memory at `bits_per_cycle`, then runs all time steps of the sample on the group; the spikes
that later groups need leave by the host port into external memory and come back the same way.
Nothing of a load overlaps with a run. Where the sums of some neurons need more cores at once than
there are, a turn does a part of them and hands them on to the next.

Where spikes come back from a later group to an earlier one, the groups from one to the other take
turns in each time step, and their state waits in external memory in between.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

import numpy as np

from axonc.toolchain.cost import Memory
from axonc.toolchain.ir import Edge, Graph, Input, Node, Output, SignalPath

from ...base import Program
from ..machine.architecture import Architecture
from ..program.box import Grid
from ..program.memory import memory_bits
from ..program.paths import read_out_of, spiking_sources
from ..program.program import BinaryProgram
from .layers import Layer, make_blocks, returned
from .mapper import map_graph
from .packing import pack

Group = dict[str, Layer]
"""What a part has of each of its layers, in the order of execution."""

_STREAMED = (
    Memory.SIGNS,
    Memory.PRESENCE,
    Memory.THRESHOLDS,
    Memory.BIASES,
    Memory.DECAYS,
    Memory.RESETS,
    Memory.ROUTES,
    Memory.BANK_SETS,
    Memory.BRANCHES,
)
_STATE = (Memory.MEMBRANES, Memory.CURRENTS, Memory.HISTORY)


@dataclass(frozen=True)
class Part:
    """One group of layers: a program of its own, and what it sends on.

    exported: output node of the part's graph -> the neuron node whose spikes leave there.
    returned: input node of the part's graph -> the neuron node, some of whose neurons are here,
    that all spikes come back from.
    """

    program: BinaryProgram
    exported: dict[str, str]
    returned: dict[str, str] = field(default_factory=dict)

    @property
    def load_bits(self) -> int:
        """Bits streamed in before the part runs: everything that is not state."""
        return self._bits_of(_STREAMED)

    @property
    def load_cycles(self) -> int:
        """Cycles of the load."""
        return self._cycles_of(self.load_bits)

    @property
    def state_bits(self) -> int:
        """Bits that the part leaves in external memory between two steps, if it runs in turns."""
        return self._bits_of(_STATE)

    @property
    def state_cycles(self) -> int:
        """Cycles in which the state is saved, or restored."""
        return self._cycles_of(self.state_bits)

    def inputs(self, rasters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what each input node of the part gets out of the spikes of all nodes."""
        return {name: rasters[self.returned.get(name, name)] for name in self.program.graph.inputs}

    def _bits_of(self, memories: Container[Memory]) -> int:
        bits = memory_bits(self.program)
        return sum(n for stored, n in bits.items() if stored.memory in memories)

    def _cycles_of(self, bits: int) -> int:
        external = self.program.architecture.external_memory
        assert external is not None
        return ceil(bits / external.bits_per_cycle)


@dataclass(frozen=True)
class SequentialProgram(Program):
    """A network that visits the machine part by part.

    rounds: ranges of parts, in order. The parts of a round take turns in each step; one alone runs
    all steps of a sample in one turn.
    """

    architecture: Architecture
    parts: tuple[Part, ...]
    rounds: tuple[range, ...]

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
        for numbers in self.rounds:
            if len(numbers) > 1:
                kept = [self.parts[number] for number in numbers]
                rows.append(
                    (
                        f"parts {numbers[0]} to {numbers[-1]}",
                        "take turns in each step, because spikes come back; between them "
                        f"{sum(part.state_bits for part in kept)} bits of state are saved and "
                        f"restored, in {sum(part.state_cycles for part in kept)} cycles each",
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
    groups, returning = grouped(graph, layers, architecture)
    rounds = _rounds(groups, returning)
    parts = tuple(
        _part(graph, groups[number], architecture, layers, grids, len(numbers) > 1)
        for numbers in rounds
        for number in numbers
    )
    return SequentialProgram(graph, 0, architecture, parts, rounds)


def grouped(
    graph: Graph, layers: Sequence[Layer], architecture: Architecture
) -> tuple[list[Group], list[SignalPath]]:
    """Return the layers of each part, as many as the mesh holds, and all paths to earlier parts.

    Layers on a loop come together where the mesh holds them, else in parts of their own. A layer
    that it does not hold alone comes in several parts, as many boxes at a time as fit; a box that
    it does not hold, chunk after chunk.
    """

    def fits(group: Group) -> bool:
        return pack(make_blocks(group.values()), architecture) is not None

    paths = [projection.path for layer in layers for projection in layer.projections]
    place = {layer.name: number for number, layer in enumerate(layers)}
    loops = [(place[path.target], place[path.source]) for path in paths if path.source in place]
    groups: list[Group] = []
    joins = False  # whether the last part may take more layers
    for numbers in _uncut(len(layers), loops):
        loop = {layers[number].name: layers[number] for number in numbers}
        whole = fits(loop)
        joins = joins and whole  # what takes turns has no others with it, to be loaded once a step
        for some in [loop] if whole else [{name: loop[name]} for name in loop]:
            if joins and fits(together := groups[-1] | some):
                groups[-1] = together
            elif joins := fits(some):
                groups.append(some)
            else:
                (layer,) = some.values()
                layer = layer.fed_back(returned(graph, layer.name))
                parts = _cut(layer, lambda part: fits({part.name: part}))
                groups += ({layer.name: part} for part in parts)
        joins = joins and whole
    first, last = _first_and_last(groups)
    return groups, [path for path in paths if last.get(path.source, -1) > first[path.target]]


def _first_and_last(groups: Sequence[Group]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the number of the first and of the last group of each layer."""
    first = {name: number for number, group in reversed([*enumerate(groups)]) for name in group}
    last = {name: number for number, group in enumerate(groups) for name in group}
    return first, last


def _rounds(groups: Sequence[Group], returning: Sequence[SignalPath]) -> tuple[range, ...]:
    """Return the ranges of groups that take turns."""
    first, last = _first_and_last(groups)
    return _uncut(len(groups), [(first[path.target], last[path.source]) for path in returning])


def _uncut(count: int, loops: Sequence[tuple[int, int]]) -> tuple[range, ...]:
    """Return the shortest ranges that cover 0..count and hold each loop, first to last, whole."""
    begins = set(range(count + 1))
    for first, last in loops:
        begins -= set(range(first + 1, last + 1))
    return tuple(range(*ends) for ends in pairwise(sorted(begins)))


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
    in_turns: bool,
) -> Part:
    """Return the part of `group`: sources outside become inputs, what others need outputs."""
    paths = [projection.path for layer in layers for projection in layer.projections]
    into = [projection.path for layer in group.values() for projection in layer.projections]
    outside = {path.source for path in into if path.source not in group}
    back = {name: source for name in group if (source := returned(graph, name)) in outside}
    origin = {source: name for name, source in back.items()}
    nodes: dict[str, Node] = {}
    for path in into:
        if path.source in outside:
            nodes[path.source] = Input(graph.shapes[origin.get(path.source, path.source)])
    for name in graph.order:
        if name in group or any(name in path.through for path in into):
            nodes[name] = graph.nodes[name]
    edges = [
        edge._replace(source=back.get(edge.source, edge.source))
        for edge in graph.edges
        if edge.source in nodes
        and edge.target in nodes
        and not isinstance(nodes[edge.target], Input)
    ]
    needed = {*back, *(path.source for path in paths if path.target not in group)}
    needed |= {read_out_of(graph, name)[0] for name in graph.outputs}
    exported = {
        graph.fresh(f"{name} (out)"): name
        for name, layer in group.items()
        if name in needed and not layer.hands_on
    }
    for output, name in exported.items():
        nodes[output] = Output(graph.shapes[name])
        edges.append(Edge(name, output))
    first = next(iter(group))
    part = Graph(graph.stage, nodes, tuple(edges), graph.dialect, f"{graph.name}: {first}")
    held = {name: grids[origin.get(name, name)] for name in spiking_sources(part)}
    program = map_graph(part, architecture, list(group.values()), held, in_turns)
    return Part(program, exported, origin)
