"""Cores, host port and network on chip of one phase, cycle by cycle.

`docs/binary_synapse.md` defines the state machines; this is their compiled form. Each router has
six ports: north, east, south, west, local (its core) and host (router 0 alone). Each input port has
a FIFO. All decisions of a cycle are taken on the state at its start:

- the flit at the head of an input FIFO wants one output: along the row until its column is right,
  then along the column (XY), then local, or host;
- an output can be granted if what it leads to has a free place at the start of the cycle (a place
  freed in the same cycle counts from the next); the host always has one;
- a link between chips can be used again `chip_link_cycles` after a flit, any other link at once;
- among the inputs that want an output, the first one after the input served last wins;
- a multicast flit wants several outputs, takes those it is granted in any order, and leaves its
  FIFO with the last.

A flit advances one link a cycle and can move on in the cycle after. Where nothing can move, time
advances to the next cycle in which something can; the cycles in between are counted.
"""

from __future__ import annotations

import numpy as np

from ..machine.mesh import LOCAL, PORTS, TO_HOST
from .compiled import inlined, uncounted
from .flits import BITS_SET, LOWEST_BIT, branch_outputs, cycles_at, far_end, output_towards
from .sending import Queue
from .state import Mesh
from .timing_tables import TimingTables

NEVER = 1 << 62


@uncounted
def run_phase(
    now: int,
    tables: TimingTables,
    mesh: Mesh,
    queue_first: np.ndarray,
    queue_last: np.ndarray,
    queue: Queue,
) -> int:
    """Run until nothing is under way; return the first quiet cycle, or -1 - cycle of a deadlock.

    Sender s sends queue.flits[queue_first[s]:queue_last[s]] in order, each once it is ready.
    """
    work, lengths = mesh.work, mesh.work.lengths[0]
    lengths.sending = lengths.loaded = lengths.live = 0
    for sender in range(tables.sender_router.size):
        work.first_unsent[sender] = queue_first[sender]
        if queue_first[sender] < queue_last[sender]:
            work.sending[lengths.sending] = sender
            lengths.sending += 1
    while lengths.sending + lengths.live + lengths.loaded:
        soonest = min(
            _decide_routers(now, tables, mesh, queue.branches),
            _decide_senders(now, tables, mesh, queue.ready),
            _decide_cores(now, mesh),
        )
        # This state lasts one cycle if anything moves, else until something can.
        lasts = 1
        if lengths.moves + lengths.sends + lengths.pops == 0:
            if soonest == NEVER:
                return -1 - now
            lasts = soonest - now
        _count_waits(lasts, mesh, queue.unit)
        # Cores take events, then flits move, then new flits enter.
        _take_events(now, mesh)
        _move_flits(now, tables, mesh, queue.branches)
        _send_flits(tables, mesh, queue.flits)
        _keep_busy(mesh, queue_last)
        now += lasts
    for core in range(mesh.free.size):
        now = max(now, mesh.free[core])
    return now


@inlined
def _decide_routers(now: int, tables: TimingTables, mesh: Mesh, branches: np.ndarray) -> int:
    """List the flits that move, and the outputs that heads wait for; return when a link is free."""
    work, lengths, soonest = mesh.work, mesh.work.lengths[0], NEVER
    depth, event_depth = mesh.fifo.shape[1], mesh.events.shape[1]
    n_moves = n_waits = 0
    for index in range(lengths.live):
        router = work.live[index]
        wanted = _wanted_outputs(router, tables, mesh, branches)
        while wanted:
            out = LOWEST_BIT[wanted]
            wanted &= wanted - 1
            at = router * PORTS + out
            target = -1
            if out == TO_HOST:
                room = True
            elif out == LOCAL:
                room = mesh.events_count[tables.router_core[router]] < event_depth
            else:
                target = far_end(router, out, tables.columns)
                room = mesh.held[target] < depth and mesh.link_free[at] <= now
                if mesh.link_free[at] > now:
                    soonest = min(soonest, mesh.link_free[at])
            ports = work.wanting[out]
            waiting = BITS_SET[ports]
            if room:
                # The first input after the one served last: those above it, then those below.
                above = ports >> (mesh.served[at] + 1) << (mesh.served[at] + 1)
                move = work.moves[n_moves]
                move.source = router * PORTS + LOWEST_BIT[above if above else ports]
                move.output, move.target = at, target
                n_moves += 1
                waiting -= 1
            if waiting:
                work.waits[n_waits].output, work.waits[n_waits].heads = at, waiting
                n_waits += 1
    lengths.moves, lengths.waits = n_moves, n_waits
    return soonest


