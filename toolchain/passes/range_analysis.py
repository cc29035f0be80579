"""Bounds of a membrane potential that hold for every spike train."""

from __future__ import annotations

import numpy as np

from ..ir import Neuron, Range, Reset

_LONGEST_STEPS = 1 << 20


def membrane_range(
    node: Neuron, arriving: Range, horizon_steps: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return (lowest u, highest u, whether they hold for ever) for a spiking neuron.

    From below, with a decay under 1, u >= (low + leak) / (1 - decay). With decay 1 there is no
    lower bound, so the one returned is reached after `horizon_steps` steps and holds that long
    only. From above the reset bounds it: u <= decay * threshold + high + leak; the residue of a
    subtracting reset has the same limit as the potential without a reset. A threshold so high that
    nothing reaches it, in 2^20 steps where there is no leak, bounds nothing.
    """
    settle, current = node.settling_gain(horizon_steps), node.current_settling_gain(horizon_steps)
    if node.current_gain is not None:
        current = node.current_gain * current
    low = node.gain * current * arriving.low + np.minimum(node.leak, 0)
    high = node.gain * current * arriving.high + np.maximum(node.leak, 0)
    reset = np.zeros(1) if node.v_reset is None else node.v_reset
    lowest = np.minimum(low * settle, node.decay * np.minimum(reset, 0) + low)
    if node.threshold is None:
        return lowest, high * settle, bool(np.all(node.decay < 1))
    before = np.maximum(node.threshold, reset)
    highest = node.decay * before + high
    if node.reset is not Reset.HARD:
        highest = np.maximum(highest, high * settle)
    longest = node.settling_gain(max(horizon_steps, _LONGEST_STEPS))
    unreset = np.maximum(high * longest, node.decay * np.maximum(reset, 0) + high)
    bounded = np.all((highest <= unreset) & (low >= 0)) and node.reset is Reset.HARD
    highest = np.minimum(highest, unreset)
    holds = bool(np.all(node.decay < 1) or bounded)
    return lowest, highest, holds
