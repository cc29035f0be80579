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

from typing import Any

from .compiled import inlined, uncounted
from .flits import (
    BITS_SET,
    LOCAL,
    LOWEST_BIT,
    PORTS,
    TO_HOST,
    branch_outputs,
    cycles_at,
    far_end,
    output_towards,
)
from .sending import Queue
from .state import Mesh

NEVER = 1 << 62


@uncounted
def run_phase(
    now: int, clock: Any, mesh: Mesh, queue_first: Any, queue_last: Any, queue: Queue
) -> int:
    """Run until nothing is under way; return the first quiet cycle, or -1 - cycle of a deadlock.

    Sender s sends queue.flits[queue_first[s]:queue_last[s]] in order, each once it is ready.
    """
    fifo, head, count, occupied = mesh.fifo, mesh.head, mesh.held, mesh.occupied
    served, events, events_head = mesh.served, mesh.events, mesh.events_head
    link_free, pending = mesh.link_free, mesh.pending
    events_count, free, walk, taken = mesh.events_count, mesh.free, mesh.walk, mesh.taken
    link_flits, link_waits, events_most = mesh.link_flits, mesh.link_waits, mesh.events_most
    sent, send_waits = mesh.sent, mesh.send_waits
    sender_router, router_core, link_cycles = (
        clock.sender_router,
        clock.router_core,
        clock.link_cycles,
    )
    router_x, router_y, columns = clock.router_x, clock.router_y, clock.columns
    flits, ready, branches = queue.flits, queue.ready, queue.branches
    depth, event_depth = fifo.shape[1], events.shape[1]
    n_senders, n_cores = sender_router.size, free.size
    first, speaking, sends, stalls, hungry, eats, live, is_live, moves, waits, wanting = mesh.work

    n_speaking = n_hungry = n_live = 0
    for sender in range(n_senders):
        first[sender] = queue_first[sender]
        if first[sender] < queue_last[sender]:
            speaking[n_speaking] = sender
            n_speaking += 1

    while n_speaking or n_live or n_hungry:
        n_moves = n_waits = n_sends = n_stalls = n_eats = 0
        soonest = NEVER

        # Routers decide.
        for index in range(n_live):
            router = live[index]
            ports = occupied[router]
            wanted = 0
            while ports:
                port = LOWEST_BIT[ports]
                ports &= ports - 1
                at = router * PORTS + port
                flit = fifo[at, head[at]]
                if flit >= 0:
                    outs = 1 << output_towards(flit, router, sender_router, router_x, router_y)
                else:
                    if pending[at] == 0:
                        pending[at] = branch_outputs(
                            branches, flit, port, router, sender_router, router_x, router_y
                        )
                    outs = pending[at]
                while outs:
                    out = LOWEST_BIT[outs]
                    outs &= outs - 1
                    wanting[out] = wanting[out] | 1 << port if wanted >> out & 1 else 1 << port
                    wanted |= 1 << out
            while wanted:
                out = LOWEST_BIT[wanted]
                wanted &= wanted - 1
                at = router * PORTS + out
                target = -1
                if out == TO_HOST:
                    room = True
                elif out == LOCAL:
                    room = events_count[router_core[router]] < event_depth
                else:
                    target = far_end(router, out, columns)
                    room = count[target] < depth and link_free[at] <= now
                    if link_free[at] > now:
                        soonest = min(soonest, link_free[at])
                ports = wanting[out]
                waiting = BITS_SET[ports]
                if room:
                    # The first input after the one served last: those above it, then those below.
                    above = ports >> (served[at] + 1) << (served[at] + 1)
                    moves[n_moves].source = router * PORTS + LOWEST_BIT[above if above else ports]
                    moves[n_moves].output = at
                    moves[n_moves].target = target
                    n_moves += 1
                    waiting -= 1
                if waiting:
                    waits[n_waits].output = at
                    waits[n_waits].heads = waiting
                    n_waits += 1

        # Cores and the host port decide.
        for index in range(n_speaking):
            sender = speaking[index]
            port = LOCAL if sender < n_cores else TO_HOST
            if ready[first[sender]] > now:
                soonest = min(soonest, ready[first[sender]])
            elif count[sender_router[sender] * PORTS + port] < depth:
                sends[n_sends] = sender
                n_sends += 1
            else:
                stalls[n_stalls] = sender
                n_stalls += 1
        for index in range(n_hungry):
            core = hungry[index]
            if free[core] <= now:
                eats[n_eats] = core
                n_eats += 1
            else:
                soonest = min(soonest, free[core])

        # This state lasts one cycle if anything moves, else until something can.
        lasts = 1
        if n_moves + n_sends + n_eats == 0:
            if soonest == NEVER:
                return -1 - now
            lasts = soonest - now
        for index in range(n_waits):
            at = waits[index].output
            link_waits[at] += lasts * waits[index].heads
            if at % PORTS == LOCAL:
                mesh.waits[0].event_fifos += lasts * waits[index].heads
            else:
                mesh.waits[0].links += lasts * waits[index].heads
        for index in range(n_stalls):
            send_waits[stalls[index]] += lasts
            mesh.unit_waits[queue.unit[first[stalls[index]]]] += lasts

        # Cores take events, then flits move, then new flits enter.
        for index in range(n_eats):
            core = eats[index]
            at = events_head[core]
            cycles = events[core, at]
            events_head[core] = at + 1 if at + 1 < event_depth else 0
            events_count[core] -= 1
            free[core] = now + cycles
            walk[core] += cycles
            taken[core] += 1
        for index in range(n_moves):
            move = moves[index]
            source, out, target = move.source, move.output, move.target
            flit = fifo[source, head[source]]
            router = source // PORTS
            if flit < 0:
                pending[source] &= ~(1 << (out - router * PORTS))
            if pending[source] == 0:
                head[source] = head[source] + 1 if head[source] + 1 < depth else 0
                count[source] -= 1
                if count[source] == 0:
                    occupied[router] &= ~(1 << (source - router * PORTS))
            served[out] = source - router * PORTS
            link_flits[out] += 1
            link_free[out] = now + link_cycles[out]
            if target >= 0:
                _push(fifo, head, count, target, flit, depth)
                router = target // PORTS
                occupied[router] |= 1 << (target - router * PORTS)
                if not is_live[router]:
                    is_live[router] = True
                    live[n_live] = router
                    n_live += 1
            elif out - router * PORTS == TO_HOST:
                outputs = mesh.outputs[0]
                outputs.spikes += 1
                outputs.first_cycle = now if outputs.first_cycle < 0 else outputs.first_cycle
                outputs.last_cycle = now
            else:
                core = router_core[router]
                at = events_head[core] + events_count[core]
                cycles = cycles_at(flit, branches, core)
                events[core, at if at < event_depth else at - event_depth] = cycles
                if events_count[core] == 0 and not _listed(core, eats, n_eats):
                    hungry[n_hungry] = core
                    n_hungry += 1
                events_count[core] += 1
                events_most[core] = max(events_most[core], events_count[core])
        for index in range(n_sends):
            sender = sends[index]
            router = sender_router[sender]
            port = LOCAL if sender < n_cores else TO_HOST
            _push(fifo, head, count, router * PORTS + port, flits[first[sender]], depth)
            occupied[router] |= 1 << port
            if not is_live[router]:
                is_live[router] = True
                live[n_live] = router
                n_live += 1
            first[sender] += 1
            sent[sender] += 1

        # Keep only those that still have something to do.
        kept = 0
        for index in range(n_live):
            router = live[index]
            if occupied[router]:
                live[kept] = router
                kept += 1
            else:
                is_live[router] = False
        n_live, kept = kept, 0
        for index in range(n_speaking):
            sender = speaking[index]
            if first[sender] < queue_last[sender]:
                speaking[kept] = sender
                kept += 1
        n_speaking, kept = kept, 0
        for index in range(n_hungry):
            core = hungry[index]
            if events_count[core]:
                hungry[kept] = core
                kept += 1
        n_hungry = kept
        now += lasts

    for core in range(n_cores):
        now = max(now, free[core])
    return now


@inlined
def _push(fifo: Any, head: Any, count: Any, at: Any, flit: Any, depth: Any) -> None:
    place = head[at] + count[at]
    fifo[at, place if place < depth else place - depth] = flit
    count[at] += 1


@inlined
def _listed(core: Any, cores: Any, n: Any) -> Any:
    """Whether a core that has just emptied its FIFO is still in the list of this cycle."""
    found = False
    for index in range(n):
        found = found or cores[index] == core
    return found
