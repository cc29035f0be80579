"""What each core and each link did, as rows for people and files."""

from __future__ import annotations

from typing import Any

from .program import BinaryProgram
from .simulator.flits import PORTS
from .simulator.run import PORT_NAMES, Totals


def core_rows(program: BinaryProgram, totals: Totals) -> list[dict[str, Any]]:
    """Return one row a core: where it is, what it holds, what its cycles went to.

    `idle_cycles` are those in which it neither walked nor updated: it waited for events, for
    other cores or for the barrier. `utilisation` is the rest, as a share of all cycles.
    """
    rows = []
    for core, (column, row) in enumerate(program.positions):
        blocks = program.blocks_of(core)
        held = [program.blocks[number] for number in blocks]
        walk = int(totals.core_walk_cycles[core])
        phase = int(totals.block_phase_cycles[blocks].sum())
        helped = [block.helps for block in held if block.helps is not None]
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
