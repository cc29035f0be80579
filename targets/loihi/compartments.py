"""Convert integer neurons to compartments: registers, and the neuron that they implement.

The chip's state is the neuron's times 2^g. Its sums carry 6 fraction bits by themselves, so a
neuron with F of its own needs weights times 2^(F+g-6) and thresholds vth = threshold * 2^g / 64.
The smallest g that makes all of them integers is chosen: with g = 0 the arithmetic is the neuron's
own, decay included; with g > 0 a decaying state keeps g more bits and everything else is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from axonc.toolchain.ir import IntegerNeuron, LeakyState, Overflow, Range, Reset, Rounding

from .chip import Chip
from .encode import encoded_bias
from .network import ALIGN_SHIFT, DECAY_SHIFT, STATE_LIMIT

UNITY = 1 << DECAY_SHIFT


@dataclass(frozen=True)
class Compartments:
    """The registers of a population (int64, broadcasting) and the neuron that they implement.

    neuron: the integer neuron that equals the compartments bit for bit. weight_shift: the power of
    two that its weights are multiplied by. losses: each difference from the neuron that
    was asked for; empty if there is none.
    """

    neuron: IntegerNeuron
    weight_shift: int
    du: np.ndarray
    dv: np.ndarray
    vth: np.ndarray
    bias_mant: np.ndarray
    bias_exp: np.ndarray
    losses: tuple[str, ...]


def compartments_of(
    neuron: IntegerNeuron, sums: Range, chip: Chip
) -> tuple[Compartments | None, list[str]]:
    """Return the compartments of `neuron`, and every reason why there are none.

    sums: what can arrive in one step, int64, with low <= 0 <= high; it broadcasts to the neurons.
    """
    reasons = _refusals(neuron, chip)
    scale = _scale(neuron, sums, chip)
    if scale is None:
        return None, reasons + _out_of_range(neuron, sums, chip)
    shift = neuron.fraction_bits + scale - ALIGN_SHIFT
    bias = _scaled(neuron.bias, scale)
    mantissa, exponent, error = encoded_bias(bias, chip)
    if reasons:
        return None, reasons
    decay = _twelve_bits(neuron.membrane)
    current = np.zeros(1, np.int64) if neuron.current is None else _twelve_bits(neuron.current)
    threshold = _threshold(neuron, scale)
    made = IntegerNeuron(
        shape=neuron.shape,
        threshold=threshold << ALIGN_SHIFT,
        bias=mantissa << exponent,
        v_reset=np.zeros(1, np.int64),
        membrane=LeakyState(decay, DECAY_SHIFT, -STATE_LIMIT + 1, STATE_LIMIT - 1),
        current=None
        if neuron.current is None
        else LeakyState(
            current, DECAY_SHIFT, -STATE_LIMIT + 1, STATE_LIMIT, Rounding.TOWARD_ZERO, Overflow.WRAP
        ),
        fraction_bits=neuron.fraction_bits + scale,
    )
    losses = _losses(neuron, made, scale, sums, error)
    registers = (UNITY - 1 - current, UNITY - decay, threshold, mantissa, exponent)
    return Compartments(made, shift, *registers, tuple(losses)), []


def _refusals(neuron: IntegerNeuron, chip: Chip) -> list[str]:
    """Return the faults that no choice of scale can repair."""
    found = []
    if neuron.reset is not Reset.HARD:
        found.append(
            f"{chip.title} resets to 0 and cannot subtract the threshold, of which something is "
            "left for the next step here; train with a hard reset, or, where the file leaves the "
            "reset open, read it with --reset hard"
        )
    elif np.any(neuron.v_reset != 0):
        found.append(f"{chip.title} resets to 0, not to v_reset; shift the potentials by v_reset")
    if np.any(neuron.threshold < 0):
        found.append(
            f"thresholds down to {int(neuron.threshold.min())}: the register is unsigned; "
            "move the offset into the bias"
        )
    if np.any(_twelve_bits(neuron.membrane) == 0):
        found.append(
            "a membrane without memory needs dv = 4096, the register ends at 4095; "
            "keep at least 1/4096 of the potential, or let it integrate"
        )
    if neuron.current is not None and np.any(_twelve_bits(neuron.current) > UNITY - 1):
        found.append(
            "a current that never decays needs du = -1; let it lose at least 1/4096 a step"
        )
    return found


def _scale(neuron: IntegerNeuron, sums: Range, chip: Chip) -> int | None:
    """Return g, the bits by which the state grows; None where no choice fits the registers.

    Exact choices come first, then the one with the most bits, which rounds thresholds. Among exact
    ones g = 0 is preferred, then whole biases, because a `.net` file can hold no others.
    """
    least = ALIGN_SHIFT - neuron.fraction_bits
    fitting = [
        scale
        for scale in range(least, max(least, ALIGN_SHIFT) + 1)
        if _threshold(neuron, scale).max() <= chip["threshold_max"]
        and _reach(sums) << neuron.fraction_bits + scale < STATE_LIMIT
        and _bias_fits(neuron, scale, chip)
    ]
    exact = [
        scale
        for scale in fitting
        if scale >= 0 and not np.any(_scaled(neuron.threshold, scale) & (1 << ALIGN_SHIFT) - 1)
    ]
    bias_exact = [
        scale for scale in exact if not np.any(encoded_bias(_scaled(neuron.bias, scale), chip)[2])
    ]
    unit = (1 << ALIGN_SHIFT) - 1
    bias_exact.sort(key=lambda scale: scale > 0 and np.any(_scaled(neuron.bias, scale) & unit))
    return next(iter(bias_exact or exact or fitting[::-1]), None)


def _out_of_range(neuron: IntegerNeuron, sums: Range, chip: Chip) -> list[str]:
    """Return what does not fit even with as few fraction bits as a synapse of weight 1 needs."""
    found = []
    threshold = _threshold(neuron, ALIGN_SHIFT - neuron.fraction_bits)
    if threshold.max() > chip["threshold_max"]:
        found.append(
            f"thresholds up to {int(threshold.max())} synapses of weight 1 do not fit 17 bits "
            f"(at most {chip['threshold_max']}); scale weights and thresholds down"
        )
    if _reach(sums) << ALIGN_SHIFT >= STATE_LIMIT:
        found.append(
            f"a fan-in of up to {_reach(sums)} in one step, times 2^{ALIGN_SHIFT}, overflows the "
            "current's 24 bits; use fewer inputs or smaller weights"
        )
    if not _bias_fits(neuron, ALIGN_SHIFT - neuron.fraction_bits, chip):
        bias = _scaled(neuron.bias, -neuron.fraction_bits)
        room = chip["bias_mantissa_max"] << chip["bias_exponent_max"] - ALIGN_SHIFT
        found.append(
            f"biases from {int(bias.min())} to {int(bias.max())} synapses of weight 1 are beyond "
            f"+-{room}; scale weights, thresholds and biases down"
        )
    return found or ["no number of fraction bits fits thresholds, biases and fan-in at once"]


def _bias_fits(neuron: IntegerNeuron, scale: int, chip: Chip) -> bool:
    """Whether every bias is held up to rounding, by half a unit of the largest exponent."""
    error = encoded_bias(_scaled(neuron.bias, scale), chip)[2]
    return bool(np.all(np.abs(error) <= 1 << chip["bias_exponent_max"] - 1))


def _reach(sums: Range) -> int:
    """Return the largest magnitude of a sum of one step."""
    return max(int(-sums.low.min()), int(sums.high.max()))


def _scaled(values: np.ndarray, scale: int) -> np.ndarray:
    """Return values * 2^scale, half rounded up where bits fall off."""
    if scale >= 0:
        return values << scale
    return (values + (1 << -scale - 1)) >> -scale


def _threshold(neuron: IntegerNeuron, scale: int) -> np.ndarray:
    """Return vth, rounded to the nearest where it has to be."""
    return _scaled(neuron.threshold, scale - ALIGN_SHIFT)


def _twelve_bits(state: LeakyState) -> np.ndarray:
    """Return the decay multiplier in units of 2^-12, rounded to the nearest."""
    return _scaled(state.multiplier, DECAY_SHIFT - state.shift)


def _losses(
    neuron: IntegerNeuron, made: IntegerNeuron, scale: int, sums: Range, bias_error: np.ndarray
) -> list[str]:
    """Return a sentence for each difference between `made` and `neuron`."""
    found = []
    states = {"membrane": (neuron.membrane, made.membrane)}
    if neuron.current is not None and made.current is not None:
        states["current"] = (neuron.current, made.current)
    for name, (before, after) in states.items():
        off = np.abs(after.decay - before.decay)
        if np.any(off > 0):
            found.append(f"{name} decay rounded to 12 bits, off by at most {off.max():.2g}")
        decays = np.any((after.multiplier > 0) & (after.multiplier < UNITY))
        if decays and scale:
            what = f"{scale} more" if scale > 0 else f"{-scale} fewer"
            found.append(f"the decaying {name} keeps {what} fraction bits")
        if decays and before.rounding is not Rounding.TOWARD_ZERO:
            found.append(f"the decaying {name} is rounded toward zero, not down")
    unit = 2.0**made.fraction_bits
    moved = np.abs(made.threshold / 2.0**scale - neuron.threshold)
    if np.any(moved > 0):
        found.append(f"thresholds rounded by at most {moved.max() / 2.0**neuron.fraction_bits:.2g}")
    if np.any(bias_error != 0):
        found.append(f"biases rounded by at most {np.abs(bias_error).max() / unit:.2g}")
    if not _stays_inside(made, sums, neuron, scale):
        found.append(
            f"a membrane driven beyond its {neuron.membrane.bits} bits saturates at 24 bits instead"
        )
    return found


def _stays_inside(made: IntegerNeuron, sums: Range, neuron: IntegerNeuron, scale: int) -> bool:
    """Whether no spike train drives a state out of the range of either neuron.

    A leaking state is bounded by what one step adds times 1 / (1 - decay); upwards a spike resets.
    """
    unit = 1 << made.fraction_bits
    low, high = sums.low * unit, sums.high * unit
    state_range = min(neuron.membrane.maximum, -neuron.membrane.minimum) * 2.0**scale
    if made.current is not None and neuron.current is not None:
        settle = made.current.settling_gain().max()
        low, high = low * settle, high * settle
        currents = min(neuron.current.maximum, -neuron.current.minimum) * 2.0**scale
        if max(-low.min(), high.max()) > min(currents, STATE_LIMIT - 1):
            return False
    low = low.min() + min(int(made.bias.min()), 0)
    high = high.max() + max(int(made.bias.max()), 0)
    highest = made.membrane.decay.max() * made.threshold.max() + high
    lowest = low * made.membrane.settling_gain().max()
    return bool(max(highest, -lowest) <= min(state_range, STATE_LIMIT - 1))
