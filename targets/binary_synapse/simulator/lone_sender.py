"""A phase in which one core or input node alone sends: exact, without looking at every cycle.

Then no two flits ever compete for an output, and each FIFO passes flits on in the order in which
they were sent. So the cycle in which flit k goes from FIFO f to FIFO g is

    entered(k, g) = max(entered(k, f) + 1, left(flit before k in f) + 1, left(flit that held k's
                    place in g before) + 1, end of the rest of the link)

and k has left f when it has gone to all FIFOs that it wants (several where it is multicast). A core
pops it from its event FIFO at max(entered + 1, end of the event before). This is one pass over the
flits in place of one over the cycles. The input phase of a feed-forward network is like this,
and so is every wave of one core. Where all flits go to one place, `one_way.py` does the same with
less.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.mesh import LOCAL, PORTS, TO_HOST
from .clockwork import Clockwork
from .compiled import inlined
from .flits import LOWEST_BIT, branch_outputs, cycles_at, far_end, output_towards
from .one_way import Line, find_line, new_line, run_line
from .state import Mesh


class Places(NamedTuple):
    """When each place of each FIFO was last vacated, and which place is filled next."""

    left: np.ndarray  # (FIFOs, depth)
    next_place: np.ndarray  # (FIFOs)
    last_left: np.ndarray  # (FIFOs)
    popped: np.ndarray  # (cores, event depth)
    next_event: np.ndarray  # (cores) place of the next event
    oldest_event: np.ndarray  # (cores) place of the oldest that may still wait
    waiting_events: np.ndarray  # (cores) events from the oldest on
    copies: np.ndarray  # (routers, 2) scratch: FIFO, cycle in which a copy entered it
    line: Line  # scratch


def new_places(mesh: Mesh) -> Places:
    """Return the places of an empty mesh at the start of a sample."""
    cores = len(mesh.events)
    fifos = len(mesh.fifo)
    return Places(
        left=np.full(mesh.fifo.shape, -1, np.int64),
        next_place=np.zeros(fifos, np.int64),
        last_left=np.full(fifos, -1, np.int64),
        popped=np.full(mesh.events.shape, -1, np.int64),
        next_event=np.zeros(cores, np.int64),
        oldest_event=np.zeros(cores, np.int64),
        waiting_events=np.zeros(cores, np.int64),
        copies=np.zeros((len(mesh.occupied), 2), np.int64),
        line=new_line(len(mesh.occupied), mesh.fifo.shape[1], mesh.events.shape[1]),
    )


@inlined
def run_lone_sender(
    now: int,
    sender: int,
    clock: Clockwork,
    mesh: Mesh,
    places: Places,
    flits: np.ndarray,
    ready: np.ndarray,
    unit: Any,
    branches: np.ndarray,
) -> int:
    """Do what `run_phase` does where only `sender` sends `flits`, each once it is ready."""
    left, next_place, last_left = places.left, places.next_place, places.last_left
    popped, next_event = places.popped, places.next_event
    oldest_event, waiting_events = places.oldest_event, places.waiting_events
    served, free, walk, taken = mesh.served, mesh.free, mesh.walk, mesh.taken
    link_flits, link_waits, events_most = mesh.link_flits, mesh.link_waits, mesh.events_most
    link_free, link_cycles = mesh.link_free, clock.link_cycles
    sender_router, router_x, router_y = clock.sender_router, clock.router_x, clock.router_y
    depth, event_depth = left.shape[1], popped.shape[1]
    home = sender_router[sender]
    port = LOCAL if sender < free.size else TO_HOST
    length = find_line(home, port, clock, flits, places.line)
    if length:
        return run_line(now, sender, length, mesh, places.line, flits, ready, unit)
    entry = home * PORTS + port
    copies = places.copies
    end, sent, waited = now, now - 1, 0
    for k in range(flits.size):
        flit = flits[k]
        earliest = max(ready[k], sent + 1)
        sent = max(earliest, left[entry, next_place[entry]] + 1)
        waited += sent - earliest
        mesh.unit_waits[unit[k]] += sent - earliest
        at, entered, n_copies = entry, sent, 0
        while at >= 0:
            router = at // PORTS
            port = at - router * PORTS
            more = 0
            if flit >= 0:
                out = output_towards(flit, router, sender_router, router_x, router_y)
            else:
                more = branch_outputs(
                    branches, flit, port, router, sender_router, router_x, router_y
                )
                out = LOWEST_BIT[more]
                more &= more - 1
            at_head = gone = max(entered, last_left[at]) + 1
            onward = onward_at = -1
            while out >= 0:
                link = router * PORTS + out
                leaves = max(at_head, link_free[link])
                if out == LOCAL:
                    core = clock.router_core[router]
                    leaves = max(leaves, popped[core, next_event[core]] + 1)
                elif out != TO_HOST:
                    ahead = far_end(router, out, clock.columns)
                    leaves = max(leaves, left[ahead, next_place[ahead]] + 1)
                    if onward >= 0:
                        copies[n_copies, 0], copies[n_copies, 1] = onward, onward_at
                        n_copies += 1
                    onward, onward_at = ahead, leaves
                link_free[link] = leaves + link_cycles[link]
                link_flits[link] += 1
                link_waits[link] += leaves - at_head
                if out == LOCAL:
                    mesh.waits[0].event_fifos += leaves - at_head
                else:
                    mesh.waits[0].links += leaves - at_head
                served[link] = port
                gone = max(gone, leaves)
                end = max(end, leaves + 1)
                if out == TO_HOST:
                    outputs = mesh.outputs[0]
                    outputs.spikes += 1
                    outputs.first_cycle = leaves if outputs.first_cycle < 0 else outputs.first_cycle
                    outputs.last_cycle = leaves
                elif out == LOCAL:
                    while waiting_events[core] and popped[core, oldest_event[core]] <= leaves:
                        waiting_events[core] -= 1
                        oldest = oldest_event[core] + 1
                        oldest_event[core] = oldest if oldest < event_depth else 0
                    waiting_events[core] += 1
                    events_most[core] = max(events_most[core], waiting_events[core])
                    cycles = cycles_at(flit, branches, core)
                    place = next_event[core]
                    popped[core, place] = max(leaves + 1, free[core])
                    next_event[core] = place + 1 if place + 1 < event_depth else 0
                    free[core] = popped[core, place] + cycles
                    walk[core] += cycles
                    taken[core] += 1
                out = LOWEST_BIT[more] if more else -1
                more &= more - 1
            place = next_place[at]
            left[at, place] = last_left[at] = gone
            next_place[at] = place + 1 if place + 1 < depth else 0
            at, entered = onward, onward_at
            if at < 0 and n_copies:
                n_copies -= 1
                at, entered = copies[n_copies, 0], copies[n_copies, 1]
    mesh.sent[sender] += flits.size
    mesh.send_waits[sender] += waited
    for core in range(free.size):
        end = max(end, free[core])
    return end
