"""What the machine computes: sums and spikes, block by block, from the memory image.

The state of a step depends on which events a block has received, never on when: sums commute, and
a neuron phase begins only after the last event of its step. So behaviour is simulated first, and
timing (`timing.py`) then replays its events cycle by cycle.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .accumulate import PLANES, add_rows, add_taps
from .compiled import compiled, uncounted
from .image import WORDS_AT_ONCE
from .neurons import append_set, update_neurons
from .positions import box_covers, position
from .records import BANK_COUNTS, HANDED_ON


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
    bank_counts: np.ndarray  # (banks) of BANK_COUNTS
    overflows: np.ndarray  # (blocks) states saturated or wrapped


class Scratch(NamedTuple):
    """Room for the work on one bank or block."""

    rows: np.ndarray  # int64: offsets of the rows that events select
    counts: np.ndarray  # uint64: counts of ones, a byte a neuron
    planes: np.ndarray  # uint64: bits of those counts
    fires: np.ndarray  # uint8: 1 for each neuron that fires


@compiled
def simulate_behaviour(
    image: Any,
    inputs: Any,
    input_columns: Any,
    columns: int,
    with_potentials: bool,
    arriving: Any,
    leaving: Any,
) -> Behaviour:
    """Run one sample from rest.

    Args:
        inputs: uint8 (time, all input neurons) spike counts, input nodes side by side.
        input_columns: (input nodes + 1) where each of them begins.
        columns: neurons of all spiking nodes.
        arriving: (time, neurons) sums that an earlier part has begun.
        leaving: (time, neurons) gets those that a later part ends.
    """
    steps = inputs.shape[0]
    n_blocks, n_slots, n_banks = image.order.size, image.slot_ids.size, image.banks.shape[0] - 1
    n_units = image.units.shape[0]
    fired = np.zeros((steps, columns), np.bool_)
    potentials = np.zeros((steps, n_slots) if with_potentials else (0, 0), np.int64)
    begin, end = np.zeros((steps, n_units), np.int64), np.zeros((steps, n_units), np.int64)
    counts, overflows = np.zeros(n_banks, BANK_COUNTS), np.zeros(n_blocks, np.int64)
    sums = np.zeros(n_slots, np.int32)
    membranes, currents = np.zeros(n_slots, np.int64), np.zeros(n_slots, np.int64)
    most_events = np.int64(0)
    for t in range(steps):
        most_events = max(most_events, _events_of(inputs[t]))
    rows, words, neurons = _most(image, input_columns, most_events)
    scratch = Scratch(
        np.empty(rows, np.int64),
        np.empty(8 * words, np.uint64),
        np.empty(PLANES * WORDS_AT_ONCE, np.uint64),
        np.empty(neurons, np.uint8),
    )
    ids, slots = np.empty(1024, np.int32), np.empty(1024, np.int32)
    used: Any = np.int64(0)  # not a literal, of which the compiler would make a version of its own
    for t in range(steps):
        noted = potentials[t] if with_potentials else membranes[:0]
        room = most_events + n_slots
        ids, slots = with_room(ids, used, room), with_room(slots, used, room)
        used = _run_step(
            image,
            t,
            inputs[t],
            input_columns,
            fired[t],
            begin,
            end,
            ids,
            slots,
            used,
            sums,
            membranes,
            currents,
            noted,
            arriving[t],
            leaving[t],
            counts,
            overflows,
            scratch,
        )
    return Behaviour(
        fired, potentials, begin, end, ids[:used].copy(), slots[:used].copy(), counts, overflows
    )


@uncounted
def _events_of(counts: Any) -> Any:
    """Return as many events as the counts of a step may make, or a few more."""
    most = np.uint8(0)
    for i in range(counts.size):
        most = max(most, counts[i])
    events = np.int64(counts.size)
    if most > 1:
        for i in range(counts.size):
            events += counts[i]
    return events


@uncounted
def _most(image: Any, input_columns: Any, events: Any) -> Any:
    """Return the most rows that a bank takes in a step, words a row, neurons of a unit.

    events: the most that the inputs send in a step.
    """
    rows = words = neurons = np.int64(1)
    n_blocks = image.order.size
    for unit in range(n_blocks, image.units.shape[0]):
        neurons = max(neurons, input_columns[unit - n_blocks + 1] - input_columns[unit - n_blocks])
    for block in range(n_blocks):
        neurons = max(neurons, image.blocks[block].last_slot - image.blocks[block].first_slot)
    for bank in range(image.banks.shape[0] - 1):
        taken = np.int64(0)
        for feed in range(image.banks[bank].first_feed, image.banks[bank + 1].first_feed):
            unit = image.feeds[feed]
            if unit < n_blocks:
                taken += image.blocks[unit].last_slot - image.blocks[unit].first_slot
            else:
                taken += events
        rows = max(rows, taken * image.banks[bank].most_rows)
        words = max(words, image.banks[bank].words)
    return rows, words, neurons


@uncounted
def _run_step(
    image: Any,
    t: int,
    inputs: Any,
    input_columns: Any,
    fired: Any,
    begin: Any,
    end: Any,
    ids: Any,
    slots: Any,
    used: Any,
    sums: Any,
    membranes: Any,
    currents: Any,
    noted: Any,
    arriving: Any,
    leaving: Any,
    counts: Any,
    overflows: Any,
    scratch: Scratch,
) -> Any:
    """Run step t; return how many entries of `ids` are used then."""
    units, blocks, banks, n_blocks = image.units, image.blocks, image.banks, image.order.size
    for unit in range(n_blocks, units.shape[0]):
        first, last = input_columns[unit - n_blocks], input_columns[unit - n_blocks + 1]
        begin[t, unit] = used
        used = _take_inputs(inputs[first:last], ids, slots, used)
        end[t, unit] = used
        column = units[unit].first_column
        for e in range(begin[t, unit], used):
            fired[column + ids[e]] = True
    for block in image.order:
        low, high = blocks[block].first_slot, blocks[block].last_slot
        if block == image.resuming:
            for n in range(high - low):
                sums[low + n] += arriving[n]
        for bank in range(blocks[block].first_bank, blocks[block].last_bank):
            sent = t - banks[bank].delay
            if sent < 0:
                continue
            n_rows = _take_events(
                units,
                banks,
                bank,
                image.feeds,
                image.table,
                image.kernel,
                begin[sent],
                end[sent],
                ids,
                scratch.rows,
                sums[low:high],
                counts,
            )
            if n_rows:
                add_rows(
                    image.words,
                    banks[bank],
                    scratch.rows,
                    n_rows,
                    sums[low:high],
                    scratch.counts,
                    scratch.planes,
                )
        owner = blocks[block].helps
        if owner == HANDED_ON:
            for n in range(high - low):
                leaving[n] = sums[low + n]
                sums[low + n] = 0
            continue
        if owner >= 0:
            helped = blocks[owner].first_slot
            for n in range(high - low):
                sums[helped + n] += sums[low + n]
                sums[low + n] = 0
            continue
        overflows[block] += update_neurons(
            image, block, sums, membranes, currents, noted, scratch.fires
        )
        begin[t, block] = used
        used = append_set(scratch.fires[: high - low], slots, used)
        end[t, block] = used
        column, own_ids = units[block].first_column, image.slot_ids[low:high]
        for e in range(begin[t, block], used):
            neuron = own_ids[slots[e]]
            ids[e] = neuron
            fired[column + neuron] = True
    return used


@uncounted
def _take_inputs(counts: Any, ids: Any, slots: Any, used: Any) -> Any:
    """Append an event for each of the counted spikes; return how many are used then."""
    first, most = used, np.uint8(0)
    for i in range(counts.size):
        most = max(most, counts[i])
    if most <= 1:
        used = append_set(counts, ids, used)
    else:
        for i in range(counts.size):
            for _ in range(counts[i]):
                ids[used] = i
                used += 1
    for e in range(first, used):
        slots[e] = ids[e]
    return used


@uncounted
def _take_events(
    units: Any,
    banks: Any,
    number: int,
    feeds: Any,
    table: Any,
    kernel: Any,
    begin: Any,
    end: Any,
    ids: Any,
    rows: Any,
    sums: Any,
    counts: Any,
) -> Any:
    """Add convolution events to `sums`; collect the rows of dense events. Count both."""
    bank = banks[number]
    feeding = feeds[bank.first_feed : banks[number + 1].first_feed]
    source_unit = units[feeding[0]]
    plane, width = source_unit.rows * source_unit.columns, source_unit.columns
    low_c, high_c, low_y, high_y, low_x, high_x = bank.accepts
    n_rows = events = taps = performed = effective = 0
    # Locals: the compiler cannot know that storing rows leaves the bank as it is.
    dense, starts, listed, words, weights = (
        bank.is_dense,
        bank.row_starts,
        bank.row_numbers,
        bank.words,
        bank.effective,
    )
    whole = box_covers(bank.accepts, source_unit)
    for unit in feeding:
        if bank.is_plain == 1:
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
                c, y, x = position(source, plane, width)
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
    counted = counts[number]
    counted.events += events
    counted.walks += n_rows + taps
    counted.visited += performed + n_rows * sums.size
    counted.effective += effective
    return n_rows


@compiled
def with_room(array: Any, used: int, more: int) -> Any:
    """Return the array, or a longer copy, with room for `more` entries after `used`."""
    if used + more <= array.size:
        return array
    longer = np.empty(2 * (used + more), array.dtype)
    for i in range(used):  # slices would have their error texts compiled
        longer[i] = array[i]
    return longer