@inlined
def _wanted_outputs(router: int, tables: TimingTables, mesh: Mesh, branches: np.ndarray) -> int:
    """Return the outputs (bit mask) that heads of a router want; list in `wanting` which heads."""
    sender_router, router_x, router_y = tables.sender_router, tables.router_x, tables.router_y
    wanting, ports, wanted = mesh.work.wanting, mesh.occupied[router], 0
    while ports:
        port = LOWEST_BIT[ports]
        ports &= ports - 1
        at = router * PORTS + port
        flit = mesh.fifo[at, mesh.head[at]]
        if flit >= 0:
            outs = 1 << output_towards(flit, router, sender_router, router_x, router_y)
        else:
            if mesh.pending[at] == 0:
                mesh.pending[at] = branch_outputs(
                    branches, flit, port, router, sender_router, router_x, router_y
                )
            outs = mesh.pending[at]
        while outs:
            out = LOWEST_BIT[outs]
            outs &= outs - 1
            wanting[out] = wanting[out] | 1 << port if wanted >> out & 1 else 1 << port
            wanted |= 1 << out
    return wanted


@inlined
def _decide_senders(now: int, tables: TimingTables, mesh: Mesh, ready: np.ndarray) -> int:
    """List the senders that send, and those that wait; return when the next flit is ready."""
    work, lengths, soonest = mesh.work, mesh.work.lengths[0], NEVER
    depth, n_cores, n_sends, n_stalls = mesh.fifo.shape[1], mesh.free.size, 0, 0
    for index in range(lengths.sending):
        sender = work.sending[index]
        port = LOCAL if sender < n_cores else TO_HOST
        if ready[work.first_unsent[sender]] > now:
            soonest = min(soonest, ready[work.first_unsent[sender]])
        elif mesh.held[tables.sender_router[sender] * PORTS + port] < depth:
            work.sends[n_sends] = sender
            n_sends += 1
        else:
            work.stalls[n_stalls] = sender
            n_stalls += 1
    lengths.sends, lengths.stalls = n_sends, n_stalls
    return soonest


@inlined
def _decide_cores(now: int, mesh: Mesh) -> int:
    """List the cores that take an event; return when the next one can."""
    work, lengths, soonest, n_pops = mesh.work, mesh.work.lengths[0], NEVER, 0
    for index in range(lengths.loaded):
        core = work.loaded[index]
        if mesh.free[core] <= now:
            work.pops[n_pops] = core
            n_pops += 1
        else:
            soonest = min(soonest, mesh.free[core])
    lengths.pops = n_pops
    return soonest


@inlined
def _count_waits(lasts: int, mesh: Mesh, unit: np.ndarray) -> None:
    """Count who waits in a state that lasts so many cycles."""
    work, lengths = mesh.work, mesh.work.lengths[0]
    for index in range(lengths.waits):
        at, heads = work.waits[index].output, work.waits[index].heads
        mesh.link_waits[at] += lasts * heads
        if at % PORTS == LOCAL:
            mesh.waits[0].event_fifos += lasts * heads
        else:
            mesh.waits[0].links += lasts * heads
    for index in range(lengths.stalls):
        sender = work.stalls[index]
        mesh.send_waits[sender] += lasts
        mesh.unit_waits[unit[work.first_unsent[sender]]] += lasts


@inlined
def _take_events(now: int, mesh: Mesh) -> None:
    """Let the listed cores take an event each."""
    event_depth = mesh.events.shape[1]
    for index in range(mesh.work.lengths[0].pops):
        core = mesh.work.pops[index]
        at = mesh.events_head[core]
        cycles = mesh.events[core, at]
        mesh.events_head[core] = at + 1 if at + 1 < event_depth else 0
        mesh.events_count[core] -= 1
        mesh.free[core] = now + cycles
        mesh.walk[core] += cycles
        mesh.taken[core] += 1


