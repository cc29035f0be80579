"""When everything happens: the phases of each step, one after another."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from .bound import bound_phase
from .compiled import compiled, inlined, uncounted
from .events import Events
from .image import Image
from .lone_sender import Departures, run_lone_sender
from .mesh import run_phase
from .one_way import Sends
from .records import CAUSES, CORE_TIME, PHASE_TIME
from .sending import Queue, is_fired, most_flits, queue_step
from .state import Mesh
from .timing_tables import TimingTables


class Engine(IntEnum):
    """How the cycles of a phase are found: all three count the same events.

    Each is a function of (now, tables, mesh, flits to send) that returns the first quiet cycle, or
    -1 - cycle of a deadlock.
    """

    EVERY_CYCLE = 0
    """`mesh.run_phase`: one cycle after another."""
    SHORTCUTS = 1
    """The same result; a phase with one sender goes flit by flit (`lone_sender.py`)."""
    BOUND = 2
    """`bound.bound_phase`: at most as many cycles, and no waits."""


class Timing(NamedTuple):
    """The cycles of one sample; what cores and links did is counted in the `Mesh`."""

    step_cycles: np.ndarray  # (machine steps)
    phase_times: np.ndarray  # (machine steps, phases) of PHASE_TIME
    step_causes: np.ndarray  # (machine steps) of CAUSES
    block_phase: np.ndarray  # (blocks) cycles in neuron phases
    block_walk: np.ndarray  # (blocks) cycles of events and partial sums
    core_shared: np.ndarray  # (cores) banks that events served beyond the first of each
    core_times: np.ndarray  # (machine steps, phases, cores) of CORE_TIME; (0, ...) where not asked
    forks: np.ndarray  # (1) copies of multicast flits beyond the first
    deadlock: np.ndarray  # (1) cycle from which on nothing could ever move again, -1 without


@compiled
def simulate_timing(
    image: Image,
    tables: TimingTables,
    mesh: Mesh,
    departures: Departures,
    engine: Engine,
    events: Events,
    with_times: bool,
) -> Timing:
    """Replay the events of one sample through an empty machine.

    engine: how its cycles are found.
    """
    n_blocks, n_cores, n_senders = tables.block_core.size, mesh.free.size, tables.sender_router.size
    machine_steps, phases = events.begin.shape[0], 1 + tables.waves
    if tables.pipelined:
        machine_steps, phases = machine_steps + tables.waves, 1
    most, most_branches = most_flits(tables, image, events)
    queue = Queue(
        np.zeros((phases, n_senders), np.int64),
        np.zeros((phases, n_senders), np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int32),
        np.empty(most_branches, np.int64),
    )
    done = Timing(
        np.zeros(machine_steps, np.int64),
        np.zeros((machine_steps, phases), PHASE_TIME),
        np.zeros(machine_steps, CAUSES),
        np.zeros(n_blocks, np.int64),
        np.zeros(n_blocks, np.int64),
        np.zeros(n_cores, np.int64),
        np.zeros((machine_steps if with_times else 0, phases, n_cores), CORE_TIME),
        np.zeros(1, np.int64),
        np.full(1, -1, np.int64),
    )
    _run_steps(image, tables, mesh, departures, engine, events, queue, done)
    return done


@uncounted
def _run_steps(
    image: Image,
    tables: TimingTables,
    mesh: Mesh,
    departures: Departures,
    engine: Engine,
    events: Events,
    queue: Queue,
    done: Timing,
) -> None:
    """Fill in what was done; here, because counting references would cost more than the work."""
    times, causes, core_times = done.phase_times, done.step_causes, done.core_times
    steps, phases, free = events.begin.shape[0], queue.first.shape[0], mesh.free
    now: Any = np.int64(0)  # not a literal, of which the compiler would make a version of its own
    for step in range(times.shape[0]):
        if step == 0 or tables.in_turns:  # every arbiter is at rest
            mesh.served[:] = 0
            mesh.link_free[:] = 0
            departures.left[:] = -1
            departures.last_left[:] = -1
            departures.popped[:] = -1
        _count(causes[step], -1, mesh, done.block_phase)
        done.step_cycles[step] -= now
        done.forks[0] += queue_step(
            image, tables, step, events, queue, done.block_walk, done.core_shared
        )
        for phase in range(phases):
            times[step, phase].first = now
            for core in range(free.size if core_times.size else 0):
                core_times[step, phase, core].walk -= mesh.walk[core]
                core_times[step, phase, core].events -= mesh.taken[core]
            fired = _fire(tables, image.blocks, step, steps, phase, now, free, done.block_phase)
            quiet = _send(now, phase, tables, mesh, departures, engine, queue)
            if quiet < 0:
                done.deadlock[0] = -1 - quiet
                return
            quiet = max(quiet, fired)
            times[step, phase].quiet = quiet
            for core in range(free.size if core_times.size else 0):
                core_times[step, phase, core].walk += mesh.walk[core]
                core_times[step, phase, core].events += mesh.taken[core]
                core_times[step, phase, core].end = free[core]
            now = quiet + tables.barrier_cycles
        done.step_cycles[step] += now
        _count(causes[step], 1, mesh, done.block_phase)


@inlined
def _send(
    now: int,
    phase: int,
    tables: TimingTables,
    mesh: Mesh,
    departures: Departures,
    engine: Engine,
    queue: Queue,
) -> Any:
    """Deliver the flits of a phase; return the first quiet cycle, or -1 - cycle of a deadlock."""
    first, last, free = queue.first[phase], queue.last[phase], mesh.free
    senders = lone = 0
    for sender in range(first.size):
        if first[sender] < last[sender]:
            senders, lone = senders + 1, sender
        waiting = queue.ready[first[sender] : last[sender]]
        for at in range(waiting.size):  # a slice, so that it becomes vectors
            waiting[at] += now
    if senders == 0 and engine != Engine.EVERY_CYCLE:
        quiet = now
        for core in range(free.size):
            quiet = max(quiet, free[core])
    elif engine == Engine.BOUND:
        quiet = bound_phase(now, tables, mesh, first, last, queue)
    elif engine == Engine.SHORTCUTS and senders == 1:
        low, high = first[lone], last[lone]
        sends = Sends(queue.flits[low:high], queue.ready[low:high], queue.unit[low:high])
        quiet = run_lone_sender(now, lone, tables, mesh, departures, sends, queue.branches)
    else:
        quiet = run_phase(now, tables, mesh, first, last, queue)
    return quiet


@inlined
def _count(causes: Any, sign: int, mesh: Mesh, block_phase: np.ndarray) -> None:
    """Add what was counted so far, or subtract it."""
    for core in range(mesh.walk.size):
        causes.walk += sign * mesh.walk[core]
    for block in range(block_phase.size):
        causes.neuron_phase += sign * block_phase[block]
    for sender in range(mesh.send_waits.size):
        causes.send_waits += sign * mesh.send_waits[sender]
    causes.event_fifo_waits += sign * mesh.waits[0].event_fifos
    causes.link_waits += sign * mesh.waits[0].links


@inlined
def _fire(
    tables: TimingTables,
    blocks: np.ndarray,
    step: int,
    steps: int,
    phase: int,
    now: int,
    free: np.ndarray,
    block_phase: np.ndarray,
) -> int:
    """Start the neuron phases of this phase, block after block in each core; return their end.

    The overhead of a phase is counted with the first of its blocks.
    """
    latest = now
    for core in range(free.size):
        free[core] = done = now
        for at in range(tables.sender_unit[core], tables.sender_unit[core + 1]):
            block = tables.members[at]
            if is_fired(blocks, tables, block, step, steps, phase):
                cycles = tables.block_cycles[block]
                if done == now:
                    cycles += tables.phase_overhead_cycles
                block_phase[block] += cycles
                done += cycles
        latest = max(latest, done)
        if not tables.walks_in_phase:
            free[core] = done
    return latest
