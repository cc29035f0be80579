"""Some samples of a batch, one after another, without coming back to Python in between."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .behaviour import Behaviour, simulate_behaviour
from .compiled import compiled
from .image import Image
from .lone_sender import Departures
from .records import BANK_COUNTS, CAUSES, OUTPUTS
from .state import Mesh
from .timing import Engine, Timing, simulate_timing
from .timing_tables import TimingTables


class Tally(NamedTuple):
    """What a share of samples did; what the mesh counts it keeps itself."""

    bank_counts: np.ndarray  # (banks) of BANK_COUNTS
    overflows: np.ndarray  # (blocks)
    unit_spikes: np.ndarray  # (units)
    block_phase: np.ndarray  # (blocks)
    block_walk: np.ndarray  # (blocks)
    core_shared: np.ndarray  # (cores), as in `Timing`
    step_cycles: np.ndarray  # (samples, machine steps)
    step_phases: np.ndarray  # (machine steps, 2 + waves) cycles of each phase, then of barriers
    step_causes: np.ndarray  # (machine steps) of CAUSES
    outputs: np.ndarray  # (samples) of OUTPUTS
    forks: np.ndarray  # (1) copies of multicast flits beyond the first
    deadlock: np.ndarray  # (1) cycle, -1 without


def new_tally(image: Image, tables: TimingTables, samples: int, steps: int) -> Tally:
    """Return a tally of nothing."""
    units, blocks = len(tables.unit_lag), len(tables.neurons)
    machine_steps = steps + tables.waves * tables.pipelined

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.int64)

    return Tally(
        bank_counts=np.zeros(len(image.banks) - 1, BANK_COUNTS),
        overflows=zeros(blocks),
        unit_spikes=zeros(units),
        block_phase=zeros(blocks),
        block_walk=zeros(blocks),
        core_shared=zeros(len(tables.sender_router) - 1),
        step_cycles=zeros(samples, machine_steps),
        step_phases=zeros(machine_steps, 2 + tables.waves),
        step_causes=np.zeros(machine_steps, CAUSES),
        outputs=np.zeros(samples, OUTPUTS),
        forks=zeros(1),
        deadlock=np.full(1, -1, np.int64),
    )


@compiled
def simulate_share(
    image: Image,
    tables: TimingTables,
    mesh: Mesh,
    departures: Departures,
    engine: Engine,
    inputs: np.ndarray,
    input_columns: np.ndarray,
    columns: int,
    fired_columns: np.ndarray,
    fired: np.ndarray,
    potential_slots: np.ndarray,
    potentials: np.ndarray,
    arriving: np.ndarray,
    leaving: np.ndarray,
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
        mesh.outputs[0].first_cycle = mesh.outputs[0].last_cycle = -1
        timing = simulate_timing(image, tables, mesh, departures, engine, done.events, False)
        if timing.deadlock[0] >= 0:
            tally.deadlock[0] = timing.deadlock[0]
            return
        _tally_behaviour(done, tally)
        _tally_timing(timing, tally)
        _add(timing.step_cycles, tally.step_cycles[sample])
        tally.outputs[sample].first_cycle = mesh.outputs[0].first_cycle
        tally.outputs[sample].last_cycle = mesh.outputs[0].last_cycle
        begin, end = done.events.begin, done.events.end
        all_fired, all_potentials = done.fired, done.potentials
        for t in range(inputs.shape[1]):
            for unit in range(unit_spikes.size):
                unit_spikes[unit] += end[t, unit] - begin[t, unit]
            for k in range(fired_columns.size):
                fired[sample, t, k] = all_fired[t, fired_columns[k]]
            for k in range(potential_slots.size):
                potentials[sample, t, k] = all_potentials[t, potential_slots[k]]


@compiled
def _tally_behaviour(done: Behaviour, tally: Tally) -> None:
    for bank in range(tally.bank_counts.size):
        counted, total = done.bank_counts[bank], tally.bank_counts[bank]
        total.events += counted.events
        total.walks += counted.walks
        total.visited += counted.visited
        total.effective += counted.effective
    _add(done.overflows, tally.overflows)


@compiled
def _tally_timing(timing: Timing, tally: Tally) -> None:
    _add(timing.block_phase, tally.block_phase)
    _add(timing.block_walk, tally.block_walk)
    _add(timing.core_shared, tally.core_shared)
    times, cycles = timing.phase_times, tally.step_phases
    for t in range(cycles.shape[0]):
        barriers = timing.step_cycles[t]
        for phase in range(times.shape[1]):
            length = times[t, phase].quiet - times[t, phase].first
            cycles[t, phase] += length
            barriers -= length
        cycles[t, cycles.shape[1] - 1] += barriers
        cause, total = timing.step_causes[t], tally.step_causes[t]
        total.walk += cause.walk
        total.neuron_phase += cause.neuron_phase
        total.send_waits += cause.send_waits
        total.event_fifo_waits += cause.event_fifo_waits
        total.link_waits += cause.link_waits
    tally.forks[0] += timing.forks[0]


@compiled
def _add(more: np.ndarray, total: np.ndarray) -> None:
    """Add in place; of `total += more` the texts of all its errors would be compiled too."""
    for i in range(total.size):
        total[i] += more[i]
