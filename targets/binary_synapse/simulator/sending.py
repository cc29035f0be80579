"""What each sender sends in a step: the flits of its spikes, in order, and when each is ready."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .compiled import inlined, uncounted
from .events import Events
from .flits import FLIT_CORE_SHIFT
from .image import Image
from .positions import box_covers, in_box, position
from .records import HANDED_ON, NO_BLOCK
from .timing_tables import TimingTables


class Queue(NamedTuple):
    """All flits of a step; sender s sends flits[first[p, s]:last[p, s]] in phase p, in order."""

    first: np.ndarray  # (phases, senders)
    last: np.ndarray
    flits: np.ndarray
    ready: np.ndarray  # cycle from which on each flit can be sent
    unit: np.ndarray  # block or input node that each comes from
    branches: np.ndarray  # see `flits.py`


class Delivery(NamedTuple):
    """Where spikes go, how long they are walked there, and who is told of it."""

    units: np.ndarray
    banks: np.ndarray
    table: np.ndarray
    routes: np.ndarray
    targets: np.ndarray
    event_overhead_cycles: int
    walk_cycles: int
    lanes: int
    group: int
    block_walk: np.ndarray  # (blocks) gets the cycles that flits take at their destinations
    core_shared: np.ndarray  # (cores) gets how many banks each flit serves beyond its first


class Burst(NamedTuple):
    """Spikes of one unit that are sent one after another.

    Those of step `sent`, along the routes first_route to last_route - 1. The spikes of the first
    group of neurons are ready `after` cycles into the phase, of each further group `each` more.
    """

    unit: int
    first_route: int
    last_route: int
    sent: int
    after: int
    each: int


@inlined
def is_fired(
    blocks: np.ndarray, tables: TimingTables, block: int, step: int, steps: int, phase: int
) -> bool:
    """Return whether a block has its neuron phase in a phase of a step."""
    own_phase = 0 if tables.pipelined else blocks[block].wave + 1
    return phase == own_phase and 0 <= step - tables.unit_lag[block] < steps


@uncounted
def most_flits(tables: TimingTables, image: Image, events: Events) -> Any:
    """Return how many flits one step can have at most, and how long their branches are.

    In a step a unit sends along each of its routes the spikes of one step.
    """
    flits = branches = np.int64(0)
    for unit in range(tables.unit_lag.size):
        spikes = np.int64(0)
        for step in range(events.begin.shape[0]):
            spikes = max(spikes, events.end[step, unit] - events.begin[step, unit])
        for route in range(tables.unit_route[unit], tables.unit_route[unit + 1]):
            flits += spikes
            if tables.routes[route].cores > 1:
                branches += spikes * (1 + tables.routes[route].cores)
        if unit < tables.neurons.size and image.blocks[unit].helps != NO_BLOCK:
            flits += tables.neurons[unit]
    if image.resuming >= 0:
        flits += tables.neurons[image.resuming]
    return flits, branches


@inlined
def queue_step(
    image: Image,
    tables: TimingTables,
    step: int,
    events: Events,
    queue: Queue,
    block_walk: np.ndarray,
    core_shared: np.ndarray,
) -> int:
    """List what each sender sends in each phase of a step; `ready` counts from the phase's start.

    Phase 0 sends the input and what was held in history; a block's own phase (phase 0 when
    pipelined) sends its fresh spikes, each ready once its group of neurons is computed.
    block_walk, core_shared: see `Delivery`. Returns the copies of multicast flits beyond the first.
    """
    first, last = queue.first, queue.last
    delivery = Delivery(
        image.units,
        image.banks,
        image.table,
        tables.routes,
        tables.targets,
        tables.event_overhead_cycles,
        tables.walk_cycles,
        tables.lanes,
        tables.group,
        block_walk,
        core_shared,
    )
    none: Any = np.int64(0)  # of a literal the compiler would make a version of its own
    used, branched = none, none
    for phase in range(first.shape[0]):
        for sender in range(first.shape[1]):
            first[phase, sender] = used
            if phase == 0:
                used, branched = _queue_held(
                    tables, step, sender, delivery, events, queue, used, branched
                )
            used, branched = _queue_fresh(
                image, tables, step, phase, sender, delivery, events, queue, used, branched
            )
            if image.resuming >= 0 and phase == 0 and sender == first.shape[1] - 1:
                used = _queue_sums_of_earlier_part(
                    image, tables, step, delivery, events, queue, used
                )
            last[phase, sender] = used
    copies = 0
    if branched:
        for k in range(used):
            copies += queue.branches[-1 - queue.flits[k]] - 1 if queue.flits[k] < 0 else 0
    return copies


@inlined
def _queue_held(
    tables: TimingTables,
    step: int,
    sender: int,
    delivery: Delivery,
    events: Events,
    queue: Queue,
    used: int,
    branched: int,
) -> Any:
    """Append what a sender's units held in history until this step, the oldest last."""
    none: Any = np.int64(0)
    routes, unit_route, steps = tables.routes, tables.unit_route, events.begin.shape[0]
    for at in range(tables.sender_unit[sender], tables.sender_unit[sender + 1]):
        unit = tables.members[at]
        route, stop = unit_route[unit], unit_route[unit + 1]
        while route < stop:
            run, hold = route, routes[route].hold
            while route < stop and routes[route].hold == hold:
                route += 1
            sent = step - tables.unit_lag[unit] - hold
            if hold > 0 and 0 <= sent < steps:
                burst = Burst(unit, run, route, sent, none, none)
                used, branched = _queue_spikes(delivery, events, queue, burst, used, branched)
    return used, branched


