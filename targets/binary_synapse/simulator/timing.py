"""When everything happens: the phases of each step, and what each unit sends in them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bound import bound_phase
from .compiled import compiled, inlined
from .image import CHANNELS, COLUMN_TAPS, COLUMNS, DENSE, FANOUT, HELPS, ROW_TAPS, ROWS, START, WAVE
from .lone_sender import Places, run_lone_sender
from .mesh import FLIT_CORE_SHIFT, Mesh, run_phase

EVERY_CYCLE, SHORTCUTS, BOUND = range(3)
"""How timing is found out: all three count the same events."""


class Timing(NamedTuple):
    """The cycles of one sample; what cores and links did is counted in the `Mesh`."""

    step_cycles: np.ndarray  # (machine steps)
    phase_cycles: np.ndarray  # (1 + waves) input phase, then each wave, summed over steps
    barrier_cycles: int
    core_phase: np.ndarray  # (cores) cycles in neuron phases
    phase_times: np.ndarray  # (machine steps, turns, 2) first cycle, first quiet cycle
    core_times: np.ndarray  # (machine steps, turns, cores, 3) walk cycles, events, cycle in which
    # the last one ends; (0, ...) where not asked for
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
    steps, n_units = begin.shape
    n_cores = clock.phase_cycles.size
    machine_steps, turns = steps, 1 + clock.waves
    if clock.pipelined:
        machine_steps, turns = steps + clock.waves, 1
    step_cycles = np.zeros(machine_steps, np.int64)
    phase_cycles = np.zeros(1 + clock.waves, np.int64)
    core_phase = np.zeros(n_cores, np.int64)
    phase_times = np.zeros((machine_steps, turns, 2), np.int64)
    core_times = np.zeros((machine_steps if with_times else 0, turns, n_cores, 3), np.int64)
    first, last = np.zeros((turns, n_units), np.int64), np.zeros((turns, n_units), np.int64)
    flits, ready = np.empty(1024, np.int64), np.empty(1024, np.int64)
    walked, taken = mesh.walk.copy(), mesh.taken.copy()
    now, barriers = 0, 0

    for step in range(machine_steps):
        started = now
        flits, ready = queue_step(image, clock, step, begin, end, ids, slots, first, last,
                                   flits, ready)  # fmt: skip
        for turn in range(turns):
            fired = _fire(image.cores, clock.unit_lag, clock.phase_cycles, clock.pipelined,
                          clock.walks_in_phase, step, steps, turn, now, mesh.free,
                          core_phase)  # fmt: skip
            senders, lone = 0, 0
            for unit in range(n_units):
                if first[turn, unit] < last[turn, unit]:
                    senders, lone = senders + 1, unit
                for at in range(first[turn, unit], last[turn, unit]):
                    ready[at] += now
            if method == BOUND:
                quiet = bound_phase(
                    now, clock.unit_router, clock.router_x, clock.router_y, mesh, first[turn],
                    last[turn], flits, ready,
                )  # fmt: skip
            elif method == SHORTCUTS and senders == 1:
                quiet = run_lone_sender(
                    now, lone, clock.columns, clock.unit_router, clock.router_x, clock.router_y,
                    clock.link_cycles, mesh, places, first[turn, lone], last[turn, lone], flits,
                    ready,
                )  # fmt: skip
            else:
                quiet = run_phase(
                    now, clock.columns, clock.unit_router, clock.router_core, clock.router_x,
                    clock.router_y, clock.link_cycles, mesh, first[turn], last[turn], flits, ready,
                )  # fmt: skip
            if quiet < 0:
                return Timing(step_cycles, phase_cycles, barriers, core_phase, phase_times,
                              core_times, -1 - quiet)  # fmt: skip
            quiet = max(quiet, now + fired)
            phase_times[step, turn] = (now, quiet)
            if with_times:
                for core in range(n_cores):
                    core_times[step, turn, core, 0] = mesh.walk[core] - walked[core]
                    core_times[step, turn, core, 1] = mesh.taken[core] - taken[core]
                    core_times[step, turn, core, 2] = mesh.free[core]
                walked[:], taken[:] = mesh.walk, mesh.taken
            phase_cycles[turn] += quiet - now
            now = quiet + clock.barrier_cycles
            barriers += clock.barrier_cycles
        step_cycles[step] = now - started
    return Timing(
        step_cycles, phase_cycles, barriers, core_phase, phase_times, core_times, -1
    )  # fmt: skip


@compiled
def _fire(
    cores: Any, lag: Any, cycles: Any, pipelined: bool, walks_in_phase: bool,
    step: int, steps: int, turn: int, now: int, free: Any, core_phase: Any,
) -> int:  # fmt: skip
    """Start the neuron phases of this turn; return how long the longest lasts."""
    longest = 0
    for core in range(cycles.size):
        free[core] = now
        if 0 <= step - lag[core] < steps and (pipelined or cores[core, WAVE] == turn - 1):
            core_phase[core] += cycles[core]
            longest = max(longest, cycles[core])
            if not walks_in_phase:
                free[core] = now + cycles[core]
    return longest


@compiled
def queue_step(
    image: Any, clock: Any, step: int, begin: Any, end: Any, ids: Any, slots: Any,
    first: Any, last: Any, flits: Any, ready: Any,
) -> Any:  # fmt: skip
    """List what each unit sends in each turn of a step; `ready` counts from the turn's start.

    Turn 0 sends the input and what was held in history; a core's own turn (turn 0 when pipelined)
    sends its fresh spikes, each ready once its group of neurons is computed.
    """
    cores, units, banks, table = image.cores, image.units, image.banks, image.table
    routes, unit_route, lag = clock.routes, clock.unit_route, clock.unit_lag
    first_spike, group_cycles = clock.first_spike, clock.group_cycles
    event_overhead, walk_cycles, lanes = (
        clock.event_overhead_cycles, clock.walk_cycles, clock.lanes
    )  # fmt: skip
    steps, n_units = begin.shape
    n_cores = first_spike.size
    used = 0
    for turn in range(first.shape[0]):
        for unit in range(n_units):
            first[turn, unit] = used
            own_turn = 0 if clock.pipelined or unit >= n_cores else cores[unit, WAVE] + 1
            is_core = unit < n_cores
            if is_core and cores[unit, HELPS] >= 0:
                if turn == own_turn and 0 <= step - lag[unit] < steps:
                    flit = (cores[unit, HELPS] + 1) << FLIT_CORE_SHIFT | clock.partial_sum_cycles
                    flits, ready = _with_room(flits, ready, used + clock.neurons[unit])
                    for slot in range(clock.neurons[unit]):  # whatever its value
                        flits[used] = flit
                        ready[used] = first_spike[unit] + slot // clock.group * group_cycles[unit]
                        used += 1
                last[turn, unit] = used
                continue
            plane, width = units[unit, 2] * units[unit, 3], units[unit, 3]
            low, stop = unit_route[unit], unit_route[unit + 1]
            # Held spikes leave first, the oldest last; routes are sorted by steps held.
            fresh = low
            while fresh < stop and routes[fresh, 8] == 0:
                fresh += 1
            at = fresh if turn == 0 else stop
            fresh_done = turn != own_turn
            while at < stop or not fresh_done:
                if at < stop:
                    run = at
                    hold = routes[at, 8]
                    while at < stop and routes[at, 8] == hold:
                        at += 1
                    run_end = at
                else:
                    fresh_done = True
                    run, run_end, hold = low, fresh, 0
                sent = step - lag[unit] - hold
                if run == run_end or not 0 <= sent < steps:
                    continue
                most = (end[sent, unit] - begin[sent, unit]) * (run_end - run)
                flits, ready = _with_room(flits, ready, used + most)
                for e in range(begin[sent, unit], end[sent, unit]):
                    source = np.int64(ids[e])
                    c, y, x = source, 0, 0
                    if plane > 1:
                        c = source // plane
                        y = (source - c * plane) // width
                        x = source - c * plane - y * width
                    when = 0
                    if hold == 0 and is_core:
                        when = first_spike[unit] + slots[e] // clock.group * group_cycles[unit]
                    for r in range(run, run_end):
                        if not (
                            sent + routes[r, 9] < steps
                            and routes[r, 2] <= c < routes[r, 3]
                            and routes[r, 4] <= y < routes[r, 5]
                            and routes[r, 6] <= x < routes[r, 7]
                        ):
                            continue
                        cycles = 0
                        if routes[r, 0] >= 0:
                            walks, neurons = _walks(table, banks[routes[r, 1]], source, c, y, x)
                            groups = (neurons + lanes - 1) // lanes
                            # The pop alone takes a cycle.
                            cycles = max(1, event_overhead + walks * groups * walk_cycles)
                        flits[used] = (routes[r, 0] + 1) << FLIT_CORE_SHIFT | cycles
                        ready[used] = when
                        used += 1
            last[turn, unit] = used
    return flits, ready


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


@inlined
def _with_room(flits: Any, ready: Any, used: Any) -> Any:
    if used > flits.size:
        flits = np.concatenate((flits, np.empty(used, np.int64)))
        ready = np.concatenate((ready, np.empty(used, np.int64)))
    return flits, ready
