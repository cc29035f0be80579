"""When everything happens: the phases of each step, one after another."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bound import bound_phase
from .compiled import compiled, inlined, uncounted
from .lone_sender import Places, run_lone_sender
from .mesh import run_phase
from .sending import Queue, is_fired, most_flits, queue_step
from .state import Mesh

EVERY_CYCLE, SHORTCUTS, BOUND = range(3)
"""How timing is found out: all three count the same events."""

WALK, NEURON_PHASE, SEND_WAITS, EVENT_FIFO_WAITS, LINK_WAITS = range(5)
CAUSES = 5
"""What cycles of a step went to, each summed over all units that spent them so."""


class Timing(NamedTuple):
    """The cycles of one sample; what cores and links did is counted in the `Mesh`."""

    step_cycles: np.ndarray  # (machine steps)
    phase_times: np.ndarray  # (machine steps, turns, 2) first cycle, first quiet cycle
    step_causes: np.ndarray  # (machine steps, CAUSES)
    block_phase: np.ndarray  # (blocks) cycles in neuron phases
    block_walk: np.ndarray  # (blocks) cycles of events and partial sums
    core_shared: np.ndarray  # (cores) banks that events served beyond the first of each
    core_times: np.ndarray  # (machine steps, turns, cores, 3) walk cycles, events, cycle in which
    # the last one ends; (0, ...) where not asked for
    forks: np.ndarray  # (1) copies of multicast flits beyond the first
    deadlock: np.ndarray  # (1) cycle from which on nothing could ever move again, -1 without


@compiled
def simulate_timing(
    image: Any,
    clock: Any,
    mesh: Mesh,
    places: Places,
    method: int,
    begin: Any,
    end: Any,
    ids: Any,
    slots: Any,
    with_times: bool,
) -> Timing:
    """Replay the events of one sample (see `Behaviour`) through an empty machine.

    method: EVERY_CYCLE and SHORTCUTS (phases with one sender flit by flit) give the same result;
    BOUND gives at most as many cycles, and no waits.
    """
    n_blocks, n_cores, n_senders = clock.block_core.size, mesh.free.size, clock.sender_router.size
    machine_steps, turns = begin.shape[0], 1 + clock.waves
    if clock.pipelined:
        machine_steps, turns = machine_steps + clock.waves, 1
    most, most_branches = most_flits(clock, image.blocks, image.resuming, begin, end)
    queue = Queue(
        np.zeros((turns, n_senders), np.int64),
        np.zeros((turns, n_senders), np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int32),
        np.empty(most_branches, np.int64),
    )
    done = Timing(
        np.zeros(machine_steps, np.int64),
        np.zeros((machine_steps, turns, 2), np.int64),
        np.zeros((machine_steps, CAUSES), np.int64),
        np.zeros(n_blocks, np.int64),
        np.zeros(n_blocks, np.int64),
        np.zeros(n_cores, np.int64),
        np.zeros((machine_steps if with_times else 0, turns, n_cores, 3), np.int64),
        np.zeros(1, np.int64),
        np.full(1, -1, np.int64),
    )
    _run_steps(image, clock, mesh, places, method, begin, end, ids, slots, queue, done)
    return done


@uncounted
def _run_steps(
    image: Any,
    clock: Any,
    mesh: Mesh,
    places: Places,
    method: int,
    begin: Any,
    end: Any,
    ids: Any,
    slots: Any,
    queue: Queue,
    done: Timing,
) -> None:
    """Fill in what was done; here, because counting references would cost more than the work."""
    first, last, flits, ready = queue.first, queue.last, queue.flits, queue.ready
    phase_times, causes, core_times = done.phase_times, done.step_causes, done.core_times
    steps, turns, free = begin.shape[0], first.shape[0], mesh.free
    now: Any = np.int64(0)  # not a literal, of which the compiler would make a version of its own
    for step in range(phase_times.shape[0]):
        if step == 0 or clock.in_turns:  # every arbiter is at rest
            mesh.served[:] = 0
            mesh.link_free[:] = 0
            places.left[:] = -1
            places.last_left[:] = -1
            places.popped[:] = -1
        _count(causes[step], -1, mesh, done.block_phase)
        done.step_cycles[step] -= now
        done.forks[0] += queue_step(
            image, clock, step, begin, end, ids, slots, queue, done.block_walk, done.core_shared
        )
        for turn in range(turns):
            phase_times[step, turn, 0] = now
            for core in range(free.size if core_times.size else 0):
                core_times[step, turn, core, 0] -= mesh.walk[core]
                core_times[step, turn, core, 1] -= mesh.taken[core]
            fired = _fire(clock, image.blocks, step, steps, turn, now, free, done.block_phase)
            senders = lone = 0
            for sender in range(first.shape[1]):
                if first[turn, sender] < last[turn, sender]:
                    senders, lone = senders + 1, sender
                waiting = ready[first[turn, sender] : last[turn, sender]]
                for at in range(waiting.size):  # a slice, so that it becomes vectors
                    waiting[at] += now
            if senders == 0 and method != EVERY_CYCLE:
                quiet = now
                for core in range(free.size):
                    quiet = max(quiet, free[core])
            elif method == BOUND:
                quiet = bound_phase(now, clock, mesh, first[turn], last[turn], queue)
            elif method == SHORTCUTS and senders == 1:
                low, high = first[turn, lone], last[turn, lone]
                quiet = run_lone_sender(
                    now,
                    lone,
                    clock,
                    mesh,
                    places,
                    flits[low:high],
                    ready[low:high],
                    queue.unit[low:high],
                    queue.branches,
                )
            else:
                quiet = run_phase(now, clock, mesh, first[turn], last[turn], queue)
            if quiet < 0:
                done.deadlock[0] = -1 - quiet
                return
            quiet = max(quiet, fired)
            phase_times[step, turn, 1] = quiet
            for core in range(free.size if core_times.size else 0):
                core_times[step, turn, core, 0] += mesh.walk[core]
                core_times[step, turn, core, 1] += mesh.taken[core]
                core_times[step, turn, core, 2] = free[core]
            now = quiet + clock.barrier_cycles
        done.step_cycles[step] += now
        _count(causes[step], 1, mesh, done.block_phase)


@inlined
def _count(causes: Any, sign: int, mesh: Mesh, block_phase: Any) -> None:
    """Add what was counted so far, or subtract it."""
    for core in range(mesh.walk.size):
        causes[WALK] += sign * mesh.walk[core]
    for block in range(block_phase.size):
        causes[NEURON_PHASE] += sign * block_phase[block]
    for sender in range(mesh.send_waits.size):
        causes[SEND_WAITS] += sign * mesh.send_waits[sender]
    causes[EVENT_FIFO_WAITS] += sign * mesh.waits[0]
    causes[LINK_WAITS] += sign * mesh.waits[1]


@inlined
def _fire(
    clock: Any, blocks: Any, step: int, steps: int, turn: int, now: int, free: Any, block_phase: Any
) -> int:
    """Start the neuron phases of this turn, block after block in each core; return their end.

    The overhead of a phase is counted with the first of its blocks.
    """
    latest = now
    for core in range(free.size):
        free[core] = done = now
        for at in range(clock.sender_unit[core], clock.sender_unit[core + 1]):
            block = clock.members[at]
            if is_fired(blocks, clock.unit_lag, clock.pipelined, block, step, steps, turn):
                cycles = clock.block_cycles[block]
                if done == now:
                    cycles += clock.phase_overhead_cycles
                block_phase[block] += cycles
                done += cycles
        latest = max(latest, done)
        if not clock.walks_in_phase:
            free[core] = done
    return latest
