"""What a network as a whole exceeds, told beside what its nodes do alone (`rules`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from axonc.toolchain.ir import Graph

from ..machine.architecture import Architecture, Schedule
from ..program.box import Grid
from ..program.memory import spike_bits
from .layers import Layer, make_blocks, waves_of
from .packing import pack
from .sequential import grouped

Fault = tuple[str, str]
"""A node, and why the network cannot run as it is."""


def limits(
    graph: Graph, architecture: Architecture, layers: Sequence[Layer], grids: dict[str, Grid]
) -> Iterator[Fault]:
    """Yield what exceeds the mesh, the schedule or the external memory.

    layers: those that fit cores, in the order of execution; the others are not counted.
    """
    if not layers:
        return
    if pack(make_blocks(layers), architecture) is not None:
        yield from _short_loops(layers, architecture)
        return
    cores = {layer.name: len(make_blocks([layer])) for layer in layers}
    largest = max(cores, key=lambda name: cores[name])
    if architecture.external_memory is None:
        yield largest, _too_many(cores, len(layers) < len(grids) - len(graph.inputs), architecture)
        yield from _short_loops(layers, architecture)
        return
    groups, returning = grouped(graph, layers, architecture)
    if architecture.schedule is Schedule.PIPELINED:
        for path in returning:
            yield (
                path.target,
                f"spikes of {path.source!r} come back to it from a later part, and a pipeline "
                'cannot change parts between two steps; use schedule = "within-step", or an '
                "architecture that holds the loop",
            )
    records = {"spike": spike_bits(grids)}
    if any(layer.hands_on for group in groups for layer in group.values()):
        records["partial sum"] = architecture.core.accumulator_bits
    width = architecture.external_memory.bits_per_cycle
    for what, needed in records.items():
        if needed > width:
            yield (
                largest,
                f"comes in parts, and external_memory.bits_per_cycle = {width} is {needed - width} "
                f"less than the {needed} bits of a {what}: raise it",
            )
    for group in groups:
        yield from _short_loops(list(group.values()), architecture)


def _short_loops(layers: Sequence[Layer], architecture: Architecture) -> Iterator[Fault]:
    """Yield edges whose spikes would have to arrive before they were fired."""
    if architecture.schedule is not Schedule.PIPELINED:
        return
    waves, told = waves_of(layers), set[tuple[str, str]]()
    for block in make_blocks(layers):
        for path in (bank.projection.path for bank in block.banks):
            late = waves.get(path.source, -1) + 1 - block.wave - path.delay
            if late > 0 and (path.source, block.layer) not in told:
                told.add((path.source, block.layer))
                yield (
                    block.layer,
                    f"a spike of {path.source!r} comes back {path.delay} steps later, but the "
                    f"pipeline between them is {path.delay + late} steps long; use schedule = "
                    '"within-step"',
                )


def _too_many(cores: dict[str, int], some_left_out: bool, architecture: Architecture) -> str:
    total = sum(cores.values())
    side = ceil(total**0.5)
    each = ", ".join(f"{name!r} {count}" for name, count in cores.items())
    least, suggested = "at least " * some_left_out, ", e.g. wide" * (architecture.name != "wide")
    return (
        f"the network needs {least}{total} cores (layer {each}), {total - architecture.cores} more "
        f"than the {architecture.cores} of the mesh, and does not fit packed; choose a larger "
        f"architecture{suggested}, or a mesh of {side} x {ceil(total / side)}, or give this one an "
        "external_memory, so that it runs in parts"
    )
