"""The state of routers and cores, and what is counted of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.mesh import PORTS
from .records import LENGTHS, MOVE, OUTPUTS, WAIT, WAITS


class Work(NamedTuple):
    """Lists of a cycle, made once: a phase may last a few cycles only.

    `live`, `sending` and `loaded` are kept from cycle to cycle, the others are made in each.
    """

    first_unsent: np.ndarray  # (senders) the first flit that was not sent
    sending: np.ndarray  # (senders) those that still have flits
    sends: np.ndarray  # (senders) those that send in this cycle
    stalls: np.ndarray  # (senders) those that wait in this cycle
    loaded: np.ndarray  # (cores) those with events
    pops: np.ndarray  # (cores) those that take one in this cycle
    live: np.ndarray  # (routers) those with flits
    is_live: np.ndarray  # (routers)
    moves: np.ndarray  # (FIFOs) of MOVE
    waits: np.ndarray  # (FIFOs) of WAIT
    wanting: np.ndarray  # (ports) bit mask of the inputs that want an output
    lengths: np.ndarray  # (1) of LENGTHS, of the lists


class Mesh(NamedTuple):
    """The state of all routers and event FIFOs, empty between phases, and what was counted.

    FIFO number router * PORTS + port holds `held` flits from `head` on.
    """

    fifo: np.ndarray  # (FIFOs, depth) flits
    head: np.ndarray  # (FIFOs)
    held: np.ndarray  # (FIFOs)
    pending: np.ndarray  # (FIFOs) outputs (bit mask) that a multicast head still wants; 0: unknown
    occupied: np.ndarray  # (routers) bit mask of the ports that hold flits
    served: np.ndarray  # (FIFOs) for output `port` of a router: the input it served last
    link_free: np.ndarray  # (FIFOs) for output `port` of a router: first cycle it can be used
    events: np.ndarray  # (cores, depth) cycles of each waiting event
    events_head: np.ndarray  # (cores)
    events_count: np.ndarray  # (cores)
    free: np.ndarray  # (cores) first cycle in which the core can take an event
    link_flits: np.ndarray  # (FIFOs) for output `port` of a router: flits sent
    link_waits: np.ndarray  # (FIFOs) and cycles that heads waited for it, summed over heads
    walk: np.ndarray  # (cores) cycles in rows and taps
    taken: np.ndarray  # (cores) events and partial sums taken
    events_most: np.ndarray  # (cores) most events waiting at once
    sent: np.ndarray  # (senders) flits sent
    send_waits: np.ndarray  # (senders) cycles that a ready flit waited for the router
    unit_waits: np.ndarray  # (units) the same by what had sent it
    outputs: np.ndarray  # (1) of OUTPUTS
    waits: np.ndarray  # (1) of WAITS; their sum is that of link_waits
    work: Work  # scratch


def new_mesh(routers: int, cores: int, units: int, depth: int, event_depth: int) -> Mesh:
    """Return an empty mesh."""

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.int64)

    ports = routers * PORTS
    return Mesh(
        fifo=zeros(ports, depth),
        head=zeros(ports),
        held=zeros(ports),
        pending=zeros(ports),
        occupied=zeros(routers),
        served=zeros(ports),
        link_free=zeros(ports),
        events=zeros(cores, event_depth),
        events_head=zeros(cores),
        events_count=zeros(cores),
        free=zeros(cores),
        link_flits=zeros(ports),
        link_waits=zeros(ports),
        walk=zeros(cores),
        taken=zeros(cores),
        events_most=zeros(cores),
        sent=zeros(cores + 1),
        send_waits=zeros(cores + 1),
        unit_waits=zeros(units),
        outputs=np.array([(0, -1, -1)], OUTPUTS),
        waits=np.zeros(1, WAITS),
        work=Work(
            first_unsent=zeros(cores + 1),
            sending=zeros(cores + 1),
            sends=zeros(cores + 1),
            stalls=zeros(cores + 1),
            loaded=zeros(cores),
            pops=zeros(cores),
            live=zeros(routers),
            is_live=np.zeros(routers, bool),
            moves=np.zeros(ports, MOVE),
            waits=np.zeros(ports, WAIT),
            wanting=zeros(PORTS),
            lengths=np.zeros(1, LENGTHS),
        ),
    )
