"""Counts of a run, of it all and by layer: what costs and reports are made of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from axonc.toolchain.cost import Access, Count, Cycles, Memory, Wave, Way
from axonc.toolchain.errors import InternalError

from ..machine.architecture import Dataflow, Schedule
from ..machine.mesh import LOCAL, PORTS
from ..program.memory import flit_bits
from ..program.program import HOST, Bank, BinaryProgram, Block
from ..simulator.run import Totals
from ..simulator.timing_tables import between_chips


@dataclass(frozen=True)
class Counts:
    """What a program did over a batch, of it all and by layer."""

    counters: Counter[Count]
    layers: dict[str, Counter[Count]]
    accesses: Counter[Access]
    cycles: Cycles


def count_events(program: BinaryProgram, totals: Totals) -> Counts:
    """Return what was counted in a run of one part of a network.

    Raises:
        InternalError: cycles by phase and wave, or counts by layer, do not add up to those that
            were simulated.
    """
    counters: Counter[Count] = Counter()
    layers: defaultdict[str, Counter[Count]] = defaultdict(Counter)
    for bank_number, (block, bank) in enumerate(_banks(program)):
        layer = layers[bank.projection.layer]
        walked = _walked(program, totals, bank_number, block, bank)
        layer[Count.EVENTS] += int(totals.bank_events[bank_number])
        layer[Count.SYNAPTIC_OPERATIONS] += int(totals.bank_effective[bank_number])
        layer[Count.SYNAPSES_WALKED] += walked
        layer[Count.CORES] += 1
    for number, block in enumerate(program.blocks):
        phases = totals.core_phases * block.box.volume
        layer = layers[block.layer]
        layer[Count.WALK_CYCLES] += int(totals.block_walk_cycles[number])
        layer[Count.NEURON_PHASE_CYCLES] += int(totals.block_phase_cycles[number])
        layer[Count.EVENT_FIFO_MOST] = max(
            layer[Count.EVENT_FIFO_MOST], int(totals.core_events_most[block.core])
        )
        counters[Count.PARTIAL_SUMS] += phases * (block.helps not in (None, HOST))
        counters[Count.PARTIAL_SUMS] += phases * block.resumes
        counters[Count.SUMS_FROM_HOST] += phases * block.resumes
        counters[Count.SUMS_TO_HOST] += phases * (block.helps == HOST)
        if block.helps is None:
            layer[Count.NEURON_UPDATES] += phases
            layer[Count.OVERFLOWS] += int(totals.block_overflows[number])
    for count in _ADDED_UP:
        counters[count] = sum(layer[count] for layer in layers.values())
    _count_traffic(program, totals, counters)
    counters[Count.SAMPLES] = totals.samples
    nodes = [block.layer for block in program.blocks] + list(program.graph.inputs)
    for number, name in enumerate(nodes):
        layers[name][Count.SPIKES] += int(totals.unit_spikes[number])
        layers[name][Count.SEND_WAIT_CYCLES] += int(totals.unit_waits[number])
    counters[Count.SPIKES] = int(totals.unit_spikes.sum())
    _check_sums(totals, layers)
    accesses: Counter[Access] = Counter()
    for placed, bits in memory_accesses(program, totals).items():
        accesses[placed.access] += bits
    return Counts(counters, dict(layers), accesses, _cycles(program, totals))


_ADDED_UP = (
    Count.EVENTS,
    Count.SYNAPTIC_OPERATIONS,
    Count.SYNAPSES_WALKED,
    Count.NEURON_UPDATES,
    Count.OVERFLOWS,
)
"""Counts of a run that are sums over its layers."""


def _check_sums(totals: Totals, layers: Mapping[str, Counter[Count]]) -> None:
    """Compare the sums over layers with what the simulator counted by bank, core and sender."""
    simulated = {
        Count.EVENTS: totals.bank_events,
        Count.SYNAPTIC_OPERATIONS: totals.bank_effective,
        Count.WALK_CYCLES: totals.core_walk_cycles,
        Count.NEURON_PHASE_CYCLES: totals.block_phase_cycles,
        Count.SEND_WAIT_CYCLES: totals.sender_waits,
        Count.SPIKES: totals.unit_spikes,
    }
    for count, values in simulated.items():
        by_layer, expected = sum(layer[count] for layer in layers.values()), int(values.sum())
        if by_layer != expected:
            raise InternalError(f"{count}: {by_layer} by layer, {expected} simulated")


def _count_traffic(program: BinaryProgram, totals: Totals, counters: Counter[Count]) -> None:
    """Add what the mesh carried, and who waited for it."""
    links = totals.link_flits.reshape(-1, PORTS)
    chip_links = between_chips(program.architecture.mesh)
    counters[Count.FLITS] = int(totals.sender_flits.sum())
    counters[Count.HOPS] = int(links[:, :LOCAL].sum())
    counters[Count.CHIP_HOPS] = int(totals.link_flits[chip_links].sum())
    counters[Count.FLITS_FROM_HOST] = int(totals.sender_flits[-1])
    counters[Count.OUTPUT_SPIKES] = totals.output_spikes - counters[Count.SUMS_TO_HOST]
    counters[Count.MESH_WAIT_CYCLES] = int(totals.link_waits.sum())
    counters[Count.EVENT_FIFO_WAIT_CYCLES] = int(totals.link_waits[LOCAL::PORTS].sum())
    counters[Count.SEND_WAIT_CYCLES] = int(totals.sender_waits.sum())


@dataclass(frozen=True, slots=True)
class CoreAccess:
    """One way to one memory of one core; core None: the FIFOs of all routers."""

    core: int | None
    access: Access


def memory_accesses(program: BinaryProgram, totals: Totals) -> Counter[CoreAccess]:
    """Return the bits read and written over the batch, by core, memory and way."""
    size, bits = program.architecture.core, Counter[CoreAccess]()
    event_major = size.dataflow is Dataflow.EVENT_MAJOR  # a scan sums in a register

    def reads(block: Block, memory: Memory, count: int, *, writes: bool = False) -> None:
        bits[CoreAccess(block.core, Access(Way.READ, memory))] += count
        if writes:
            bits[CoreAccess(block.core, Access(Way.WRITE, memory))] += count

    for bank_number, (block, bank) in enumerate(_banks(program)):
        walked = _walked(program, totals, bank_number, block, bank)
        if event_major:
            reads(block, Memory.ACCUMULATORS, walked * size.accumulator_bits, writes=True)
        if bank.projection.stored:
            reads(block, Memory.SIGNS, walked)
            reads(block, Memory.PRESENCE, walked * block.has_absent_synapses(bank))
    for block in program.blocks:
        phases = totals.core_phases * block.box.volume
        reads(block, Memory.ACCUMULATORS, phases * size.accumulator_bits, writes=True)
        if block.resumes:
            reads(block, Memory.ACCUMULATORS, phases * size.accumulator_bits, writes=True)
        if block.helps is not None:
            if block.helps != HOST:
                owner = program.blocks[block.helps]
                reads(owner, Memory.ACCUMULATORS, phases * size.accumulator_bits, writes=True)
            continue
        neuron = program.neuron(block.layer)
        reads(block, Memory.MEMBRANES, phases * size.membrane_bits, writes=True)
        if neuron.current is not None:
            reads(block, Memory.CURRENTS, phases * size.current_bits, writes=True)
        reads(block, Memory.THRESHOLDS, phases * size.threshold_bits)
        if neuron.bias.any():
            reads(block, Memory.BIASES, phases * size.bias_bits)
    hops = int(totals.link_flits.reshape(-1, PORTS)[:, :LOCAL].sum())
    stored: dict[int | None, int] = {None: int(totals.sender_flits.sum()) + hops}
    stored |= dict(enumerate(totals.core_events.tolist()))
    width = flit_bits(program)
    for core, flits in stored.items():
        for way in Way:
            bits[CoreAccess(core, Access(way, Memory.FIFOS))] += flits * width
    return bits


def _walked(program: BinaryProgram, totals: Totals, number: int, block: Block, bank: Bank) -> int:
    """Return the synapses that the machine visited in a bank; a scan visits all in every step."""
    if program.architecture.core.dataflow is Dataflow.NEURON_MAJOR:
        return totals.core_phases * len(bank.axons) * block.box.volume
    return int(totals.bank_performed[number])


def _cycles(program: BinaryProgram, totals: Totals) -> Cycles:
    """Return all cycles of the batch by what the machine was in."""
    if program.architecture.schedule is Schedule.PIPELINED:
        found = Cycles(step=int(totals.phase_cycles.sum()), barrier=totals.barrier_cycles)
    else:
        waves = tuple(
            (_wave(program, number), int(totals.phase_cycles[1 + number]))
            for number in range(program.waves)
        )
        found = Cycles(int(totals.phase_cycles[0]), waves=waves, barrier=totals.barrier_cycles)
    if found.total != totals.cycles:
        raise InternalError(f"{found.total} cycles by phase and wave, {totals.cycles} simulated")
    return found


def _wave(program: BinaryProgram, number: int) -> Wave:
    busy = [block for block in program.blocks if block.wave == number]
    updated = dict.fromkeys(block.layer for block in busy if block.helps is None)
    summed = dict.fromkeys(block.layer for block in busy if block.helps is not None)
    return Wave(number, tuple(updated), tuple(summed))


def _banks(program: BinaryProgram) -> Iterator[tuple[Block, Bank]]:
    for block in program.blocks:
        for bank in block.banks:
            yield block, bank
