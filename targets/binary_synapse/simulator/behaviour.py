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
from .events import Events
from .image import WORDS_AT_ONCE, Image
from .neurons import append_set, update_neurons
from .positions import box_covers, position
from .records import BANK_COUNTS, HANDED_ON


class Behaviour(NamedTuple):
    """Everything that one sample did."""

    fired: np.ndarray  # (time, columns) bool: spikes of all nodes
    potentials: np.ndarray  # (time, slots) int64: u[t], or (0, 0) where not asked for
    events: Events
    bank_counts: np.ndarray  # (banks) of BANK_COUNTS
    overflows: np.ndarray  # (blocks) states saturated or wrapped


class Step(NamedTuple):
    """What goes into one step of a sample, and what comes out of it beside events."""

    inputs: np.ndarray  # (all input neurons) uint8 spike counts, input nodes side by side
    input_columns: np.ndarray  # (input nodes + 1) where each of them begins
    fired: np.ndarray  # (columns) gets the spikes of all nodes
    potentials: np.ndarray  # (slots) gets u[t], or (0) where not asked for
    arriving: np.ndarray  # (neurons) sums that an earlier part has begun
    leaving: np.ndarray  # (neurons) gets those that a later part ends


class Neurons(NamedTuple):
    """The state of all neurons, each of shape (slots)."""

    sums: np.ndarray  # int32
    membranes: np.ndarray
    currents: np.ndarray


class Counted(NamedTuple):
    """What is counted on the way."""

    banks: np.ndarray  # (banks) of BANK_COUNTS
    overflows: np.ndarray  # (blocks)


class Scratch(NamedTuple):
    """Room for the work on one bank or block."""

    rows: np.ndarray  # int64: offsets of the rows that events select
    counts: np.ndarray  # uint64: counts of ones, a byte a neuron
    planes: np.ndarray  # uint64: bits of those counts
    fires: np.ndarray  # uint8: 1 for each neuron that fires


@compiled
def simulate_behaviour(
    image: Image,
    inputs: np.ndarray,
    input_columns: np.ndarray,
    columns: int,
    with_potentials: bool,
    arriving: np.ndarray,
    leaving: np.ndarray,
) -> Behaviour:
    """Run one sample from rest.

    Args:
        inputs: uint8 (time, all input neurons), see `Step`, as are `arriving` and `leaving`.
        columns: neurons of all spiking nodes.
    """
    steps, n_slots, n_units = inputs.shape[0], image.slot_ids.size, image.units.shape[0]
    fired = np.zeros((steps, columns), np.bool_)
    potentials = np.zeros((steps, n_slots) if with_potentials else (0, 0), np.int64)
    begin, end = np.zeros((steps, n_units), np.int64), np.zeros((steps, n_units), np.int64)
    counted = Counted(
        np.zeros(image.banks.shape[0] - 1, BANK_COUNTS), np.zeros(image.order.size, np.int64)
    )
    neurons = Neurons(
        np.zeros(n_slots, np.int32), np.zeros(n_slots, np.int64), np.zeros(n_slots, np.int64)
    )
    most_events = np.int64(0)
    for t in range(steps):
        most_events = max(most_events, _events_of(inputs[t]))
    rows, words, most_neurons = _most(image, input_columns, most_events)
    scratch = Scratch(
        np.empty(rows, np.int64),
        np.empty(8 * words, np.uint64),
        np.empty(PLANES * WORDS_AT_ONCE, np.uint64),
        np.empty(most_neurons, np.uint8),
    )
    ids, slots = np.empty(1024, np.int32), np.empty(1024, np.int32)
    used: Any = np.int64(0)  # of a literal the compiler would make a version of its own
    for t in range(steps):
        room = most_events + n_slots
        ids, slots = with_room(ids, used, room), with_room(slots, used, room)
        step = Step(
            inputs[t],
            input_columns,
            fired[t],
            potentials[t] if with_potentials else neurons.membranes[:0],
            arriving[t],
            leaving[t],
        )
        events = Events(begin, end, ids, slots)
        used = _run_step(image, t, step, events, used, neurons, counted, scratch)
    events = Events(begin, end, ids[:used].copy(), slots[:used].copy())
    return Behaviour(fired, potentials, events, counted.banks, counted.overflows)


