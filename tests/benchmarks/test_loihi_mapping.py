"""How networks lie on Loihi's cores, beside nengo-loihi's splitter and greedy allocator.

The rule, a reconstruction from nengo-loihi's source (builder/split_blocks.py, hardware/
allocators.py): a layer is cut into as many equal runs of neurons as the most exhausted of four
resources asks for (compartments, input axons, output axons, synapse bits), counted for the layer as
a whole; runs go to the cores of a chip in order, chip after chip. Images are taken to lie with
their channels last, so that a run is a strip of rows, and strips are cut at whole pixels. Other
limits (thresholds a core, say) are left to a later check, so a core may be over them.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from loihi_networks import vgg11

from axonc.models import zoo
from axonc.targets.loihi import Chip, Loihi, Network, SynapseGroup, load_chip
from axonc.targets.loihi.core_usage import (
    Fragment,
    Tile,
    neurons_of,
    output_axons,
    own_usage,
    reached,
    synapse_bits,
)
from axonc.targets.loihi.mapping import ChipMapping
from axonc.targets.loihi.partition import Partition
from axonc.toolchain.driver import lower
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.ir import Graph


def greedy_split(network: Network, chip: Chip) -> Partition:
    """Cut a network by nengo-loihi's rule."""
    made, lists = Partition(network, chip), chip.synapse_lists
    for p in network.populations:
        into = network.into(p.name)
        shape = next((g.kernel.output_shape for g in into if g.kernel is not None), None)
        (whole,) = _strips(p.name, p.size, shape, 1)
        least = -(-p.size // chip["compartments_per_core"])
        usage = {
            "compartments": p.size,
            "input_axons": sum(int(np.count_nonzero(reached(g, whole))) for g in into),
            "output_axons": sum(
                output_axons(g, np.ones(_sources(network, g), np.int64), whole, lists)
                for g in network.synapses
                if g.source == p.name
            ),
            # A list's index reaches no further than a core, so bits are those of strips that fit.
            "synapse_bits": sum(
                synapse_bits(g, fragment, lists)
                for g in into
                for fragment in _strips(p.name, p.size, shape, least)
            ),
        }
        count = max(-(-used // chip[f"{name}_per_core"]) for name, used in usage.items())
        made.fragments[p.name] = _strips(p.name, p.size, shape, count)
    for p in network.populations:
        for g in network.into(p.name):
            fragments = made.fragments[p.name]
            made.reach[g.name] = np.sum([reached(g, fragment) for fragment in fragments], axis=0)
            made.synapse_bits[g.name] = sum(
                synapse_bits(g, fragment, lists) for fragment in fragments
            )
    for p in network.populations:
        out = [g for g in network.synapses if g.source == p.name]
        made.usage[p.name] = [
            own_usage(p, f, network.into(p.name), lists)
            | {"output_axons": sum(output_axons(g, made.reach[g.name], f, lists) for g in out)}
            for f in made.fragments[p.name]
        ]
    return made


def _sources(network: Network, group: SynapseGroup) -> int:
    if group.kernel is not None:
        return int(np.prod(group.kernel.input_shape[1:]))
    return int(np.prod(network.shape_of(group.source)))


def _strips(name: str, size: int, shape: tuple[int, ...] | None, count: int) -> list[Fragment]:
    if shape is None:
        return [Fragment(name, chunk) for chunk in np.array_split(np.arange(size), count)]
    channels, height, width = shape
    down = min(count, height)
    across = min(-(-count // down), width)
    deep = -(-count // (down * across))

    def edges(length: int, pieces: int) -> list[tuple[int, int]]:
        at = [round(i * length / pieces) for i in range(pieces + 1)]
        return list(zip(at, at[1:], strict=False))

    tiles = [
        Tile(some, rows, columns)
        for rows in edges(height, down)
        for columns in edges(width, across)
        for some in np.array_split(np.arange(channels), deep)
    ]
    return [Fragment(name, neurons_of(tile, shape), tile) for tile in tiles]


def zoo_network(name: str) -> Graph:
    return lower(load_graph(zoo.model_path(name))).integer


@pytest.mark.parametrize("name", ["VGG-11", "mnist5k-mlp", "nmnist-conv"])
def test_a_network_is_mapped_better_than_in_sequence(name: str) -> None:
    graph = vgg11() if name == "VGG-11" else zoo_network(name)
    started = time.process_time()  # one thread; others may use the machine too
    program = Loihi().compile(graph)
    ours = program.mapping
    placement = ours.placement
    program.summary()
    seconds = time.process_time() - started
    greedy = ChipMapping(greedy_split(program.network, load_chip("loihi1")))
    print(f"\n{name}: mapped in {seconds:.1f} s, {placement.chips} chips")
    print("| | cores | output axons | cores over a limit | mean hops |\n|---|---|---|---|---|")
    rows = {
        "nengo-loihi's rule": (greedy, greedy.placement.sequential_mean_hops),
        "axonc, in sequence": (ours, placement.sequential_mean_hops),
        "axonc, placed": (ours, placement.mean_hops),
    }
    for what, (mapping, hops) in rows.items():
        usages = [usage for fragments in mapping.partition.usage.values() for usage in fragments]
        axons = sum(usage["output_axons"] for usage in usages)
        over = sum(bool(mapping.partition.excess(usage)) for usage in usages)
        print(f"| {what} | {mapping.core_count} | {axons:,} | {over} | {hops:.2f} |")
    assert not any(
        ours.partition.excess(u) for usages in ours.partition.usage.values() for u in usages
    )
    assert placement.mean_hops <= placement.sequential_mean_hops
    assert seconds < 30
