"""What each core and each link did, as rows for people and files."""

from __future__ import annotations

from typing import Any

from .program import BinaryProgram
from .simulator.mesh import PORTS
from .simulator.run import PORT_NAMES, Totals


def core_rows(program: BinaryProgram, totals: Totals) -> list[dict[str, Any]]:
    """Return one row a core: where it is, what it holds, what its cycles went to.

    `idle_cycles` are those in which it neither walked nor updated: it waited for events, for
    other cores or for the barrier. `utilisation` is the rest, as a share of all cycles.
    """
    rows = []
    for number, block in enumerate(program.blocks):
        walk = int(totals.core_walk_cycles[number])
        phase = int(totals.core_phase_cycles[number])
        rows.append(
            {
                "core": number,
                "layer": block.layer,
                "column": program.positions[block.core][0],
                "row": program.positions[block.core][1],
                "neurons": block.box.volume,
                "partial_sums_for": block.helps,
                "events": int(totals.core_events[number]),
                "walk_cycles": walk,
                "neuron_phase_cycles": phase,
                "idle_cycles": max(0, totals.cycles - walk - phase),
                "utilisation": (walk + phase) / max(1, totals.cycles),
                "event_fifo_most": int(totals.core_events_most[number]),
                "flits_sent": int(totals.unit_flits[number]),
                "send_wait_cycles": int(totals.unit_waits[number]),
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
