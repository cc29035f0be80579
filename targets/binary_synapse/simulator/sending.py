"""What each sender sends in a step: the flits of its spikes, in order, and when each is ready."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .compiled import inlined, uncounted
from .flits import FLIT_CORE_SHIFT
from .positions import box_covers, position
from .records import HANDED_ON, NO_BLOCK


class Queue(NamedTuple):
    """What all senders send in a step: flits[first[turn, sender]:last[turn, sender]], in order."""

    first: np.ndarray  # (turns, senders)
    last: np.ndarray
    flits: np.ndarray
    ready: np.ndarray  # cycle from which on each flit can be sent
    unit: np.ndarray  # block or input node that each comes from
    branches: np.ndarray  # see `flits.py`


@inlined
def is_fired(
    blocks: Any, lag: Any, pipelined: Any, block: Any, step: Any, steps: Any, turn: Any
) -> Any:
    own_turn = 0 if pipelined else blocks[block].wave + 1
    return turn == own_turn and 0 <= step - lag[block] < steps


@uncounted
def most_flits(clock: Any, blocks: Any, resuming: int, begin: Any, end: Any) -> Any:
    """Return how many flits one step can have at most, and how long their branches are.

    In a step a unit sends along each of its routes the spikes of one step.
    """
    flits = branches = np.int64(0)
    for unit in range(clock.unit_lag.size):
        spikes = np.int64(0)
        for step in range(begin.shape[0]):
            spikes = max(spikes, end[step, unit] - begin[step, unit])
        for route in range(clock.unit_route[unit], clock.unit_route[unit + 1]):
            flits += spikes
            if clock.routes[route].cores > 1:
                branches += spikes * (1 + clock.routes[route].cores)
        if unit < clock.neurons.size and blocks[unit].helps != NO_BLOCK:
            flits += clock.neurons[unit]
    if resuming >= 0:
        flits += clock.neurons[resuming]
    return flits, branches


@inlined
def queue_step(
    image: Any,
    clock: Any,
    step: int,
    begin: Any,
    end: Any,
    ids: Any,
    slots: Any,
    queue: Queue,
    block_walk: Any,
    core_shared: Any,
) -> int:
    """List what each sender sends in each turn of a step; `ready` counts from the turn's start.

    Turn 0 sends the input and what was held in history; a block's own turn (turn 0 when
    pipelined) sends its fresh spikes, each ready once its group of neurons is computed.
    block_walk, core_shared: get the cycles that the flits will take at their destinations, and how
    many banks each serves beyond its first. Returns the copies of multicast flits beyond the first.
    """
    first, last, flits, ready = queue.first, queue.last, queue.flits, queue.ready
    unit_of, branches = queue.unit, queue.branches
    blocks, units, banks, table = image.blocks, image.units, image.banks, image.table
    members, sender_unit, routes, targets = (
        clock.members,
        clock.sender_unit,
        clock.routes,
        clock.targets,
    )
    costs = (clock.event_overhead_cycles, clock.walk_cycles, clock.lanes, clock.group)
    neurons, block_core, pipelined = clock.neurons, clock.block_core, clock.pipelined
    hold_of, unit_route, lag = routes[:].hold, clock.unit_route, clock.unit_lag
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
                        used, branched = _queue_spikes(
                            units[unit],
                            routes,
                            targets,
                            banks,
                            table,
                            costs,
                            unit,
                            run,
                            route,
                            sent,
                            begin,
                            end,
                            ids,
                            slots,
                            none,
                            none,
                            used,
                            branched,
                            queue,
                            block_walk,
                            core_shared,
                        )
            done = clock.phase_overhead_cycles
            for at in range(low, high):
                unit, after, each = members[at], none, none
                if unit < n_blocks:
                    if not is_fired(blocks, lag, pipelined, unit, step, steps, turn):
                        continue
                    each = group_cycles[unit]
                    after, done = done + each, done + block_cycles[unit]
                    owner = blocks[unit].helps
                    if owner != NO_BLOCK:
                        cycles, flit = none, none
                        if owner != HANDED_ON:
                            cycles = clock.partial_sum_cycles
                            flit = (block_core[owner] + 1) << FLIT_CORE_SHIFT | cycles
                            block_walk[owner] += neurons[unit] * cycles
                        for slot in range(neurons[unit]):  # whatever its value
                            flits[used] = flit
                            ready[used] = after + slot // clock.group * each
                            unit_of[used] = unit
                            used += 1
                        continue
                elif turn > 0 or step >= steps:
                    continue
                route = run = unit_route[unit]
                while route < unit_route[unit + 1] and hold_of[route] == 0:
                    route += 1
                if route == run:
                    continue
                sent, target = step - lag[unit], routes[run].first_target
                if (
                    route - run == 1
                    and routes[run].last_target - target == 1
                    and (targets[target].core < 0 or banks[targets[target].bank].is_dense == 1)
                ):
                    if sent + routes[run].delay >= steps:
                        continue
                    low_event, high_event = begin[sent, unit], end[sent, unit]
                    used = _queue_along(
                        costs,
                        units[unit],
                        routes[run].accepts,
                        targets[target],
                        banks[targets[target].bank],
                        table,
                        ids[low_event:high_event],
                        slots[low_event:high_event],
                        unit,
                        after,
                        each,
                        used,
                        queue,
                        block_walk,
                    )
                    continue
                used, branched = _queue_spikes(
                    units[unit],
                    routes,
                    targets,
                    banks,
                    table,
                    costs,
                    unit,
                    run,
                    route,
                    sent,
                    begin,
                    end,
                    ids,
                    slots,
                    after,
                    each,
                    used,
                    branched,
                    queue,
                    block_walk,
                    core_shared,
                )
            block = image.resuming
            if block >= 0 and turn == 0 and sender == first.shape[1] - 1:
                # The sums must arrive in the phase before the block is fired.
                if 0 <= step - max(lag[block] - 1, 0) < steps:
                    cycles = clock.partial_sum_cycles
                    for _ in range(neurons[block]):
                        flits[used] = (block_core[block] + 1) << FLIT_CORE_SHIFT | cycles
                        ready[used], unit_of[used] = 0, block
                        used += 1
                    block_walk[block] += neurons[block] * cycles
            last[turn, sender] = used
    copies = 0
    if branched:
        for k in range(used):
            copies += branches[-1 - flits[k]] - 1 if flits[k] < 0 else 0
    return copies


@uncounted
def _queue_spikes(
    source_unit: Any,
    routes: Any,
    targets: Any,
    banks: Any,
    table: Any,
    costs: Any,
    unit: int,
    run: int,
    run_end: int,
    sent: int,
    begin: Any,
    end: Any,
    ids: Any,
    slots: Any,
    after: int,
    each: int,
    used: int,
    branched: int,
    queue: Queue,
    block_walk: Any,
    core_shared: Any,
) -> Any:
    """Append the flits of a unit's spikes of step `sent` along routes run to run_end - 1.

    A core walks all banks that a flit is for, one after another; the overhead of the event is
    counted with the block of the first.
    The spikes of the first group are ready `after` cycles into the turn, of the others `each` more.
    """
    flits, ready, branches = queue.flits, queue.ready, queue.branches
    overhead, walk_cycles, lanes, group = costs
    steps, plane, width = (
        begin.shape[0],
        source_unit.rows * source_unit.columns,
        source_unit.columns,
    )
    for e in range(begin[sent, unit], end[sent, unit]):
        source = np.int64(ids[e])
        c, y, x = position(source, plane, width)
        when = after + slots[e] // group * each
        for r in range(run, run_end):
            if not (
                sent + routes[r].delay < steps
                and routes[r].accepts[0] <= c < routes[r].accepts[1]
                and routes[r].accepts[2] <= y < routes[r].accepts[3]
                and routes[r].accepts[4] <= x < routes[r].accepts[5]
            ):
                continue
            target, stop = routes[r].first_target, routes[r].last_target
            copies = routes[r].cores
            if copies > 1:
                branches[branched] = copies
                flits[used] = -1 - branched
                branched += 1
            while target < stop:
                core, first, cycles = targets[target].core, target, 0
                while target < stop and targets[target].core == core:
                    if core >= 0:
                        walks, neurons = _walks(table, banks[targets[target].bank], source, c, y, x)
                        walk = walks * ((neurons + lanes - 1) // lanes) * walk_cycles
                        block_walk[targets[target].block] += walk
                        cycles += walk
                    target += 1
                if core >= 0:
                    more = max(overhead, 1 - cycles)  # the pop alone takes a cycle
                    block_walk[targets[first].block] += more
                    core_shared[core] += target - first - 1
                    cycles += more
                flit = (core + 1) << FLIT_CORE_SHIFT | cycles
                if copies > 1:
                    branches[branched] = flit
                    branched += 1
                else:
                    flits[used] = flit
            ready[used], queue.unit[used] = when, unit
            used += 1
    return used, branched


@uncounted
def _queue_along(
    costs: Any,
    source_unit: Any,
    box: Any,
    target: Any,
    bank: Any,
    table: Any,
    ids: Any,
    slots: Any,
    unit: int,
    after: int,
    each: int,
    used: int,
    queue: Queue,
    block_walk: Any,
) -> int:
    """Do what `_queue_spikes` does along one route to one dense bank or to the host."""
    flits, ready = queue.flits, queue.ready
    overhead, walk_cycles, lanes, group = costs
    plane, width = source_unit.rows * source_unit.columns, source_unit.columns
    low_c, high_c, low_y, high_y, low_x, high_x = box
    leaves = target[0] < 0
    flit, starts = (target[0] + 1) << FLIT_CORE_SHIFT, bank.row_starts
    groups = (bank.channels * bank.rows * bank.columns + lanes - 1) // lanes
    each_row, walked = groups * walk_cycles, 0
    cycles = 0 if leaves else max(1, overhead + each_row)
    # Half a neuron from any border, the rounded product tells its group; a division would be slow.
    per_neuron, first = 1 / group, used
    if box_covers(box, source_unit) and (leaves or bank.is_plain == 1):
        for e in range(ids.size):
            flits[first + e] = flit | cycles
            ready[first + e] = after + each * np.int32((slots[e] + 0.5) * per_neuron)
        walked, used = cycles * ids.size, used + ids.size
    else:
        for e in range(ids.size):
            source = np.int64(ids[e])
            c, y, x = position(source, plane, width)
            if not (low_c <= c < high_c and low_y <= y < high_y and low_x <= x < high_x):
                continue
            if not leaves:
                rows = np.int64(table[starts + source + 1] - table[starts + source])
                cycles = max(1, overhead + rows * each_row)
            walked += cycles
            flits[used] = flit | cycles
            ready[used] = after + each * np.int32((slots[e] + 0.5) * per_neuron)
            used += 1
    mine = queue.unit[first:used]
    for k in range(mine.size):
        mine[k] = unit
    if not leaves:
        block_walk[target[2]] += walked
    return used


@inlined
def _walks(table: Any, bank: Any, source: Any, c: Any, y: Any, x: Any) -> Any:
    """Return (rows or taps, neurons each adds to) of one event."""
    if bank.is_dense:
        start = bank.row_starts + source
        rows = np.int64(table[start + 1] - table[start])
        return rows, bank.channels * bank.rows * bank.columns
    ys, xs = bank.row_taps, bank.column_taps
    taps = ((table[ys + y + 1] - table[ys + y]) >> 1) * ((table[xs + x + 1] - table[xs + x]) >> 1)
    return np.int64(taps), np.int64(table[bank.fan_out + 3 * c + 1])
