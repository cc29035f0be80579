"""Simulated annealing of a placement, compiled; see `mesh_placement`."""

from __future__ import annotations

import numpy as np

from ._kernel_cache import jit


@jit
def anneal(starts, partners, messages, xy_of, slot_of, part_at, moves, heat, cooled, seed):  # type: ignore[no-untyped-def]
    """Move parts so that sum(messages * links) falls; return the slots of the best order seen.

    starts, partners, messages: symmetric traffic in compressed rows; xy_of: int (slots + pins, 2);
    slot_of: slot of each part, and of each pin behind them; part_at: part in each slot, -1 where
    none. A move takes a part to a slot and the part there, if any, back in exchange. The
    temperature falls, in proportion at each move, from `heat` times the mean cost of a random move
    to `cooled` times it.
    """
    np.random.seed(seed)
    parts, slots, probes = starts.size - 1, part_at.size, 200
    temperature, cost, least, best = 0.0, 0.0, 0.0, slot_of.copy()
    for move in range(-probes, moves):
        one, there = np.random.randint(parts), np.random.randint(slots)
        here, other = slot_of[one], part_at[there]
        if here == there:
            continue
        change = 0.0
        for part, old, new, partner in ((one, here, there, other), (other, there, here, one)):
            if part < 0:
                continue
            for k in range(starts[part], starts[part + 1]):
                if partners[k] == partner:
                    continue  # their distance stays as it is
                at = xy_of[slot_of[partners[k]]]
                before = abs(xy_of[old, 0] - at[0]) + abs(xy_of[old, 1] - at[1])
                after = abs(xy_of[new, 0] - at[0]) + abs(xy_of[new, 1] - at[1])
                change += messages[k] * (after - before)
        if move < 0:
            temperature += abs(change) / probes
            continue
        now = temperature * heat * (cooled / heat) ** (move / moves)
        if change <= 0 or np.random.random() < np.exp(-change / now):
            part_at[here], part_at[there] = other, one
            slot_of[one] = there
            if other >= 0:
                slot_of[other] = here
            cost += change
            if cost < least:
                least = cost
                best[:] = slot_of
    return best[:parts]
