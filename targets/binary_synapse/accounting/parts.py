"""Counts of a network that runs in several parts: those of the parts, and of external memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from axonc.toolchain.cost import Access, Count, Cycles, Memory, Way

from ..mapping.sequential import Part, SequentialProgram
from ..program.memory import spike_bits
from ..program.program import BinaryProgram
from ..simulator.run import Totals
from .counting import Counts, count_events


def count_parts(
    program: BinaryProgram | SequentialProgram, parts: Sequence[Part], totals: Sequence[Totals]
) -> Counts:
    """Return the counts of all parts together, and what the external memory adds."""
    each = [count_events(part.program, done) for part, done in zip(parts, totals, strict=True)]
    layers: dict[str, Counter[Count]] = {}
    for part, counts in zip(parts, each, strict=True):
        for name, counted in counts.layers.items():
            if name in part.program.graph.inputs and (
                name in layers or name not in program.graph.inputs
            ):
                continue  # spikes that came back from external memory are not fired again
            known = layers.setdefault(name, Counter())
            most = max(known[Count.EVENT_FIFO_MOST], counted[Count.EVENT_FIFO_MOST])
            known.update(counted)
            if Count.EVENT_FIFO_MOST in counted:
                known[Count.EVENT_FIFO_MOST] = most
    counters, accesses, cycles = Counter[Count](), Counter[Access](), Cycles()
    for counts in each:
        counters.update(counts.counters)
        accesses.update(counts.accesses)
        cycles = cycles.then(counts.cycles)
    if isinstance(program, SequentialProgram):
        moved, waited = _external(program, [counts.counters for counts in each], totals[0].steps)
        accesses.update(moved)
        cycles = cycles.then(waited)
    counters[Count.SAMPLES] = totals[0].samples
    counters[Count.SPIKES] = sum(counts[Count.SPIKES] for counts in layers.values())
    return Counts(counters, layers, accesses, cycles)


def _external(
    program: SequentialProgram, runs: Sequence[Counter[Count]], steps: int
) -> tuple[Counter[Access], Cycles]:
    """Return what the external memory adds to the counts of the parts: bits, and cycles of loads.

    Where parts run in turns, those of saving and restoring their states too; a sample begins from
    rest, and leaves no state behind.
    """
    grids = {
        name: grid
        for part in program.parts
        for name, grid in part.program.grids.items()
        if name not in part.returned
    }
    width, sum_bits = spike_bits(grids), program.architecture.core.accumulator_bits
    read = written = load = state = 0
    for part, counts in zip(program.parts, runs, strict=True):
        in_turns = part.program.in_turns
        loads = counts[Count.SAMPLES] * (steps if in_turns else 1)
        spikes = counts[Count.FLITS_FROM_HOST] - counts[Count.SUMS_FROM_HOST]
        read += loads * part.load_bits + spikes * width + counts[Count.SUMS_FROM_HOST] * sum_bits
        written += counts[Count.OUTPUT_SPIKES] * width + counts[Count.SUMS_TO_HOST] * sum_bits
        load += loads * part.load_cycles
        if in_turns:
            kept = counts[Count.SAMPLES] * (steps - 1)
            read += kept * part.state_bits
            written += kept * part.state_bits
            state += 2 * kept * part.state_cycles
    moved = {Way.READ: read, Way.WRITE: written}
    accesses = Counter({Access(way, Memory.EXTERNAL): bits for way, bits in moved.items()})
    return accesses, Cycles(load=load, state=state)