@inlined
def _queue_fresh(
    image: Image,
    tables: TimingTables,
    step: int,
    phase: int,
    sender: int,
    delivery: Delivery,
    events: Events,
    queue: Queue,
    used: int,
    branched: int,
) -> Any:
    """Append what a sender's units send of this step's spikes, and the partial sums of helpers."""
    none: Any = np.int64(0)
    routes, targets, steps = tables.routes, tables.targets, events.begin.shape[0]
    done = tables.phase_overhead_cycles
    for at in range(tables.sender_unit[sender], tables.sender_unit[sender + 1]):
        unit, after, each = tables.members[at], none, none
        if unit < tables.neurons.size:
            if not is_fired(image.blocks, tables, unit, step, steps, phase):
                continue
            each = tables.group_cycles[unit]
            after, done = done + each, done + tables.block_cycles[unit]
            if image.blocks[unit].helps != NO_BLOCK:
                used = _queue_partial_sums(image, tables, unit, after, each, delivery, queue, used)
                continue
        elif phase > 0 or step >= steps:
            continue
        route = run = tables.unit_route[unit]
        while route < tables.unit_route[unit + 1] and routes[route].hold == 0:
            route += 1
        if route == run:
            continue
        burst = Burst(unit, run, route, step - tables.unit_lag[unit], after, each)
        target = routes[run].first_target
        alone = route - run == 1 and routes[run].last_target - target == 1
        if alone and (targets[target].core < 0 or image.banks[targets[target].bank].is_dense == 1):
            if burst.sent + routes[run].delay < steps:
                used = _queue_along(delivery, events, queue, burst, used)
            continue
        used, branched = _queue_spikes(delivery, events, queue, burst, used, branched)
    return used, branched


@inlined
def _queue_partial_sums(
    image: Image,
    tables: TimingTables,
    unit: int,
    after: int,
    each: int,
    delivery: Delivery,
    queue: Queue,
    used: int,
) -> int:
    """Append the sums of all neurons of a helper, whatever their value."""
    owner = image.blocks[unit].helps
    cycles: Any = np.int64(0)
    flit: Any = np.int64(0)
    if owner != HANDED_ON:
        cycles = tables.partial_sum_cycles
        flit = (tables.block_core[owner] + 1) << FLIT_CORE_SHIFT | cycles
        delivery.block_walk[owner] += tables.neurons[unit] * cycles
    for slot in range(tables.neurons[unit]):
        queue.flits[used] = flit
        queue.ready[used] = after + slot // tables.group * each
        queue.unit[used] = unit
        used += 1
    return used


@inlined
def _queue_sums_of_earlier_part(
    image: Image,
    tables: TimingTables,
    step: int,
    delivery: Delivery,
    events: Events,
    queue: Queue,
    used: int,
) -> int:
    """Append the sums that an earlier part has begun; they arrive before their block is fired."""
    block = image.resuming
    if 0 <= step - max(tables.unit_lag[block] - 1, 0) < events.begin.shape[0]:
        cycles = tables.partial_sum_cycles
        for _ in range(tables.neurons[block]):
            queue.flits[used] = (tables.block_core[block] + 1) << FLIT_CORE_SHIFT | cycles
            queue.ready[used], queue.unit[used] = 0, block
            used += 1
        delivery.block_walk[block] += tables.neurons[block] * cycles
    return used