@inlined
def _move_flits(now: int, tables: TimingTables, mesh: Mesh, branches: np.ndarray) -> None:
    """Move the listed flits: to the next router, into an event FIFO, or to the host."""
    fifo, head, held, depth = mesh.fifo, mesh.head, mesh.held, mesh.fifo.shape[1]
    for index in range(mesh.work.lengths[0].moves):
        move = mesh.work.moves[index]
        source, out, target = move.source, move.output, move.target
        flit = fifo[source, head[source]]
        router = source // PORTS
        if flit < 0:
            mesh.pending[source] &= ~(1 << (out - router * PORTS))
        if mesh.pending[source] == 0:
            head[source] = head[source] + 1 if head[source] + 1 < depth else 0
            held[source] -= 1
            if held[source] == 0:
                mesh.occupied[router] &= ~(1 << (source - router * PORTS))
        mesh.served[out] = source - router * PORTS
        mesh.link_flits[out] += 1
        mesh.link_free[out] = now + tables.link_cycles[out]
        if target >= 0:
            _enter(mesh, target, flit)
        elif out - router * PORTS == TO_HOST:
            outputs = mesh.outputs[0]
            outputs.spikes += 1
            outputs.first_cycle = now if outputs.first_cycle < 0 else outputs.first_cycle
            outputs.last_cycle = now
        else:
            core = tables.router_core[router]
            _enqueue_event(mesh, core, cycles_at(flit, branches, core))


@inlined
def _enqueue_event(mesh: Mesh, core: int, cycles: int) -> None:
    """Put an event of so many cycles into the event FIFO of a core."""
    work, lengths, event_depth = mesh.work, mesh.work.lengths[0], mesh.events.shape[1]
    at = mesh.events_head[core] + mesh.events_count[core]
    mesh.events[core, at if at < event_depth else at - event_depth] = cycles
    if mesh.events_count[core] == 0 and not _is_listed(core, work.pops, lengths.pops):
        work.loaded[lengths.loaded] = core
        lengths.loaded += 1
    mesh.events_count[core] += 1
    mesh.events_most[core] = max(mesh.events_most[core], mesh.events_count[core])


@inlined
def _send_flits(tables: TimingTables, mesh: Mesh, flits: np.ndarray) -> None:
    """Let the listed senders send a flit each."""
    work = mesh.work
    for index in range(work.lengths[0].sends):
        sender = work.sends[index]
        port = LOCAL if sender < mesh.free.size else TO_HOST
        flit = flits[work.first_unsent[sender]]
        _enter(mesh, tables.sender_router[sender] * PORTS + port, flit)
        work.first_unsent[sender] += 1
        mesh.sent[sender] += 1


@inlined
def _enter(mesh: Mesh, at: int, flit: int) -> None:
    """Put a flit behind those that an input FIFO holds."""
    work, lengths, depth, router = mesh.work, mesh.work.lengths[0], mesh.fifo.shape[1], at // PORTS
    place = mesh.head[at] + mesh.held[at]
    mesh.fifo[at, place if place < depth else place - depth] = flit
    mesh.held[at] += 1
    mesh.occupied[router] |= 1 << (at - router * PORTS)
    if not work.is_live[router]:
        work.is_live[router] = True
        work.live[lengths.live] = router
        lengths.live += 1


@inlined
def _keep_busy(mesh: Mesh, queue_last: np.ndarray) -> None:
    """Keep in the lists only those that still have something to do."""
    work, lengths, kept = mesh.work, mesh.work.lengths[0], 0
    for index in range(lengths.live):
        router = work.live[index]
        if mesh.occupied[router]:
            work.live[kept] = router
            kept += 1
        else:
            work.is_live[router] = False
    lengths.live, kept = kept, 0
    for index in range(lengths.sending):
        sender = work.sending[index]
        if work.first_unsent[sender] < queue_last[sender]:
            work.sending[kept] = sender
            kept += 1
    lengths.sending, kept = kept, 0
    for index in range(lengths.loaded):
        core = work.loaded[index]
        if mesh.events_count[core]:
            work.loaded[kept] = core
            kept += 1
    lengths.loaded = kept


@inlined
def _is_listed(number: int, numbers: np.ndarray, count: int) -> bool:
    for index in range(count):
        if numbers[index] == number:
            return True
    return False
