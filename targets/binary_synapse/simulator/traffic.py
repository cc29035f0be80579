"""Who sends how much to whom, and places that make it travel less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .behaviour import simulate_behaviour
from .compiled import compiled
from .mesh import FLIT_CORE_SHIFT
from .timing import queue_step

if TYPE_CHECKING:
    from ..program import BinaryProgram


def measured_traffic(program: BinaryProgram, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Return flits by (unit, destination core), the host in the last column, for some spikes."""
    prepared = program.prepared
    joined = np.concatenate([inputs[name] for name in program.graph.inputs], axis=2)
    traffic = np.zeros((len(prepared.image.units), len(program.positions) + 1), np.int64)
    for sample in np.ascontiguousarray(joined, np.uint8):
        done = simulate_behaviour(
            prepared.image, sample, prepared.input_columns, prepared.columns, False
        )
        _count(prepared.image, prepared.clock, done.begin, done.end, done.ids, done.slots, traffic)
    return traffic


@compiled
def _count(
    image: Any, clock: Any, begin: Any, end: Any, ids: Any, slots: Any, traffic: Any
) -> None:
    steps, n_units = begin.shape
    turns = 1 if clock.pipelined else 1 + clock.waves
    first, last = np.zeros((turns, n_units), np.int64), np.zeros((turns, n_units), np.int64)
    flits, ready = np.empty(1024, np.int64), np.empty(1024, np.int64)
    for step in range(steps + clock.waves if clock.pipelined else steps):
        flits, ready = queue_step(
            image, clock, step, begin, end, ids, slots, first, last, flits, ready
        )
        for turn in range(turns):
            for unit in range(n_units):
                for k in range(first[turn, unit], last[turn, unit]):
                    core = (flits[k] >> FLIT_CORE_SHIFT) - 1
                    traffic[unit, core if core >= 0 else traffic.shape[1] - 1] += 1


def anneal(
    traffic: np.ndarray, start: np.ndarray, columns: int, sweeps: int, seed: int
) -> np.ndarray:
    """Return core numbers by router (-1: none) with few flits times links; see `placement`."""
    cores = traffic.shape[1] - 1
    between = np.zeros((cores + 1, cores + 1), np.int64)
    np.add.at(between, np.minimum(np.arange(len(traffic)), cores), traffic)
    both = between + between.T
    np.fill_diagonal(both, 0)
    partners = [np.flatnonzero(row) for row in both]
    offsets = np.cumsum([0, *map(len, partners)])
    weights = np.concatenate([both[core, ids] for core, ids in enumerate(partners)])
    random = np.random.default_rng(seed)
    swaps = random.integers(0, len(start), (sweeps * max(cores, 1), 2))
    chances = random.random(len(swaps))
    return _anneal(
        np.concatenate(partners).astype(np.int64), weights, offsets, start, columns, swaps, chances
    )


@compiled
def _anneal(
    partners: Any, weights: Any, offsets: Any, start: Any, columns: int, swaps: Any, chances: Any
) -> Any:
    at = start.copy()
    place = np.zeros(offsets.size - 1, np.int64)  # by core; the host, last, stays at router 0
    for router in range(at.size):
        if at[router] >= 0:
            place[at[router]] = router
    best, cost, least = at.copy(), 0, 0
    temperature, sampled = 0.0, min(swaps.shape[0], 200)
    for index in range(sampled):
        temperature += abs(_gain(partners, weights, offsets, at, place, columns, swaps[index]))
    temperature = temperature / max(1, sampled) + 1e-9
    cooling = 1e-3 ** (1 / max(1, swaps.shape[0]))
    for index in range(swaps.shape[0]):
        change = _gain(partners, weights, offsets, at, place, columns, swaps[index])
        if change <= 0 or chances[index] < np.exp(-change / temperature):
            one, two = swaps[index, 0], swaps[index, 1]
            at[one], at[two] = at[two], at[one]
            if at[one] >= 0:
                place[at[one]] = one
            if at[two] >= 0:
                place[at[two]] = two
            cost += change
            if cost < least:
                least = cost
                best[:] = at
        temperature *= cooling
    return best


@compiled
def _gain(
    partners: Any, weights: Any, offsets: Any, at: Any, place: Any, columns: int, swap: Any
) -> int:
    """Return the change of cost if the occupants of two routers change places."""
    total = 0
    for side in range(2):
        here, there = swap[side], swap[1 - side]
        core = at[here]
        if core < 0:
            continue
        for k in range(offsets[core], offsets[core + 1]):
            other = place[partners[k]]
            if partners[k] == at[there]:
                continue  # their distance stays as it is
            total += weights[k] * (_links(there, other, columns) - _links(here, other, columns))
    return total


@compiled
def _links(one: int, two: int, columns: int) -> int:
    return abs(one % columns - two % columns) + abs(one // columns - two // columns)