@uncounted
def _queue_spikes(
    delivery: Delivery, events: Events, queue: Queue, burst: Burst, used: int, branched: int
) -> Any:
    """Append the flits of a burst.

    A core walks all banks that a flit is for, one after another; the overhead of the event is
    counted with the block of the first.
    """
    routes, targets, banks, table = (
        delivery.routes,
        delivery.targets,
        delivery.banks,
        delivery.table,
    )
    flits, ready, branches = queue.flits, queue.ready, queue.branches
    own, steps, sent = delivery.units[burst.unit], events.begin.shape[0], burst.sent
    plane, width, lanes = own.rows * own.columns, own.columns, delivery.lanes
    for e in range(events.begin[sent, burst.unit], events.end[sent, burst.unit]):
        source = np.int64(events.ids[e])
        c, y, x = position(source, plane, width)
        when = burst.after + events.slots[e] // delivery.group * burst.each
        for r in range(burst.first_route, burst.last_route):
            if not (sent + routes[r].delay < steps and in_box(routes[r].accepts, c, y, x)):
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
                        walk = walks * ((neurons + lanes - 1) // lanes) * delivery.walk_cycles
                        delivery.block_walk[targets[target].block] += walk
                        cycles += walk
                    target += 1
                if core >= 0:
                    more = max(delivery.event_overhead_cycles, 1 - cycles)  # popping takes a cycle
                    delivery.block_walk[targets[first].block] += more
                    delivery.core_shared[core] += target - first - 1
                    cycles += more
                flit = (core + 1) << FLIT_CORE_SHIFT | cycles
                if copies > 1:
                    branches[branched] = flit
                    branched += 1
                else:
                    flits[used] = flit
            ready[used], queue.unit[used] = when, burst.unit
            used += 1
    return used, branched


@uncounted
def _queue_along(delivery: Delivery, events: Events, queue: Queue, burst: Burst, used: int) -> int:
    """Do what `_queue_spikes` does along one route to one dense bank or to the host."""
    flits, ready, table, lanes = queue.flits, queue.ready, delivery.table, delivery.lanes
    own, route = delivery.units[burst.unit], delivery.routes[burst.first_route]
    target = delivery.targets[route.first_target]
    bank = delivery.banks[target.bank]
    low, high = events.begin[burst.sent, burst.unit], events.end[burst.sent, burst.unit]
    ids, slots = events.ids[low:high], events.slots[low:high]
    plane, width = own.rows * own.columns, own.columns
    leaves, after, each = target.core < 0, burst.after, burst.each
    flit, starts = (target.core + 1) << FLIT_CORE_SHIFT, bank.row_starts
    groups = (bank.channels * bank.rows * bank.columns + lanes - 1) // lanes
    each_row, walked = groups * delivery.walk_cycles, 0
    overhead = delivery.event_overhead_cycles
    cycles = 0 if leaves else max(1, overhead + each_row)
    # Half a neuron from any border, the rounded product tells its group; a division would be slow.
    per_neuron, first = 1 / delivery.group, used
    if box_covers(route.accepts, own) and (leaves or bank.is_plain == 1):
        for e in range(ids.size):
            flits[first + e] = flit | cycles
            ready[first + e] = after + each * np.int32((slots[e] + 0.5) * per_neuron)
        walked, used = cycles * ids.size, used + ids.size
    else:
        box = route.accepts
        for e in range(ids.size):
            source = np.int64(ids[e])
            c, y, x = position(source, plane, width)
            if not in_box(box, c, y, x):
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
        mine[k] = burst.unit
    if not leaves:
        delivery.block_walk[target.block] += walked
    return used


@inlined
def _walks(table: np.ndarray, bank: Any, source: Any, c: Any, y: Any, x: Any) -> Any:
    """Return (rows or taps, neurons each adds to) of one event."""
    if bank.is_dense:
        start = bank.row_starts + source
        rows = np.int64(table[start + 1] - table[start])
        return rows, bank.channels * bank.rows * bank.columns
    ys, xs = bank.row_taps, bank.column_taps
    taps = ((table[ys + y + 1] - table[ys + y]) >> 1) * ((table[xs + x + 1] - table[xs + x]) >> 1)
    return np.int64(taps), np.int64(table[bank.fan_out + 3 * c + 1])
