"""Some samples of a batch, one after another, without coming back to Python in between."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .behaviour import simulate_behaviour
from .compiled import compiled
from .timing import CAUSES, simulate_timing


class Tally(NamedTuple):
    """What a share of samples did; what the mesh counts it keeps itself."""

    counters: np.ndarray  # (4, banks), as in `Behaviour`
    overflows: np.ndarray  # (blocks)
    unit_spikes: np.ndarray  # (units)
    block_phase: np.ndarray  # (blocks)
    block_walk: np.ndarray  # (blocks)
    core_shared: np.ndarray  # (cores), as in `Timing`
    step_cycles: np.ndarray  # (samples, machine steps)
    step_phases: np.ndarray  # (machine steps, 2 + waves) cycles of each phase, then of barriers
    step_causes: np.ndarray  # (machine steps, CAUSES), as in `Timing`
    ends: np.ndarray  # (samples, 2) cycle of the first and of the last output spike
    forks: np.ndarray  # (1) copies of multicast flits beyond the first
    deadlock: np.ndarray  # (1) cycle, -1 without


def new_tally(image: Any, clock: Any, samples: int, steps: int) -> Tally:
    """Return a tally of nothing."""
    units, blocks = len(clock.unit_lag), len(clock.neurons)
    machine_steps = steps + clock.waves * clock.pipelined

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.int64)

    return Tally(
        counters=zeros(4, len(image.banks) - 1),
        overflows=zeros(blocks),
        unit_spikes=zeros(units),
        block_phase=zeros(blocks),
        block_walk=zeros(blocks),
        core_shared=zeros(len(clock.sender_router) - 1),
        step_cycles=zeros(samples, machine_steps),
        step_phases=zeros(machine_steps, 2 + clock.waves),
        step_causes=zeros(machine_steps, CAUSES),
        ends=zeros(samples, 2),
        forks=zeros(1),
        deadlock=np.full(1, -1, np.int64),
    )


@compiled
def simulate_share(
    image: Any,
    clock: Any,
    mesh: Any,
    places: Any,
    method: int,
    inputs: Any,
    input_columns: Any,
    columns: int,
    fired_columns: Any,
    fired: Any,
    potential_slots: Any,
    potentials: Any,
    arriving: Any,
    leaving: Any,
    tally: Tally,
) -> None:
    """Run all samples of `inputs` (samples, time, input neurons).

    Fills fired[sample, time, k] with the spikes of column fired_columns[k], and likewise
    potentials with those of slot potential_slots[k]. arriving, leaving: (samples, time, neurons)
    sums from an earlier part, and for a later one.
    """
    with_potentials, unit_spikes = potential_slots.size > 0, tally.unit_spikes
    for sample in range(inputs.shape[0]):
        done = simulate_behaviour(
            image,
            inputs[sample],
            input_columns,
            columns,
            with_potentials,
            arriving[sample],
            leaving[sample],
        )
        mesh.outputs[1:] = -1
        timing = simulate_timing(
            image, clock, mesh, places, method, done.begin, done.end, done.ids, done.slots, False
        )
        if timing.deadlock[0] >= 0:
            tally.deadlock[0] = timing.deadlock[0]
            return
        for kind in range(tally.counters.shape[0]):
            _add(done.counters[kind], tally.counters[kind])
        _add(done.overflows, tally.overflows)
        _add(timing.block_phase, tally.block_phase)
        _add(timing.block_walk, tally.block_walk)
        _add(timing.core_shared, tally.core_shared)
        times, phases, causes = timing.phase_times, tally.step_phases, timing.step_causes
        for t in range(phases.shape[0]):
            barriers = timing.step_cycles[t]
            for turn in range(times.shape[1]):
                phases[t, turn] += times[t, turn, 1] - times[t, turn, 0]
                barriers -= times[t, turn, 1] - times[t, turn, 0]
            phases[t, clock.waves + 1] += barriers
            _add(causes[t], tally.step_causes[t])
        _add(timing.step_cycles, tally.step_cycles[sample])
        _add(mesh.outputs[1:], tally.ends[sample])
        tally.forks[0] += timing.forks[0]
        begin, end, all_fired, all_potentials = done.begin, done.end, done.fired, done.potentials
        for t in range(inputs.shape[1]):
            for unit in range(unit_spikes.size):
                unit_spikes[unit] += end[t, unit] - begin[t, unit]
            for k in range(fired_columns.size):
                fired[sample, t, k] = all_fired[t, fired_columns[k]]
            for k in range(potential_slots.size):
                potentials[sample, t, k] = all_potentials[t, potential_slots[k]]


@compiled
def _add(more: Any, total: Any) -> None:
    """Add in place; of `total += more` the texts of all its errors would be compiled too."""
    for i in range(total.size):
        total[i] += more[i]
