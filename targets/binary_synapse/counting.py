"""Counters of a run by name and by layer: what costs and reports are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .architecture import Dataflow, Schedule
from .memory import flit_bits
from .program import Bank, BinaryProgram, Block, has_absent_synapses, rows_of
from .projections import DenseProjection
from .simulator.clockwork import between_chips
from .simulator.flits import LOCAL, PORTS, TO_HOST
from .simulator.run import Totals


def count_events(
    program: BinaryProgram, totals: Totals
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Return totals over the batch: by name, and by layer and name.

    `read_bits/MEMORY` and `write_bits/MEMORY` are accesses of one kind of memory, in bits.
    `cycles/PART` add up to all cycles: the input phase, each wave, the barriers.
    """
    counters: Counter[str] = Counter()
    layers: dict[str, Counter[str]] = {}
    size = program.architecture.core
    for bank_number, (block, bank) in enumerate(_banks(program)):
        layer = layers.setdefault(bank.projection.layer, Counter())
        walked = int(totals.bank_performed[bank_number])
        if size.dataflow is Dataflow.NEURON_MAJOR:
            walked = totals.core_phases * len(rows_of(bank)) * block.box.volume
        layer["events"] += int(totals.bank_events[bank_number])
        layer["synaptic_operations"] += int(totals.bank_effective[bank_number])
        layer["synapses_walked"] += walked
        layer["cores"] += 1
        if not isinstance(bank.projection, DenseProjection) and not bank.projection.stored:
            continue
        counters["read_bits/signs"] += walked
        counters["read_bits/presence"] += walked * has_absent_synapses(bank, block)
    for number, block in enumerate(program.blocks):
        phases = totals.core_phases * block.box.volume
        layer = layers.setdefault(block.layer, Counter())
        layer["walk_cycles"] += int(totals.block_walk_cycles[number])
        layer["neuron_phase_cycles"] += int(totals.block_phase_cycles[number])
        layer["event_fifo_most"] = max(
            layer["event_fifo_most"], int(totals.core_events_most[block.core])
        )
        counters["partial_sums"] += phases * (block.helps is not None)
        counters["read_bits/accumulators"] += phases * size.accumulator_bits
        counters["write_bits/accumulators"] += phases * size.accumulator_bits
        if block.helps is not None:
            continue
        layer["neuron_updates"] += phases
        layer["overflows"] += int(totals.block_overflows[number])
        counters["read_bits/membranes"] += phases * size.membrane_bits
        counters["write_bits/membranes"] += phases * size.membrane_bits
        if program.neuron(block.layer).current is not None:
            counters["read_bits/currents"] += phases * size.current_bits
            counters["write_bits/currents"] += phases * size.current_bits
        counters["read_bits/thresholds"] += phases * size.threshold_bits
        if program.neuron(block.layer).bias.any():
            counters["read_bits/biases"] += phases * size.bias_bits
    for name in ("events", "synaptic_operations", "synapses_walked", "neuron_updates",
                 "overflows"):  # fmt: skip
        counters[name] = sum(layer[name] for layer in layers.values())
    if size.dataflow is Dataflow.EVENT_MAJOR:
        touched = counters["synapses_walked"] + counters["partial_sums"]
    else:
        touched = counters["partial_sums"]  # a scan sums in a register
    counters["read_bits/accumulators"] += touched * size.accumulator_bits
    counters["write_bits/accumulators"] += touched * size.accumulator_bits

    links = totals.link_flits.reshape(-1, PORTS)
    hops = int(links[:, :LOCAL].sum())
    stored = int(totals.sender_flits.sum()) + hops + int(totals.core_events.sum())
    counters["read_bits/fifos"] = counters["write_bits/fifos"] = stored * flit_bits(program)
    counters["flits"] = int(totals.sender_flits.sum())
    counters["hops"] = hops
    counters["chip_hops"] = int(totals.link_flits[between_chips(program.architecture.mesh)].sum())
    counters["flits_from_host"] = int(totals.sender_flits[-1])
    counters["output_spikes"] = int(links[:, TO_HOST].sum())
    counters["mesh_wait_cycles"] = int(totals.link_waits.sum())
    counters["send_wait_cycles"] = int(totals.sender_waits.sum())
    counters["samples"] = totals.samples
    nodes = [block.layer for block in program.blocks] + list(program.graph.inputs)
    for name, fired in zip(nodes, totals.unit_spikes.tolist(), strict=True):
        counters["spikes"] += fired
        layers.setdefault(name, Counter())["spikes"] += fired
    counters.update(phase_cycles(program, totals))
    return dict(counters), {name: dict(layer) for name, layer in layers.items()}


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
            parts[f"cycles/{' + '.join(names)}"] = int(totals.phase_cycles[1 + wave])
    parts["cycles/barrier"] = totals.barrier_cycles
    return parts


def _banks(program: BinaryProgram) -> Iterator[tuple[Block, Bank]]:
    for block in program.blocks:
        for bank in block.banks:
            yield block, bank
