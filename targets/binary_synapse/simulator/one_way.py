"""A phase in which one sender alone sends, and everything to one place: exact, in few operations.

The FIFOs on the way stand in a line and are empty when the phase begins. So with left(k, j) the
cycle in which flit k leaves the j-th of them (j = 0: the sender), and D places in each,

    left(k, 0) = max(ready(k), left(k - 1, 0) + 1, left(k - D, 1) + 1)
    left(k, j) = max(left(k, j - 1), left(k - 1, j), left(k - D, j + 1)) + 1

which is the recurrence of `lone_sender.py` where no link rests after a flit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.mesh import LOCAL, PORTS
from .compiled import inlined
from .flits import FLIT_CORE_SHIFT, FLIT_CYCLES, far_end, output_towards
from .state import Mesh
from .timing_tables import TimingTables


class Line(NamedTuple):
    """Scratch: the way from FIFO to FIFO, and when its last D flits left each."""

    links: np.ndarray  # (longest way) output by which flits leave the j-th FIFO
    ports: np.ndarray  # (longest way) which input of its router the j-th FIFO is
    left: np.ndarray  # (D * longest way) cycles in which flit after flit left FIFO after FIFO
    waits: np.ndarray  # (longest way) cycles that heads waited
    popped: np.ndarray  # (event depth) cycles in which the core took its last events


class Sends(NamedTuple):
    """What one sender sends in a phase, in order; each of shape (flits)."""

    flits: np.ndarray
    ready: np.ndarray  # cycle from which on each can be sent
    unit: np.ndarray  # block or input node that each comes from


def new_line(routers: int, depth: int, event_depth: int) -> Line:
    """Return room for any way through a mesh."""
    longest = routers + 2
    return Line(
        links=np.zeros(longest, np.int64),
        ports=np.zeros(longest, np.int64),
        left=np.zeros(depth * longest, np.int64),
        waits=np.zeros(longest, np.int64),
        popped=np.zeros(event_depth, np.int64),
    )


@inlined
def find_line(router: int, port: int, tables: TimingTables, flits: np.ndarray, line: Line) -> int:
    """Return how many FIFOs flits pass that enter a router by `port`, and note which they are.

    0 if they do not all go to one place, or if a link on the way rests after a flit.
    """
    flit, differing, length, out = flits[0], 0, 0, -1
    for k in range(flits.size):
        differing |= flits[k] ^ flit
    if flit < 0 or differing >> FLIT_CORE_SHIFT:
        return 0
    while out < LOCAL:
        out = output_towards(flit, router, tables.sender_router, tables.router_x, tables.router_y)
        link = router * PORTS + out
        length += 1
        line.links[length], line.ports[length] = link, port
        if tables.link_cycles[link] > 1:
            return 0
        ahead = far_end(router, out, tables.columns)
        router = ahead // PORTS
        port = ahead - router * PORTS
    return length


@inlined
def run_line(now: int, sender: int, length: int, mesh: Mesh, line: Line, sends: Sends) -> int:
    """Do what `run_phase` does where `sender` alone sends, all along the line."""
    flits, ready, unit = sends.flits, sends.ready, sends.unit
    core = (flits[0] >> FLIT_CORE_SHIFT) - 1
    left, waits, popped, free = line.left, line.waits, line.popped, mesh.free
    event_depth, row = popped.size, length + 1
    size = left.size // waits.size * row  # a row for each of the last D flits
    _clear(now, row, size, line)
    taken_until, most = now, np.int64(1)
    if core >= 0:
        taken_until, most = free[core], max(most, mesh.events_most[core])
    sent = last_left = now - 1
    waited = told = at_core = worked = place = event = 0
    whose = unit[0]
    before = size - row
    for k in range(flits.size):
        if unit[k] != whose:
            mesh.unit_waits[whose] += waited - told
            whose, told = unit[k], waited
        earliest = max(ready[k], sent + 1)
        sent = entered = max(earliest, left[place + 1] + 1)
        waited += sent - earliest
        for j in range(1, length):
            at_head = max(entered, left[before + j]) + 1
            entered = max(at_head, left[place + j + 1] + 1)
            waits[j] += entered - at_head
            left[place + j] = entered
        at_head = max(entered, last_left) + 1
        last_left = max(at_head, popped[event] + 1) if core >= 0 else at_head
        left[place + length] = last_left
        before, place = place, place + row if place + row < size else 0
        if core >= 0:
            at_core += last_left - at_head
            while most < event_depth and popped[event - most] > last_left:
                most += 1  # the event that came so many before this one still waits
            cycles = flits[k] & FLIT_CYCLES
            taken_at = max(last_left + 1, taken_until)
            popped[event], taken_until = taken_at, taken_at + cycles
            worked += cycles
            event = event + 1 if event + 1 < event_depth else 0
        elif mesh.outputs[0].first_cycle < 0:
            mesh.outputs[0].first_cycle = last_left
    waits[length] = at_core
    mesh.send_waits[sender] += waited
    mesh.unit_waits[whose] += waited - told
    mesh.sent[sender] += flits.size
    _count_links(length, flits.size, core >= 0, mesh, line)
    if core >= 0:
        mesh.events_most[core], free[core] = most, taken_until
        mesh.walk[core] += worked
        mesh.taken[core] += flits.size
    else:
        outputs = mesh.outputs[0]
        outputs.spikes += flits.size
        outputs.last_cycle = last_left
    end = last_left + 1
    for other in range(free.size):
        end = max(end, free[other])
    return end


@inlined
def _clear(now: int, row: int, size: int, line: Line) -> None:
    """Note that nothing waits, and that everything has left before `now`."""
    for j in range(row):
        line.waits[j] = 0
    for at in range(size):
        line.left[at] = now - 1
    for event in range(line.popped.size):
        line.popped[event] = now - 1


@inlined
def _count_links(length: int, flits: int, to_core: bool, mesh: Mesh, line: Line) -> None:
    """Count flits and waits of every link of the line."""
    for j in range(1, length + 1):
        link = line.links[j]
        mesh.link_flits[link] += flits
        mesh.link_waits[link] += line.waits[j]
        if to_core and j == length:
            mesh.waits[0].event_fifos += line.waits[j]
        else:
            mesh.waits[0].links += line.waits[j]
        mesh.served[link] = line.ports[j]
