"""What each step, layer, core, link and memory did, as rows for people and files."""

from __future__ import annotations

from typing import Any

from axonc.toolchain.cost import Access, Way

from ..accounting.counting import CoreAccess, memory_accesses
from ..machine.architecture import Schedule
from ..machine.mesh import LOCAL, PORT_NAMES, PORTS
from ..program.program import HOST, BinaryProgram
from ..simulator.run import Totals


def run_rows(program: BinaryProgram, totals: Totals) -> list[dict[str, Any]]:
    """Return what happened in a sample: mean, least and most of cycles and of latencies."""
    per_us = program.architecture.clock_mhz
    measured = {
        "cycles of a sample": totals.step_cycles.sum(axis=1),
        "cycle of the first output spike": totals.first_output_cycle,
        "cycle of the last output spike": totals.last_output_cycle,
    }
    return [
        {
            "what": what,
            "mean": float(cycles.mean()),
            "least": int(cycles.min()),
            "most": int(cycles.max()),
            "mean_us": float(cycles.mean()) / per_us,
            "samples": len(cycles),
        }
        for what, all_cycles in measured.items()
        for cycles in [all_cycles[all_cycles >= 0]]
        if len(cycles)  # a sample without output spikes has no latency
    ]


def step_rows(program: BinaryProgram, totals: Totals) -> list[dict[str, Any]]:
    """Return one row a step of the machine: its cycles, means over the samples.

    The input phase, the waves and the barriers add up to `mean_cycles` (where steps are pipelined,
    one phase is all of these but the barrier). Walks, neuron phases and idle cycles add up over the
    cores to cores times `mean_cycles`; a scanned core may walk in its neuron phase. Waits add up
    over senders and over heads of FIFOs, several of which may wait in one cycle.
    """
    cores = len(program.positions)
    rows = []
    for step, cycles in enumerate(totals.step_cycles.T):
        phases = totals.step_phases[step] / totals.samples
        walk = float(totals.step_walk[step]) / totals.samples
        neuron_phase = float(totals.step_neuron_phase[step]) / totals.samples
        pipelined = program.architecture.schedule is Schedule.PIPELINED
        rows.append(
            {
                "step": step,
                "mean_cycles": float(cycles.mean()),
                "least_cycles": int(cycles.min()),
                "most_cycles": int(cycles.max()),
                "input_cycles": None if pipelined else float(phases[0]),
                "wave_cycles": float(phases[0 if pipelined else 1 : -1].sum()),
                "barrier_cycles": float(phases[-1]),
                "walk_cycles": walk,
                "neuron_phase_cycles": neuron_phase,
                "idle_cycles": max(0.0, cores * float(cycles.mean()) - walk - neuron_phase),
                "send_wait_cycles": float(totals.step_send_waits[step]) / totals.samples,
                "event_fifo_wait_cycles": float(totals.step_event_fifo_waits[step])
                / totals.samples,
                "link_wait_cycles": float(totals.step_link_waits[step]) / totals.samples,
            }
        )
    return rows


def memory_rows(program: BinaryProgram, totals: Totals) -> list[dict[str, Any]]:
    """Return one row for each memory of each core, and for the FIFOs of all routers together."""
    bits = memory_accesses(program, totals)
    used = dict.fromkeys((at.core, at.access.memory) for at, count in bits.items() if count)
    return [
        {
            "core": "routers" if core is None else core,
            "memory": memory,
            "read_bits": bits[CoreAccess(core, Access(Way.READ, memory))],
            "write_bits": bits[CoreAccess(core, Access(Way.WRITE, memory))],
        }
        for core, memory in sorted(used, key=lambda key: (-1 if key[0] is None else key[0], key[1]))
    ]


def core_rows(program: BinaryProgram, totals: Totals) -> list[dict[str, Any]]:
    """Return one row a core: where it is, what it holds, what its cycles went to.

    `idle_cycles` are those in which it neither walked nor updated: it waited for events, for
    other cores or for the barrier. `utilisation` is the rest, as a share of all cycles.
    """
    rows, columns = [], program.architecture.mesh.columns
    for core, (column, row) in enumerate(program.positions):
        blocks = program.blocks_of(core)
        held = [program.blocks[number] for number in blocks]
        walk = int(totals.core_walk_cycles[core])
        phase = int(totals.block_phase_cycles[blocks].sum())
        helped = [block.helps for block in held if block.helps not in (None, HOST)]
        rows.append(
            {
                "core": core,
                "layer": " + ".join(dict.fromkeys(block.layer for block in held)),
                "column": column,
                "row": row,
                "neurons": sum(block.box.volume for block in held),
                "partial_sums_for": ", ".join(str(program.blocks[n].core) for n in helped) or None,
                "events": int(totals.core_events[core]),
                "walk_cycles": walk,
                "neuron_phase_cycles": phase,
                "idle_cycles": max(0, totals.cycles - walk - phase),
                "utilisation": (walk + phase) / max(1, totals.cycles),
                "event_fifo_most": int(totals.core_events_most[core]),
                "flits_sent": int(totals.sender_flits[core]),
                "send_wait_cycles": int(totals.sender_waits[core]),
                "event_fifo_wait_cycles": int(
                    totals.link_waits[(row * columns + column) * PORTS + LOCAL]
                ),
            }
        )
    return rows


def link_rows(program: BinaryProgram, totals: Totals) -> list[dict[str, Any]]:
    """Return one row for each router output that was used or waited for.

    `wait_cycles` sums, over the flits at the heads of FIFOs, the cycles that each waited for this
    output; `load` is flits a cycle.
    """
    columns = program.architecture.mesh.columns
    return [
        {
            "column": link // PORTS % columns,
            "row": link // PORTS // columns,
            "output": PORT_NAMES[link % PORTS],
            "flits": int(flits),
            "wait_cycles": int(waits),
            "load": int(flits) / max(1, totals.cycles),
        }
        for link, (flits, waits) in enumerate(
            zip(totals.link_flits, totals.link_waits, strict=True)
        )
        if flits or waits
    ]
