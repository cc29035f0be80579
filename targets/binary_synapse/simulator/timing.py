"""When everything happens: the phases of each step, and what each sender sends in them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .behaviour import box_covers, with_room
from .bound import bound_phase
from .clockwork import CORES, DELAY, FIRST_TARGET, FROM_BOX, HOLD, LAST_TARGET
from .compiled import compiled, inlined, uncounted
from .flits import FLIT_CORE_SHIFT
from .image import (
    CHANNELS,
    COLUMN_TAPS,
    COLUMNS,
    DENSE,
    FANOUT,
    HELPS,
    PLAIN,
    ROW_TAPS,
    ROWS,
    START,
    WAVE,
)
from .lone_sender import Places, run_lone_sender
from .mesh import Mesh, run_phase

EVERY_CYCLE, SHORTCUTS, BOUND = range(3)
"""How timing is found out: all three count the same events."""


class Timing(NamedTuple):
    """The cycles of one sample; what cores and links did is counted in the `Mesh`."""

    step_cycles: np.ndarray  # (machine steps)
    phase_cycles: np.ndarray  # (1 + waves) input phase, then each wave, summed over steps
    barrier_cycles: int
    block_phase: np.ndarray  # (blocks) cycles in neuron phases
    block_walk: np.ndarray  # (blocks) cycles of events and partial sums
    core_shared: np.ndarray  # (cores) banks that events served beyond the first of each
    phase_times: np.ndarray  # (machine steps, turns, 2) first cycle, first quiet cycle
    core_times: np.ndarray  # (machine steps, turns, cores, 3) walk cycles, events, cycle in which
    # the last one ends; (0, ...) where not asked for
    forks: int  # copies of multicast flits beyond the first
    deadlock: int  # cycle in which nothing could ever move again, -1 without


@compiled
def simulate_timing(
    image: Any, clock: Any, mesh: Mesh, places: Places, method: int,
    begin: Any, end: Any, ids: Any, slots: Any, with_times: bool,
) -> Timing:  # fmt: skip
    """Replay the events of one sample (see `Behaviour`) through an empty machine.

    method: EVERY_CYCLE and SHORTCUTS (phases with one sender flit by flit) give the same result;
    BOUND gives at most as many cycles, and no waits.
    """
    mesh.link_free[:] = 0
    places.left[:] = -1
    places.last_left[:] = -1
    places.popped[:] = -1
    steps = begin.shape[0]
    n_blocks, n_cores, n_senders = clock.block_core.size, mesh.free.size, clock.sender_router.size
    machine_steps, turns = steps, 1 + clock.waves
    if clock.pipelined:
        machine_steps, turns = steps + clock.waves, 1
    step_cycles = np.zeros(machine_steps, np.int64)
    phase_cycles = np.zeros(1 + clock.waves, np.int64)
    block_phase, block_walk = np.zeros(n_blocks, np.int64), np.zeros(n_blocks, np.int64)
    core_shared = np.zeros(n_cores, np.int64)
    phase_times = np.zeros((machine_steps, turns, 2), np.int64)
    core_times = np.zeros((machine_steps if with_times else 0, turns, n_cores, 3), np.int64)
    first, last = np.zeros((turns, n_senders), np.int64), np.zeros((turns, n_senders), np.int64)
    flits, ready = np.empty(1024, np.int64), np.empty(1024, np.int64)
    branches = np.empty(1024, np.int64)
    walked, taken = mesh.walk.copy(), mesh.taken.copy()
    # Not literals, of which the compiler would make versions of their own.
    none: Any = np.int64(0)
    now, barriers, forks = none, none, none

    # Locals: references are counted at each access to a tuple's member, and at each call for all.
    sender_unit, members, blocks = clock.sender_unit, clock.members, image.blocks
    lag, block_cycles, link_cycles = clock.unit_lag, clock.block_cycles, clock.link_cycles
    router, router_core = clock.sender_router, clock.router_core
    router_x, router_y, free = clock.router_x, clock.router_y, mesh.free

    for step in range(machine_steps):
        started = now
        flits, ready, branches, branched = queue_step(
            image, clock, step, begin, end, ids, slots, first, last, flits, ready, branches,
            block_walk, core_shared,
        )  # fmt: skip
        if branched:
            for at in range(last[turns - 1, n_senders - 1]):
                forks += branches[-1 - flits[at]] - 1 if flits[at] < 0 else 0
        for turn in range(turns):
            fired = _fire(
                sender_unit, members, blocks, lag, block_cycles, clock.phase_overhead_cycles,
                clock.pipelined, clock.walks_in_phase, step, steps, turn, now, free, block_phase,
            )  # fmt: skip
            senders, lone = 0, none
            for sender in range(n_senders):
                if first[turn, sender] < last[turn, sender]:
                    senders, lone = senders + 1, sender
                waiting = ready[first[turn, sender] : last[turn, sender]]
                for at in range(waiting.size):
                    waiting[at] += now
            if senders == 0 and method != EVERY_CYCLE:
                quiet = now
                for core in range(n_cores):
                    quiet = max(quiet, free[core])
            elif method == BOUND:
                quiet = bound_phase(
                    now, router, router_x, router_y, mesh, first[turn], last[turn], flits, ready,
                    branches,
                )  # fmt: skip
            elif method == SHORTCUTS and senders == 1:
                quiet = run_lone_sender(
                    now, lone, clock.columns, router, router_core, router_x, router_y, link_cycles,
                    mesh, places, first[turn, lone], last[turn, lone], flits, ready, branches,
                )  # fmt: skip
            else:
                quiet = run_phase(
                    now, clock.columns, router, router_core, router_x, router_y, link_cycles, mesh,
                    first[turn], last[turn], flits, ready, branches,
                )  # fmt: skip
            if quiet < 0:
                return Timing(step_cycles, phase_cycles, barriers, block_phase, block_walk,
                              core_shared, phase_times, core_times, forks, -1 - quiet)  # fmt: skip
            quiet = max(quiet, fired)
            phase_times[step, turn] = (now, quiet)
            if with_times:
                for core in range(n_cores):
                    core_times[step, turn, core, 0] = mesh.walk[core] - walked[core]
                    core_times[step, turn, core, 1] = mesh.taken[core] - taken[core]
                    core_times[step, turn, core, 2] = free[core]
                    walked[core], taken[core] = mesh.walk[core], mesh.taken[core]
            phase_cycles[turn] += quiet - now
            now = quiet + clock.barrier_cycles
            barriers += clock.barrier_cycles
        step_cycles[step] = now - started
    return Timing(
        step_cycles, phase_cycles, barriers, block_phase, block_walk, core_shared, phase_times,
        core_times, forks, -1,
    )  # fmt: skip


@inlined
def _is_fired(
    blocks: Any, lag: Any, pipelined: Any, block: Any, step: Any, steps: Any, turn: Any
) -> Any:
    own_turn = 0 if pipelined else blocks[block, WAVE] + 1
    return turn == own_turn and 0 <= step - lag[block] < steps


@uncounted
def _fire(
    sender_unit: Any, members: Any, blocks: Any, lag: Any, block_cycles: Any, overhead: int,
    pipelined: bool, walks_in_phase: bool, step: int, steps: int, turn: int, now: int, free: Any,
    block_phase: Any,
) -> int:  # fmt: skip
    """Start the neuron phases of this turn, block after block in each core; return their end.

    The overhead of a phase is counted with the first of its blocks.
    """
    latest = now
    for core in range(free.size):
        free[core] = done = now
        for at in range(sender_unit[core], sender_unit[core + 1]):
            block = members[at]
            if _is_fired(blocks, lag, pipelined, block, step, steps, turn):
                cycles = block_cycles[block]
                if done == now:
                    cycles += overhead
                block_phase[block] += cycles
                done += cycles
        latest = max(latest, done)
        if not walks_in_phase:
            free[core] = done
    return latest


@compiled
def queue_step(
    image: Any, clock: Any, step: int, begin: Any, end: Any, ids: Any, slots: Any,
    first: Any, last: Any, flits: Any, ready: Any, branches: Any, block_walk: Any, core_shared: Any,
) -> Any:  # fmt: skip
    """List what each sender sends in each turn of a step; `ready` counts from the turn's start.

    Turn 0 sends the input and what was held in history; a block's own turn (turn 0 when
    pipelined) sends its fresh spikes, each ready once its group of neurons is computed.
    block_walk, core_shared: get the cycles that the flits will take at their destinations, and how
    many banks each serves beyond its first.
    """
    blocks, units, banks, table = image.blocks, image.units, image.banks, image.table
    members, sender_unit, routes, targets = (
        clock.members, clock.sender_unit, clock.routes, clock.targets
    )  # fmt: skip
    costs = (clock.event_overhead_cycles, clock.walk_cycles, clock.lanes, clock.group)
    neurons, block_core, pipelined = clock.neurons, clock.block_core, clock.pipelined
    hold_of, unit_route, lag = routes[:, HOLD], clock.unit_route, clock.unit_lag
    block_cycles, group_cycles = clock.block_cycles, clock.group_cycles
    steps, n_blocks = begin.shape[0], block_core.size
    none: Any = np.int64(0)  # a literal would be compiled for apart
    used, branched = none, none
    for turn in range(first.shape[0]):
        for sender in range(first.shape[1]):
            first[turn, sender] = used
            low, high = sender_unit[sender], sender_unit[sender + 1]
            for at in range(low, high if turn == 0 else low):  # held spikes, the oldest last
                unit = members[at]
                route, stop = unit_route[unit], unit_route[unit + 1]
                while route < stop:
                    run, hold = route, hold_of[route]
                    while route < stop and hold_of[route] == hold:
                        route += 1
                    sent = step - lag[unit] - hold
                    if hold > 0 and 0 <= sent < steps:
                        used, branched, flits, ready, branches = _queue_spikes(
                            units[unit], routes, targets, banks, table, costs, unit, run, route,
                            sent, begin, end, ids, slots, none, none, used, branched, flits, ready,
                            branches, block_walk, core_shared,
                        )  # fmt: skip
            done = clock.phase_overhead_cycles
            for at in range(low, high):
                unit, after, each = members[at], none, none
                if unit < n_blocks:
                    if not _is_fired(blocks, lag, pipelined, unit, step, steps, turn):
                        continue
                    each = group_cycles[unit]
                    after, done = done + each, done + block_cycles[unit]
                    owner = blocks[unit, HELPS]
                    if owner >= 0:
                        cycles = clock.partial_sum_cycles
                        flit = (block_core[owner] + 1) << FLIT_CORE_SHIFT | cycles
                        flits = with_room(flits, used, neurons[unit])
                        ready = with_room(ready, used, neurons[unit])
                        for slot in range(neurons[unit]):  # whatever its value
                            flits[used] = flit
                            ready[used] = after + slot // clock.group * each
                            used += 1
                        block_walk[owner] += neurons[unit] * cycles
                        continue
                elif turn > 0 or step >= steps:
                    continue
                route = run = unit_route[unit]
                while route < unit_route[unit + 1] and hold_of[route] == 0:
                    route += 1
                if route == run:
                    continue
                sent, target = step - lag[unit], routes[run, FIRST_TARGET]
                if (
                    route - run == 1
                    and routes[run, LAST_TARGET] - target == 1
                    and (targets[target, 0] < 0 or banks[targets[target, 1], DENSE] == 1)
                ):
                    if sent + routes[run, DELAY] >= steps:
                        continue
                    low_event, high_event = begin[sent, unit], end[sent, unit]
                    if used + high_event - low_event > flits.size:
                        flits = with_room(flits, used, high_event - low_event)
                        ready = with_room(ready, used, high_event - low_event)
                    used = _queue_along(
                        costs, units[unit], routes[run, FROM_BOX : FROM_BOX + 6], targets[target],
                        banks[targets[target, 1]], table, ids[low_event:high_event],
                        slots[low_event:high_event], after, each, used, flits, ready, block_walk,
                    )  # fmt: skip
                    continue
                used, branched, flits, ready, branches = _queue_spikes(
                    units[unit], routes, targets, banks, table, costs, unit, run, route, sent,
                    begin, end, ids, slots, after, each, used, branched, flits, ready, branches,
                    block_walk, core_shared,
                )  # fmt: skip
            last[turn, sender] = used
    return flits, ready, branches, branched


@compiled
def _queue_spikes(
    grid: Any, routes: Any, targets: Any, banks: Any, table: Any, costs: Any, unit: int, run: int,
    run_end: int, sent: int, begin: Any, end: Any, ids: Any, slots: Any, after: int, each: int,
    used: int, branched: int, flits: Any, ready: Any, branches: Any, block_walk: Any,
    core_shared: Any,
) -> Any:  # fmt: skip
    """Append the flits of a unit's spikes of step `sent` along routes run to run_end - 1.

    A core walks all banks that a flit is for, one after another; the overhead of the event is
    counted with the block of the first.
    The spikes of the first group are ready `after` cycles into the turn, of the others `each` more.
    """
    overhead, walk_cycles, lanes, group = costs
    steps, plane, width = begin.shape[0], grid[2] * grid[3], grid[3]
    most = (end[sent, unit] - begin[sent, unit]) * (run_end - run)
    flits, ready = with_room(flits, used, most), with_room(ready, used, most)
    for e in range(begin[sent, unit], end[sent, unit]):
        source = np.int64(ids[e])
        c, y, x = source, 0, 0
        if plane > 1:
            c = source // plane
            y = (source - c * plane) // width
            x = source - c * plane - y * width
        when = after + slots[e] // group * each
        for r in range(run, run_end):
            if not (
                sent + routes[r, DELAY] < steps
                and routes[r, FROM_BOX] <= c < routes[r, FROM_BOX + 1]
                and routes[r, FROM_BOX + 2] <= y < routes[r, FROM_BOX + 3]
                and routes[r, FROM_BOX + 4] <= x < routes[r, FROM_BOX + 5]
            ):
                continue
            target, stop = routes[r, FIRST_TARGET], routes[r, LAST_TARGET]
            copies = routes[r, CORES]
            if copies > 1:
                branches = with_room(branches, branched, 1 + copies)
                branches[branched] = copies
                flits[used] = -1 - branched
                branched += 1
            while target < stop:
                core, first, cycles = targets[target, 0], target, 0
                while target < stop and targets[target, 0] == core:
                    if core >= 0:
                        walks, neurons = _walks(table, banks[targets[target, 1]], source, c, y, x)
                        walk = walks * ((neurons + lanes - 1) // lanes) * walk_cycles
                        block_walk[targets[target, 2]] += walk
                        cycles += walk
                    target += 1
                if core >= 0:
                    more = max(overhead, 1 - cycles)  # the pop alone takes a cycle
                    block_walk[targets[first, 2]] += more
                    core_shared[core] += target - first - 1
                    cycles += more
                flit = (core + 1) << FLIT_CORE_SHIFT | cycles
                if copies > 1:
                    branches[branched] = flit
                    branched += 1
                else:
                    flits[used] = flit
            ready[used] = when
            used += 1
    return used, branched, flits, ready, branches


@uncounted
def _queue_along(
    costs: Any, grid: Any, box: Any, target: Any, bank: Any, table: Any, ids: Any, slots: Any,
    after: int, each: int, used: int, flits: Any, ready: Any, block_walk: Any,
) -> int:  # fmt: skip
    """Do what `_queue_spikes` does along one route to one dense bank or to the host."""
    overhead, walk_cycles, lanes, group = costs
    plane, width = grid[2] * grid[3], grid[3]
    low_c, high_c, low_y, high_y, low_x, high_x = box
    leaves = target[0] < 0
    flit, starts = (target[0] + 1) << FLIT_CORE_SHIFT, bank[START]
    groups = (bank[CHANNELS] * bank[ROWS] * bank[COLUMNS] + lanes - 1) // lanes
    each_row, walked, group_end = groups * walk_cycles, 0, np.int64(group)
    plain = box_covers(box, grid) and (leaves or bank[PLAIN] == 1)
    same = max(1, overhead + each_row)
    for e in range(ids.size):
        if each:
            while slots[e] >= group_end:  # spikes come in the order of the groups
                group_end, after = group_end + group, after + each
        cycles = 0 if leaves else same
        if not plain:
            source = np.int64(ids[e])
            c, y, x = source, 0, 0
            if plane > 1:
                c = source // plane
                y = (source - c * plane) // width
                x = source - c * plane - y * width
            if not (low_c <= c < high_c and low_y <= y < high_y and low_x <= x < high_x):
                continue
            if not leaves:
                rows = np.int64(table[starts + source + 1] - table[starts + source])
                cycles = max(1, overhead + rows * each_row)
        walked += cycles
        flits[used] = flit | cycles
        ready[used] = after
        used += 1
    if not leaves:
        block_walk[target[2]] += walked
    return used


@inlined
def _walks(table: Any, bank: Any, source: Any, c: Any, y: Any, x: Any) -> Any:
    """Return (rows or taps, neurons each adds to) of one event."""
    if bank[DENSE]:
        start = bank[START] + source
        rows = np.int64(table[start + 1] - table[start])
        return rows, bank[CHANNELS] * bank[ROWS] * bank[COLUMNS]
    ys, xs = bank[ROW_TAPS], bank[COLUMN_TAPS]
    taps = ((table[ys + y + 1] - table[ys + y]) >> 1) * ((table[xs + x + 1] - table[xs + x]) >> 1)
    return np.int64(taps), np.int64(table[bank[FANOUT] + 3 * c + 1])
