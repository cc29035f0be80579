"""The neuron phase of a block, and how spikes become events."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiled import inlined, uncounted
from .image import Image


@uncounted
def update_neurons(
    image: Image,
    number: int,
    sums: np.ndarray,
    membranes: np.ndarray,
    currents: np.ndarray,
    noted: np.ndarray,
    fires: np.ndarray,
) -> int:
    """Update every neuron of block `number` and clear its sums; count states that left their range.

    fires: uint8, gets 1 for each neuron that fires, else 0. noted: gets u where it has room.
    """
    block, parameters = image.blocks[number], image.slots
    membrane, current_state = image.membranes[number], image.currents[number]
    first, last = block.first_slot, block.last_slot
    fraction, lost = block.fraction_bits, 0
    # Slices, whose indices cannot count from the end, and no branches: the loops become vectors.
    arriving, potential, current = sums[first:last], membranes[first:last], currents[first:last]
    multiplier, threshold = parameters.multiplier[first:last], parameters.threshold[first:last]
    bias, v_reset = parameters.bias[first:last], parameters.v_reset[first:last]
    shift, slack = membrane.shift, _slack(membrane)
    low, high = membrane.minimum, membrane.maximum
    wraps = membrane.wraps
    if block.has_current:
        decay = parameters.current_multiplier[first:last]
        current_shift, current_slack = current_state.shift, _slack(current_state)
        current_low, current_high = current_state.minimum, current_state.maximum
        current_wraps = current_state.wraps
        for n in range(arriving.size):
            exact = _leak(current[n], decay[n], current_shift, current_slack)
            exact += np.int64(arriving[n]) << fraction
            current[n] = _fit(exact, current_low, current_high, current_wraps)
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
    subtracts = block.subtracts
    for n in range(potential.size):
        spikes = potential[n] > threshold[n]
        after = potential[n] - threshold[n] if subtracts else v_reset[n]
        potential[n] = after if spikes else potential[n]
        fires[n] = spikes
    return lost


@uncounted
def append_set(flags: np.ndarray, numbers: np.ndarray, used: Any) -> Any:
    """Append the numbers of the flags (uint8) that are 1; return how many are used then.

    No branches: which neurons spike cannot be predicted.
    """
    for n in range(flags.size):
        numbers[used] = n  # kept if the flag is set, else the next one takes the place
        used += flags[n]
    return used


@inlined
def _leak(value: Any, multiplier: Any, shift: Any, slack: Any) -> Any:
    """Return value * multiplier / 2^shift; negative products get `slack` first."""
    product = value * multiplier
    return (product + ((product >> 63) & slack)) >> shift


@inlined
def _slack(state: Any) -> Any:
    """Return what turns an arithmetic shift of a negative number into rounding toward zero."""
    return 0 if state.floors else (1 << state.shift) - 1


@inlined
def _fit(value: Any, low: Any, high: Any, wraps: Any) -> Any:
    """Return `value` brought into the range; a range that wraps is a power of two wide."""
    if wraps:
        return ((value - low) & (high - low)) + low
    return min(max(value, low), high)
