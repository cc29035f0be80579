"""Counters of a run by name and by layer: what costs and reports are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..machine.architecture import Dataflow, Schedule
from ..program.memory import flit_bits
from ..program.program import HOST, Bank, BinaryProgram, Block
from ..simulator.clockwork import between_chips
from ..simulator.flits import LOCAL, PORTS, TO_HOST
from ..simulator.run import Totals


def count_events(
    program: BinaryProgram, totals: Totals
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Return totals over the batch: by name, and by layer and name.

    `read_bits/MEMORY` and `write_bits/MEMORY` are accesses of one kind of memory, in bits.
    `cycles/PART` add up to all cycles: the input phase, each wave, the barriers.
    """
    counters: Counter[str] = Counter()
    layers: dict[str, Counter[str]] = {}
    for bank_number, (block, bank) in enumerate(_banks(program)):
        layer = layers.setdefault(bank.projection.layer, Counter())
        walked = _walked(program, totals, bank_number, block, bank)
        layer["events"] += int(totals.bank_events[bank_number])
        layer["synaptic_operations"] += int(totals.bank_effective[bank_number])
        layer["synapses_walked"] += walked
        layer["cores"] += 1
    for number, block in enumerate(program.blocks):
        phases = totals.core_phases * block.box.volume
        layer = layers.setdefault(block.layer, Counter())
        layer["walk_cycles"] += int(totals.block_walk_cycles[number])
        layer["neuron_phase_cycles"] += int(totals.block_phase_cycles[number])
        layer["event_fifo_most"] = max(
            layer["event_fifo_most"], int(totals.core_events_most[block.core])
        )
        counters["partial_sums"] += phases * (block.helps not in (None, HOST))
        counters["partial_sums"] += phases * block.resumes
        counters["sums_from_host"] += phases * block.resumes
        counters["sums_to_host"] += phases * (block.helps == HOST)
        if block.helps is not None:
            continue
        layer["neuron_updates"] += phases
        layer["overflows"] += int(totals.block_overflows[number])
    for name in ("events", "synaptic_operations", "synapses_walked", "neuron_updates", "overflows"):
        counters[name] = sum(layer[name] for layer in layers.values())
    for access, bits in memory_accesses(program, totals).items():
        counters[f"{access.kind}_bits/{access.memory}"] += bits

    links = totals.link_flits.reshape(-1, PORTS)
    counters["flits"] = int(totals.sender_flits.sum())
    counters["hops"] = int(links[:, :LOCAL].sum())
    counters["chip_hops"] = int(totals.link_flits[between_chips(program.architecture.mesh)].sum())
    counters["flits_from_host"] = int(totals.sender_flits[-1])
    counters["output_spikes"] = int(links[:, TO_HOST].sum()) - counters["sums_to_host"]
    counters["mesh_wait_cycles"] = int(totals.link_waits.sum())
    counters["event_fifo_wait_cycles"] = int(totals.link_waits[LOCAL::PORTS].sum())
    counters["send_wait_cycles"] = int(totals.sender_waits.sum())
    counters["samples"] = totals.samples
    nodes = [block.layer for block in program.blocks] + list(program.graph.inputs)
    for number, name in enumerate(nodes):
        layer = layers.setdefault(name, Counter())
        layer["spikes"] += int(totals.unit_spikes[number])
        layer["send_wait_cycles"] += int(totals.unit_waits[number])
    counters["spikes"] = int(totals.unit_spikes.sum())
    counters.update(phase_cycles(program, totals))
    return dict(counters), {name: dict(layer) for name, layer in layers.items()}


@dataclass(frozen=True)
class Access:
    """One way to one memory: `kind` is read or write, `core` the one that has it (-1: routers)."""

    core: int
    memory: str
    kind: str


def memory_accesses(program: BinaryProgram, totals: Totals) -> Counter[Access]:
    """Return the bits read and written over the batch, by core, memory and way."""
    size, bits = program.architecture.core, Counter[Access]()
    event_major = size.dataflow is Dataflow.EVENT_MAJOR  # a scan sums in a register

    def reads(block: Block, memory: str, count: int, *, writes: bool = False) -> None:
        bits[Access(block.core, memory, "read")] += count
        if writes:
            bits[Access(block.core, memory, "write")] += count

    for bank_number, (block, bank) in enumerate(_banks(program)):
        walked = _walked(program, totals, bank_number, block, bank)
        if event_major:
            reads(block, "accumulators", walked * size.accumulator_bits, writes=True)
        if bank.projection.stored:
            reads(block, "signs", walked)
            reads(block, "presence", walked * block.has_absent_synapses(bank))
    for block in program.blocks:
        phases = totals.core_phases * block.box.volume
        reads(block, "accumulators", phases * size.accumulator_bits, writes=True)
        if block.resumes:
            reads(block, "accumulators", phases * size.accumulator_bits, writes=True)
        if block.helps is not None:
            if block.helps != HOST:
                owner = program.blocks[block.helps]
                reads(owner, "accumulators", phases * size.accumulator_bits, writes=True)
            continue
        neuron = program.neuron(block.layer)
        reads(block, "membranes", phases * size.membrane_bits, writes=True)
        if neuron.current is not None:
            reads(block, "currents", phases * size.current_bits, writes=True)
        reads(block, "thresholds", phases * size.threshold_bits)
        if neuron.bias.any():
            reads(block, "biases", phases * size.bias_bits)
    hops = int(totals.link_flits.reshape(-1, PORTS)[:, :LOCAL].sum())
    stored = {-1: int(totals.sender_flits.sum()) + hops}
    stored |= dict(enumerate(totals.core_events.tolist()))
    width = flit_bits(program)
    for core, flits in stored.items():
        for kind in ("read", "write"):
            bits[Access(core, "fifos", kind)] += flits * width
    return bits


def _walked(program: BinaryProgram, totals: Totals, number: int, block: Block, bank: Bank) -> int:
    """Return the synapses that the machine visited in a bank; a scan visits all in every step."""
    if program.architecture.core.dataflow is Dataflow.NEURON_MAJOR:
        return totals.core_phases * len(bank.axons) * block.box.volume
    return int(totals.bank_performed[number])


def phase_cycles(program: BinaryProgram, totals: Totals) -> Counter[str]:
    """Return `cycles/PART`: all cycles of the batch by what the machine was in."""
    parts: Counter[str] = Counter()
    if program.architecture.schedule is Schedule.PIPELINED:
        parts["cycles/step"] = int(totals.phase_cycles.sum())
    else:
        parts["cycles/input"] = int(totals.phase_cycles[0])
        for wave in range(program.waves):
            busy = [block for block in program.blocks if block.wave == wave]
            names = dict.fromkeys(
                f"{block.layer} partial sums" if block.helps is not None else block.layer
                for block in busy
            )
            parts[f"cycles/{' + '.join(names)}"] += int(totals.phase_cycles[1 + wave])
    parts["cycles/barrier"] = totals.barrier_cycles
    return parts


def _banks(program: BinaryProgram) -> Iterator[tuple[Block, Bank]]:
    for block in program.blocks:
        for bank in block.banks:
            yield block, bank
