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

from typing import NamedTuple

import numpy as np

from ..machine.mesh import LOCAL, PORTS, TO_HOST
from .compiled import inlined
from .flits import LOWEST_BIT, branch_outputs, cycles_at, far_end, output_towards
from .one_way import Line, Sends, find_line, new_line, run_line
from .state import Mesh
from .timing_tables import TimingTables


class Departures(NamedTuple):
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


def new_departures(mesh: Mesh) -> Departures:
    """Return the departures of an empty mesh at the start of a sample."""
    cores = len(mesh.events)
    fifos = len(mesh.fifo)
    return Departures(
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
def _leave_mesh(cycle: int, mesh: Mesh) -> None:
    """Note a flit that goes to the host."""
    outputs = mesh.outputs[0]
    outputs.spikes += 1
    outputs.first_cycle = cycle if outputs.first_cycle < 0 else outputs.first_cycle
    outputs.last_cycle = cycle


@inlined
def _enter_core(core: int, cycle: int, cycles: int, mesh: Mesh, departures: Departures) -> None:
    """Put a flit into the event FIFO of a core, which takes it when it has done the one before."""
    popped, oldest_event, waiting = (
        departures.popped,
        departures.oldest_event,
        departures.waiting_events,
    )
    depth = popped.shape[1]
    while waiting[core] and popped[core, oldest_event[core]] <= cycle:
        waiting[core] -= 1
        oldest = oldest_event[core] + 1
        oldest_event[core] = oldest if oldest < depth else 0
    waiting[core] += 1
    mesh.events_most[core] = max(mesh.events_most[core], waiting[core])
    place = departures.next_event[core]
    popped[core, place] = max(cycle + 1, mesh.free[core])
    departures.next_event[core] = place + 1 if place + 1 < depth else 0
    mesh.free[core] = popped[core, place] + cycles
    mesh.walk[core] += cycles
    mesh.taken[core] += 1


@inlined
def run_lone_sender(
    now: int,
    sender: int,
    tables: TimingTables,
    mesh: Mesh,
    departures: Departures,
    sends: Sends,
    branches: np.ndarray,
) -> int:
    """Do what `run_phase` does where only `sender` sends, each flit once it is ready."""
    flits, ready, unit = sends.flits, sends.ready, sends.unit
    home = tables.sender_router[sender]
    port = LOCAL if sender < mesh.free.size else TO_HOST
    length = find_line(home, port, tables, flits, departures.line)
    if length:
        return run_line(now, sender, length, mesh, departures.line, sends)
    entry = home * PORTS + port
    end, sent, waited = now, now - 1, 0
    for k in range(flits.size):
        earliest = max(ready[k], sent + 1)
        sent = max(earliest, departures.left[entry, departures.next_place[entry]] + 1)
        waited += sent - earliest
        mesh.unit_waits[unit[k]] += sent - earliest
        end = max(end, _follow(flits[k], entry, sent, tables, mesh, departures, branches))
    mesh.sent[sender] += flits.size
    mesh.send_waits[sender] += waited
    for core in range(mesh.free.size):
        end = max(end, mesh.free[core])
    return end


@inlined
def _follow(
    flit: int,
    entry: int,
    sent: int,
    tables: TimingTables,
    mesh: Mesh,
    departures: Departures,
    branches: np.ndarray,
) -> int:
    """Follow a flit and its copies from FIFO to FIFO; return the cycle after the last has left."""
    left, next_place, last_left = departures.left, departures.next_place, departures.last_left
    link_free, copies, end = mesh.link_free, departures.copies, 0
    sender_router, router_x, router_y = tables.sender_router, tables.router_x, tables.router_y
    at, entered, n_copies = entry, sent, 0
    while at >= 0:
        router = at // PORTS
        port = at - router * PORTS
        more = 0
        if flit >= 0:
            out = output_towards(flit, router, sender_router, router_x, router_y)
        else:
            more = branch_outputs(branches, flit, port, router, sender_router, router_x, router_y)
            out = LOWEST_BIT[more]
            more &= more - 1
        at_head = gone = max(entered, last_left[at]) + 1
        onward = onward_at = -1
        while out >= 0:
            link = router * PORTS + out
            leaves = max(at_head, link_free[link])
            if out == LOCAL:
                core = tables.router_core[router]
                leaves = max(leaves, departures.popped[core, departures.next_event[core]] + 1)
            elif out != TO_HOST:
                ahead = far_end(router, out, tables.columns)
                leaves = max(leaves, left[ahead, next_place[ahead]] + 1)
                if onward >= 0:
                    copies[n_copies, 0], copies[n_copies, 1] = onward, onward_at
                    n_copies += 1
                onward, onward_at = ahead, leaves
            _count_link(link, port, at_head, leaves, tables, mesh)
            gone = max(gone, leaves)
            end = max(end, leaves + 1)
            if out == TO_HOST:
                _leave_mesh(leaves, mesh)
            elif out == LOCAL:
                _enter_core(core, leaves, cycles_at(flit, branches, core), mesh, departures)
            out = LOWEST_BIT[more] if more else -1
            more &= more - 1
        place = next_place[at]
        left[at, place] = last_left[at] = gone
        next_place[at] = place + 1 if place + 1 < left.shape[1] else 0
        at, entered = onward, onward_at
        if at < 0 and n_copies:
            n_copies -= 1
            at, entered = copies[n_copies, 0], copies[n_copies, 1]
    return end


@inlined
def _count_link(
    link: int, port: int, at_head: int, leaves: int, tables: TimingTables, mesh: Mesh
) -> None:
    """Note a flit that came by an input `port` and leaves by a link, and what it waited for."""
    mesh.link_free[link] = leaves + tables.link_cycles[link]
    mesh.link_flits[link] += 1
    mesh.link_waits[link] += leaves - at_head
    if link % PORTS == LOCAL:
        mesh.waits[0].event_fifos += leaves - at_head
    else:
        mesh.waits[0].links += leaves - at_head
    mesh.served[link] = port
