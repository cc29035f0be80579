"""Cut populations into fragments that fit a core.

A population of a convolution is cut into tiles (groups of channels, rows, columns), any other into
equal chunks. Neurons, or channels, are sorted by threshold first, because a core holds few
different ones. Populations are cut from the output backwards, because the number of cores of one
determines the output axons of those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np

from axonc.toolchain.ir import Shape

from .chip import Chip
from .core_usage import Fragment, Tile, neurons_of, output_axons, own_usage, reached, synapse_bits
from .network import GroupName, Network, Population, SynapseGroup

MAX_SPLITS = 4096
"""The most fragments of one population that are tried."""


@dataclass
class Partition:
    """The fragments of every population, what each takes, and what is over the limits.

    reach: by synapse group, how many target cores each source neuron (or pixel) is sent to.
    synapse_bits: by synapse group, over all cores.
    """

    network: Network
    chip: Chip
    fragments: dict[str, list[Fragment]] = field(default_factory=dict)
    usage: dict[str, list[dict[str, int]]] = field(default_factory=dict)
    reach: dict[GroupName, np.ndarray] = field(default_factory=dict)
    synapse_bits: dict[GroupName, int] = field(default_factory=dict)

    def excess(self, usage: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """Return (used, available) of every resource that `usage` is over."""
        limits = {name: self.chip[f"{name}_per_core"] for name in usage}
        return {n: (used, limits[n]) for n, used in usage.items() if used > limits[n]}

    def violations(self) -> list[tuple[str, str]]:
        """Return (population, sentence) for every resource of it that no cut makes fit."""
        found = []
        for name, usages in self.usage.items():
            worst: dict[str, tuple[int, int]] = {}
            for usage in usages:
                for resource, (used, room) in self.excess(usage).items():
                    worst[resource] = (max(used, worst.get(resource, (0, 0))[0]), room)
            for resource, (used, room) in worst.items():
                what = resource.replace("_", " ")
                over = (
                    f"needs {used} {what} in a core, {used - room} more than the {room} there are"
                )
                found.append((name, f"{over}; {_REMEDY[resource]}"))
        return found


_REMEDY = {
    "compartments": "cut the population further",
    "synapse_bits": "one neuron's synapses are too many: use fewer inputs or narrower weights",
    "input_axons": "one neuron has too many inputs: put a layer in between, or use fewer channels",
    "output_axons": "one neuron reaches too many cores: make the next population smaller",
    "threshold_configurations": "share thresholds between neurons",
    "decay_configurations": "share decays between neurons",
    "synapse_formats": "use the same bits, signs and exponents for more connections",
}


def partition_network(network: Network, chip: Chip) -> Partition:
    """Cut every population of `network` into as few fragments as are found to fit."""
    made = Partition(network, chip)
    # Twice: in a loop, a population is cut before the cut of those that it feeds is known.
    looped = any(
        network_depth(network, g.target) <= network_depth(network, g.source)
        for g in network.synapses
    )
    for _ in range(2 if looped else 1):
        for p in reversed(network.populations):
            _cut(made, p)
    return made


def network_depth(network: Network, name: str) -> int:
    """Return the place of a population in the order of the network; inputs come first."""
    names = [p.name for p in network.populations]
    return names.index(name) if name in names else -1


def _cut(made: Partition, p: Population) -> None:
    into = made.network.into(p.name)
    out = [g for g in made.network.synapses if g.source == p.name and g.name in made.reach]
    best: tuple[int, list[Fragment], list[dict[str, int]]] | None = None
    for cut in _cuts(p, into, made.chip):
        over = len(made.excess(_usage(made, p, cut.largest(), into, out)))
        if best is not None and over >= best[0]:
            continue  # if the largest fragment is no better, the whole is not
        fragments = cut.fragments()
        usages = [_usage(made, p, fragment, into, out) for fragment in fragments]
        over = max(len(made.excess(usage)) for usage in usages)
        if best is None or over < best[0]:
            best = (over, fragments, usages)
        if over == 0:
            break
    assert best is not None  # the first cut is always taken
    _, fragments, made.usage[p.name] = best
    made.fragments[p.name] = fragments
    lists = made.chip.synapse_lists
    for group in into:
        masks = [reached(group, fragment) for fragment in fragments]
        made.reach[group.name] = np.stack(masks).sum(axis=0, dtype=np.int64)
        made.synapse_bits[group.name] = sum(
            synapse_bits(group, fragment, lists) for fragment in fragments
        )


def _usage(
    made: Partition,
    p: Population,
    fragment: Fragment,
    into: list[SynapseGroup],
    out: list[SynapseGroup],
) -> dict[str, int]:
    lists = made.chip.synapse_lists
    usage = own_usage(p, fragment, into, lists)
    usage["output_axons"] = sum(output_axons(g, made.reach[g.name], fragment, lists) for g in out)
    return usage


@dataclass(frozen=True)
class _Chunks:
    """Equal chunks of neurons, in the order given."""

    population: str
    order: np.ndarray
    count: int

    def largest(self) -> Fragment:
        longest = -(-len(self.order) // self.count)
        return Fragment(self.population, np.sort(self.order[:longest]))

    def fragments(self) -> list[Fragment]:
        chunks = np.array_split(self.order, self.count)
        return [Fragment(self.population, np.sort(chunk)) for chunk in chunks]


@dataclass(frozen=True)
class _Tiles:
    """A grid of tiles over an image (channels, height, width), channels in the order given."""

    population: str
    order: np.ndarray
    shape: Shape
    grid: tuple[int, ...]

    def largest(self) -> Fragment:
        """The largest tile nearest to the middle, where no border cuts its inputs off."""
        channels = self.order[: -(-len(self.order) // self.grid[0])]
        rows, columns = (
            max(spans, key=lambda s: (s[1] - s[0], -abs(s[0] + s[1] - length)))
            for spans, length in (
                (_spans(self.shape[1], self.grid[1]), self.shape[1]),
                (_spans(self.shape[2], self.grid[2]), self.shape[2]),
            )
        )
        return self._fragment(channels, rows, columns)

    def fragments(self) -> list[Fragment]:
        return [
            self._fragment(channels, rows, columns)
            for channels in np.array_split(self.order, self.grid[0])
            for rows in _spans(self.shape[1], self.grid[1])
            for columns in _spans(self.shape[2], self.grid[2])
        ]

    def _fragment(
        self, channels: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]
    ) -> Fragment:
        tile = Tile(np.sort(channels), rows, columns)
        return Fragment(self.population, neurons_of(tile, self.shape), tile)


def _cuts(p: Population, into: list[SynapseGroup], chip: Chip) -> Iterator[_Chunks | _Tiles]:
    """Yield ways to cut `p`, fewest fragments first, from what its compartments alone need."""
    shape = next((g.kernel.output_shape for g in into if g.kernel is not None), None)
    least = -(-p.size // chip["compartments_per_core"])
    vth = np.broadcast_to(p.vth, p.shape).reshape(-1)
    if shape is not None:
        order = np.argsort(vth.reshape(shape[0], -1).max(axis=1), kind="stable")
        for grid in _grids(shape, least):
            yield _Tiles(p.name, order, shape, grid)
        return
    order = np.argsort(vth, kind="stable")
    count = least
    while count < p.size:
        yield _Chunks(p.name, order, count)
        count += max(1, count // 16)
    yield _Chunks(p.name, order, p.size)


def _grids(shape: tuple[int, ...], least: int) -> list[tuple[int, ...]]:
    """Return grids of tiles, fewest tiles first; of equal numbers those with compact tiles."""

    def cuts(length: int) -> list[int]:
        """Numbers of spans that differ in their longest span."""
        return sorted({-(-length // longest) for longest in range(1, length + 1)})

    grids = [
        (c, y, x)
        for c in cuts(shape[0])
        for y in cuts(shape[1])
        for x in cuts(shape[2])
        if least <= c * y * x <= MAX_SPLITS
    ]
    return sorted(grids, key=lambda grid: (prod(grid), abs(grid[1] - grid[2]), grid))


def _spans(length: int, count: int) -> list[tuple[int, int]]:
    edges = [round(i * length / count) for i in range(count + 1)]
    return list(zip(edges, edges[1:], strict=False))
