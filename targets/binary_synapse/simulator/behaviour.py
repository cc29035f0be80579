"""What the machine computes: sums and spikes, block by block, from the memory image.

The state of a step depends on which events a block has received, never on when: sums commute, and
a neuron phase begins only after the last event of its step. So behaviour is simulated first, and
timing (`timing.py`) then replays its events cycle by cycle.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .accumulate import PLANES, add_rows, add_taps
from .compiled import compiled, inlined, uncounted
from .image import (
    ACCEPTS,
    BIAS,
    CURRENT,
    CURRENT_MULTIPLIER,
    DELAY,
    DENSE,
    EFFECTIVE,
    FIRST_BANK,
    FIRST_SLOT,
    FLOORS,
    FRACTION_BITS,
    HAS_CURRENT,
    HELPS,
    LAST_BANK,
    LAST_SLOT,
    LISTED,
    MAXIMUM,
    MEMBRANE,
    MINIMUM,
    MOST_ROWS,
    MULTIPLIER,
    PLAIN,
    SHIFT,
    START,
    SUBTRACTS,
    THRESHOLD,
    UNITS,
    V_RESET,
    WORDS,
    WORDS_AT_ONCE,
    WRAPS,
)  # fmt: skip


class Behaviour(NamedTuple):
    """Everything that one sample did.

    Events of unit u in step t: entries begin[t, u] to end[t, u] of `ids` (flat position in the
    node) and `slots` (number within the unit, in the order of its neuron phase).
    """

    fired: np.ndarray  # (time, columns) bool: spikes of all nodes
    potentials: np.ndarray  # (time, slots) int64: u[t], or (0, 0) where not asked for
    begin: np.ndarray
    end: np.ndarray
    ids: np.ndarray
    slots: np.ndarray
    counters: np.ndarray  # (4, banks): events taken; rows or taps walked; synapses walked, absent
    # ones included; synapses that added or subtracted 1
    overflows: np.ndarray  # (blocks) states saturated or wrapped


@compiled
def simulate_behaviour(
    image: Any, inputs: Any, input_columns: Any, columns: int, with_potentials: bool
) -> Behaviour:
    """Run one sample from rest.

    Args:
        inputs: uint8 (time, all input neurons) spike counts, input nodes side by side.
        input_columns: (input nodes + 1) where each of them begins.
        columns: neurons of all spiking nodes.
    """
    steps = inputs.shape[0]
    n_blocks, n_slots, n_banks = image.order.size, image.slot_ids.size, image.banks.shape[0] - 1
    # Locals: references are counted at each access to a tuple's member.
    units, blocks, banks, feeds, table, words, kernel = (
        image.units, image.blocks, image.banks, image.feeds, image.table, image.words, image.kernel
    )  # fmt: skip
    parameters, slot_ids, order = image.slots, image.slot_ids, image.order
    n_units = image.units.shape[0]
    fired = np.zeros((steps, columns), np.bool_)
    potentials = np.zeros((steps, n_slots) if with_potentials else (0, 0), np.int64)
    begin, end = np.zeros((steps, n_units), np.int64), np.zeros((steps, n_units), np.int64)
    ids, slots = np.empty(1024, np.int32), np.empty(1024, np.int32)
    used: Any = np.int64(0)  # not a literal, of which the compiler would make a version of its own
    counters = np.zeros((4, n_banks), np.int64)
    overflows = np.zeros(n_blocks, np.int64)
    sums = np.zeros(n_slots, np.int32)
    membranes, currents = np.zeros(n_slots, np.int64), np.zeros(n_slots, np.int64)
    rows = np.empty(1024, np.int64)
    widest = 1
    for bank in range(n_banks):
        widest = max(widest, banks[bank, WORDS])
    counts = np.zeros(8 * widest, np.uint64)
    planes = np.zeros(PLANES * WORDS_AT_ONCE, np.uint64)

    for t in range(steps):
        noted = potentials[t] if with_potentials else membranes[:0]
        total = 0
        for i in range(inputs.shape[1]):
            total += inputs[t, i]
        ids, slots = with_room(ids, used, total + 1), with_room(slots, used, total + 1)
        for unit in range(n_blocks, n_units):
            first, last = input_columns[unit - n_blocks], input_columns[unit - n_blocks + 1]
            begin[t, unit] = used
            for i in range(first, last):
                count = inputs[t, i]
                ids[used] = slots[used] = i - first  # kept if there is a spike
                used += count > 0
                for _ in range(1, count):
                    ids[used] = slots[used] = i - first
                    used += 1
            end[t, unit] = used
            for e in range(begin[t, unit], used):
                fired[t, units[unit, 0] + ids[e]] = True

        for block in order:
            low, high = blocks[block, FIRST_SLOT], blocks[block, LAST_SLOT]
            for bank in range(blocks[block, FIRST_BANK], blocks[block, LAST_BANK]):
                sent = t - banks[bank, DELAY]
                if sent < 0:
                    continue
                most = np.int64(0)
                for feed in range(banks[bank, UNITS], banks[bank + 1, UNITS]):
                    most += end[sent, feeds[feed]] - begin[sent, feeds[feed]]
                if most * banks[bank, MOST_ROWS] > rows.size:
                    rows = np.empty(2 * most * banks[bank, MOST_ROWS], np.int64)
                n_rows = _take_events(
                    units, banks, bank, feeds, table, kernel, begin[sent], end[sent], ids, rows,
                    sums[low:high], counters,
                )  # fmt: skip
                if n_rows:
                    add_rows(words, banks[bank], rows, n_rows, sums[low:high], counts, planes)
            owner = blocks[block, HELPS]
            if owner >= 0:
                helped = blocks[owner, FIRST_SLOT]
                for n in range(high - low):
                    sums[helped + n] += sums[low + n]
                    sums[low + n] = 0
                continue
            if used + high - low > ids.size:
                ids, slots = with_room(ids, used, high - low), with_room(slots, used, high - low)
            begin[t, block] = used
            used, lost = _neuron_phase(
                blocks[block], parameters, slot_ids, sums, membranes, currents, ids, slots, used,
                noted,
            )  # fmt: skip
            end[t, block] = used
            overflows[block] += lost
            for e in range(begin[t, block], used):
                fired[t, units[block, 0] + ids[e]] = True
    return Behaviour(
        fired, potentials, begin, end, ids[:used].copy(), slots[:used].copy(),
        counters, overflows,
    )  # fmt: skip


@uncounted
def _take_events(
    units: Any, banks: Any, number: int, feeds: Any, table: Any, kernel: Any, begin: Any, end: Any,
    ids: Any, rows: Any, sums: Any, counters: Any,
) -> Any:  # fmt: skip
    """Add convolution events to `sums`; collect the rows of dense events. Count both."""
    bank = banks[number]
    feeding = feeds[bank[UNITS] : banks[number + 1, UNITS]]
    grid = units[feeding[0]]
    plane, width = grid[2] * grid[3], grid[3]
    low_c, high_c, low_y, high_y, low_x, high_x = bank[ACCEPTS : ACCEPTS + 6]
    n_rows = events = taps = performed = effective = 0
    # Locals: the compiler cannot know that storing rows leaves the bank as it is.
    dense, starts, listed, words, weights = (
        bank[DENSE], bank[START], bank[LISTED], bank[WORDS], bank[EFFECTIVE]
    )  # fmt: skip
    whole = box_covers(bank[ACCEPTS : ACCEPTS + 6], grid)
    for unit in feeding:
        if bank[PLAIN] == 1:
            arrived = ids[begin[unit] : end[unit]]
            for e in range(arrived.size):
                rows[n_rows + e] = arrived[e] * words
            events += arrived.size
            n_rows += arrived.size
            effective += arrived.size * sums.size
            continue
        for e in range(begin[unit], end[unit]):
            source: Any = np.int64(ids[e])
            c, y, x = source, 0, 0
            if not (whole and dense):
                if plane > 1:
                    c = source // plane
                    y = (source - c * plane) // width
                    x = source - c * plane - y * width
                if not (low_c <= c < high_c and low_y <= y < high_y and low_x <= x < high_x):
                    continue
            events += 1
            if dense:
                start = starts + source
                for r in range(table[start], table[start + 1]):
                    row = table[listed + r]
                    rows[n_rows] = row * words
                    effective += table[weights + row]
                    n_rows += 1
            else:
                walked, met, present = add_taps(table, kernel, bank, c, y, x, sums)
                taps += walked
                performed += met
                effective += present
    counters[0, number] += events
    counters[1, number] += n_rows + taps
    counters[2, number] += performed + n_rows * sums.size
    counters[3, number] += effective
    return n_rows


@uncounted
def _neuron_phase(
    block: Any, parameters: Any, slot_ids: Any, sums: Any, membranes: Any, currents: Any,
    ids: Any, slots: Any, used: int, noted: Any,
) -> Any:  # fmt: skip
    """Update every neuron of a block, clear its sums, append its spikes; count lost ranges."""
    first, last = block[FIRST_SLOT], block[LAST_SLOT]
    fraction, lost = block[FRACTION_BITS], 0
    # Slices, whose indices cannot count from the end, and no branches: vectors, no mispredictions.
    arriving, potential, current = sums[first:last], membranes[first:last], currents[first:last]
    multiplier, threshold = parameters[MULTIPLIER][first:last], parameters[THRESHOLD][first:last]
    bias, v_reset = parameters[BIAS][first:last], parameters[V_RESET][first:last]
    shift, slack = block[MEMBRANE + SHIFT], _slack(block[MEMBRANE : MEMBRANE + 5])
    low, high = block[MEMBRANE + MINIMUM], block[MEMBRANE + MAXIMUM]
    wraps = block[MEMBRANE + WRAPS]
    if block[HAS_CURRENT]:
        state, decay = block[CURRENT : CURRENT + 5], parameters[CURRENT_MULTIPLIER][first:last]
        for n in range(arriving.size):
            exact = _leak(current[n], decay[n], state[SHIFT], _slack(state))
            exact += np.int64(arriving[n]) << fraction
            current[n] = _fit(exact, state[MINIMUM], state[MAXIMUM], state[WRAPS])
            lost += current[n] != exact
            exact = _leak(potential[n], multiplier[n], shift, slack) + current[n] + bias[n]
            potential[n] = _fit(exact, low, high, wraps)
            lost += potential[n] != exact
    elif wraps:
        for n in range(arriving.size):
            exact = _leak(potential[n], multiplier[n], shift, slack) + bias[n]
            exact += np.int64(arriving[n]) << fraction
            potential[n] = _fit(exact, low, high, True)
            lost += potential[n] != exact
    else:
        for n in range(arriving.size):
            exact = _leak(potential[n], multiplier[n], shift, slack) + bias[n]
            exact += np.int64(arriving[n]) << fraction
            potential[n] = _fit(exact, low, high, False)
            lost += potential[n] != exact
    arriving[:] = 0
    if noted.size:
        for n in range(potential.size):
            noted[first + n] = potential[n]
    subtracts = block[SUBTRACTS]
    for n in range(potential.size):
        fires = potential[n] > threshold[n]
        ids[used] = slot_ids[first + n]
        slots[used] = n
        used += fires  # else the next one takes the place
        after = potential[n] - threshold[n] if subtracts else v_reset[n]
        potential[n] = after if fires else potential[n]
    return used, lost


@inlined
def _leak(value: Any, multiplier: Any, shift: Any, slack: Any) -> Any:
    """Return value * multiplier / 2^shift; negative products get `slack` first."""
    product = value * multiplier
    return (product + ((product >> 63) & slack)) >> shift


@inlined
def _slack(state: Any) -> Any:
    """Return what turns an arithmetic shift of a negative number into rounding toward zero."""
    return 0 if state[FLOORS] else (1 << state[SHIFT]) - 1


@inlined
def _fit(value: Any, low: Any, high: Any, wraps: Any) -> Any:
    """Return `value` brought into the range; a range that wraps is a power of two wide."""
    if wraps:
        return ((value - low) & (high - low)) + low
    return min(max(value, low), high)


@inlined
def box_covers(box: Any, grid: Any) -> Any:
    """Return whether all neurons of a unit's grid lie in a box of sources."""
    return (
        box[0] == 0 and box[1] == grid[1] and box[2] == 0 and box[3] == grid[2]
        and box[4] == 0 and box[5] == grid[3]
    )  # fmt: skip


@compiled
def with_room(array: Any, used: int, more: int) -> Any:
    """Return the array, or a longer copy, with room for `more` entries after `used`."""
    if used + more <= array.size:
        return array
    longer = np.empty(2 * (used + more), array.dtype)
    for i in range(used):  # slices would have their error texts compiled
        longer[i] = array[i]
    return longer
