"""Simulated annealing of a placement, compiled."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def anneal(starts, neighbours, weights, slot_xy, slot_of, part_at, moves, seed):  # type: ignore[no-untyped-def]
    """Swap the contents of two slots at a time so that sum(weight * distance) falls; in place.

    starts, neighbours, weights: the symmetric traffic in compressed rows; slot_xy: int (slots, 2);
    slot_of: slot of each part; part_at: part in each slot, -1 where none. The temperature falls
    from the mean cost of a random swap to a thousandth of it, in proportion at each move.
    """
    np.random.seed(seed)
    slots = slot_xy.shape[0]
    temperature, probes = 0.0, 200
    for probe in range(-probes, moves):
        a, b = np.random.randint(slots), np.random.randint(slots)
        one, other = part_at[a], part_at[b]
        if a == b or (one < 0 and other < 0):
            continue
        change = 0.0
        for part, old, new, partner in ((one, a, b, other), (other, b, a, one)):
            if part < 0:
                continue
            for k in range(starts[part], starts[part + 1]):
                if neighbours[k] == partner:
                    continue
                at = slot_xy[slot_of[neighbours[k]]]
                before = abs(slot_xy[old, 0] - at[0]) + abs(slot_xy[old, 1] - at[1])
                after = abs(slot_xy[new, 0] - at[0]) + abs(slot_xy[new, 1] - at[1])
                change += weights[k] * (after - before)
        if probe < 0:
            temperature += abs(change) / probes
            continue
        heat = temperature * 0.001 ** (probe / moves)
        if change <= 0 or np.random.random() < np.exp(-change / heat):
            part_at[a], part_at[b] = other, one
            if one >= 0:
                slot_of[one] = b
            if other >= 0:
                slot_of[other] = a
