"""The least number of cycles a phase can take: a bound that needs no cycle to be simulated."""

from __future__ import annotations

import numpy as np

from .compiled import uncounted
from .flits import FLIT_CORE_SHIFT, FLIT_CYCLES
from .sending import Queue
from .state import Mesh
from .timing_tables import TimingTables


@uncounted
def bound_phase(
    now: int,
    tables: TimingTables,
    mesh: Mesh,
    queue_first: np.ndarray,
    queue_last: np.ndarray,
    queue: Queue,
) -> int:
    """Return a cycle before which the phase cannot end; count flits and walks on the way.

    Each flit needs one cycle from its sender, one a link and one to leave its router. A sender
    sends one flit a cycle; a core works through its events one after another; the host takes one
    flit a cycle. The bound is the latest of these, each as if it were alone.
    """
    sender_router, router_x, router_y = tables.sender_router, tables.router_x, tables.router_y
    flits, ready, branches, n_cores = queue.flits, queue.ready, queue.branches, mesh.free.size
    soonest = mesh.work.sends  # first arrival at each core, at the host
    load = mesh.work.stalls  # cycles of work from then on
    soonest[:] = np.int64(1) << 62
    load[:] = 0
    end = now
    for sender in range(sender_router.size):
        home, sent = sender_router[sender], now - 1
        for k in range(queue_first[sender], queue_last[sender]):
            sent = max(sent + 1, ready[k])
            at = -1 - flits[k]
            for copy in range(1 if at < 0 else branches[at]):
                flit = flits[k] if at < 0 else branches[at + 1 + copy]
                core = (flit >> FLIT_CORE_SHIFT) - 1
                target = sender_router[core] if core >= 0 else 0
                right, down = router_x[target] - router_x[home], router_y[target] - router_y[home]
                arrives = sent + abs(right) + abs(down) + 1
                place, cycles = n_cores, 1
                if core >= 0:
                    place, cycles = core, flit & FLIT_CYCLES
                    arrives = max(arrives + 1, mesh.free[core])
                    mesh.walk[core] += cycles
                    mesh.taken[core] += 1
                else:
                    outputs = mesh.outputs[0]
                    outputs.spikes += 1
                    outputs.first_cycle = (
                        arrives if outputs.first_cycle < 0 else outputs.first_cycle
                    )
                    outputs.last_cycle = max(outputs.last_cycle, arrives)
                soonest[place] = min(soonest[place], arrives)
                load[place] += cycles
                end = max(end, arrives + cycles)
        mesh.sent[sender] += queue_last[sender] - queue_first[sender]
    for place in range(n_cores + 1):
        if load[place]:
            end = max(end, soonest[place] + load[place])
    for core in range(n_cores):
        end = max(end, mesh.free[core])
    return end