@uncounted
def _events_of(counts: np.ndarray) -> Any:
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
def _most(image: Image, input_columns: np.ndarray, events: Any) -> Any:
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
    image: Image,
    t: int,
    step: Step,
    events: Events,
    used: int,
    neurons: Neurons,
    counted: Counted,
    scratch: Scratch,
) -> Any:
    """Run step t; return how many entries of `events.ids` are used then."""
    blocks, n_blocks, sums = image.blocks, image.order.size, neurons.sums
    for unit in range(n_blocks, image.units.shape[0]):
        first, last = step.input_columns[unit - n_blocks], step.input_columns[unit - n_blocks + 1]
        events.begin[t, unit] = used
        used = _take_inputs(step.inputs[first:last], events.ids, events.slots, used)
        events.end[t, unit] = used
        column = image.units[unit].first_column
        for e in range(events.begin[t, unit], used):
            step.fired[column + events.ids[e]] = True
    for block in image.order:
        low, high = blocks[block].first_slot, blocks[block].last_slot
        if block == image.resuming:
            for n in range(high - low):
                sums[low + n] += step.arriving[n]
        _sum_banks(image, t, block, events, sums[low:high], counted.banks, scratch)
        owner = blocks[block].helps
        if owner == HANDED_ON:
            for n in range(high - low):
                step.leaving[n] = sums[low + n]
                sums[low + n] = 0
            continue
        if owner >= 0:
            helped = blocks[owner].first_slot
            for n in range(high - low):
                sums[helped + n] += sums[low + n]
                sums[low + n] = 0
            continue
        counted.overflows[block] += update_neurons(
            image, block, sums, neurons.membranes, neurons.currents, step.potentials, scratch.fires
        )
        events.begin[t, block] = used
        used = append_set(scratch.fires[: high - low], events.slots, used)
        events.end[t, block] = used
        column, own_ids = image.units[block].first_column, image.slot_ids[low:high]
        for e in range(events.begin[t, block], used):
            neuron = own_ids[events.slots[e]]
            events.ids[e] = neuron
            step.fired[column + neuron] = True
    return used


@inlined
def _sum_banks(
    image: Image,
    t: int,
    block: int,
    events: Events,
    sums: np.ndarray,
    bank_counts: np.ndarray,
    scratch: Scratch,
) -> None:
    """Add what the events of the banks of a block bring in step t to its sums."""
    for number in range(image.blocks[block].first_bank, image.blocks[block].last_bank):
        bank = image.banks[number]
        sent = t - bank.delay
        if sent >= 0:
            n_rows = _take_events(image, number, sent, events, scratch.rows, sums, bank_counts)
            if n_rows:
                add_rows(
                    image.words, bank, scratch.rows, n_rows, sums, scratch.counts, scratch.planes
                )


@uncounted
def _take_inputs(counts: np.ndarray, ids: np.ndarray, slots: np.ndarray, used: Any) -> Any:
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


@inlined
def _take_events(
    image: Image,
    number: int,
    sent: int,
    events: Events,
    rows: np.ndarray,
    sums: np.ndarray,
    bank_counts: np.ndarray,
) -> Any:
    """Add the convolution events of step `sent` to `sums`; collect the rows of dense events."""
    units, banks, table, ids = image.units, image.banks, image.table, events.ids
    begin, end = events.begin[sent], events.end[sent]
    bank = banks[number]
    feeding = image.feeds[bank.first_feed : banks[number + 1].first_feed]
    source_unit = units[feeding[0]]
    plane, width = source_unit.rows * source_unit.columns, source_unit.columns
    low_c, high_c, low_y, high_y, low_x, high_x = bank.accepts
    n_rows = taken = taps = performed = effective = 0
    # Locals: the compiler cannot know that storing rows leaves the bank as it is.
    dense, starts, listed = bank.is_dense, bank.row_starts, bank.row_numbers
    words, weights = bank.words, bank.effective
    whole = box_covers(bank.accepts, source_unit)
    for unit in feeding:
        if bank.is_plain == 1:
            arrived = ids[begin[unit] : end[unit]]
            for e in range(arrived.size):
                rows[n_rows + e] = arrived[e] * words
            taken += arrived.size
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
            taken += 1
            if dense:
                start = starts + source
                for r in range(table[start], table[start + 1]):
                    row = table[listed + r]
                    rows[n_rows] = row * words
                    effective += table[weights + row]
                    n_rows += 1
            else:
                walked, met, present = add_taps(table, image.kernel, bank, c, y, x, sums)
                taps += walked
                performed += met
                effective += present
    counted = bank_counts[number]
    counted.events += taken
    counted.walks += n_rows + taps
    counted.visited += performed + n_rows * sums.size
    counted.effective += effective
    return n_rows


@compiled
def with_room(array: np.ndarray, used: Any, more: Any) -> Any:
    """Return the array, or a longer copy, with room for `more` entries after `used`."""
    if used + more <= array.size:
        return array
    longer = np.empty(2 * (used + more), array.dtype)
    for i in range(used):  # slices would have their error texts compiled
        longer[i] = array[i]
    return longer
