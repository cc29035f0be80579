"""The cost of a program on Loihi: memory, and for a run activity and energy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

import numpy as np

from axonc.toolchain.cost import (
    Breakdown,
    CostReport,
    Count,
    EnergyEstimate,
    EnergyProfile,
    Event,
    Memory,
    Stored,
    TimeEstimate,
)

from .placement import Traffic
from .program import LoihiProgram, LoihiRun
from .timing import time_estimate, time_profile
from .work import CoreWork, work_of

PROFILES = ("davies_2018", "sana_fe_silicon_fit")
LEFT_OUT = (
    "energy leaves out barrier synchronisation, the host and input from it, "
    "because no figures are published; static power is reported separately"
)
TIME_IS = (
    "time is that of the busiest core, one event after the other, as fast as the chip can; input "
    "from the host is assumed to arrive in time"
)


@cache
def energy_profiles() -> tuple[EnergyProfile, ...]:
    """Return Loihi's energy profiles: the simulated lower bound, then the fit to silicon."""
    folder = files(__package__).joinpath("energy")
    return tuple(
        EnergyProfile.from_toml(folder.joinpath(f"{name}.toml").read_text(), f"{name}.toml")
        for name in PROFILES
    )


def cost_report(program: LoihiProgram, run: LoihiRun | None) -> CostReport:
    """Return the memory of `program`, and for a run activity, energy and time of one inference."""
    memory = _memory(program)
    notes = [f"{what}: {value}" for what, value in program.summary()]
    if run is None:
        return CostReport("loihi", memory, notes=tuple(notes))
    network, samples = program.network, run.counters[Count.SAMPLES]
    populations = [p.name for p in network.populations]

    def mean(count: Count, names: Iterable[str]) -> Breakdown[str]:
        return Breakdown({name: run.layers[name][count] / samples for name in names})

    updates = mean(Count.NEURON_UPDATES, populations)
    spikes = mean(Count.SPIKES, populations)
    active = mean(Count.ACTIVE_UPDATES, populations)
    energy: tuple[EnergyEstimate, ...] = ()
    time: tuple[TimeEstimate, ...] = ()
    if program.chip.name == "loihi1":
        work = list(work_of(program, run))
        sent = program.mapping.sent(run.arrived)
        events = _events(program, run, work, sent, active, updates, spikes)
        energy = tuple(profile.price(events) for profile in energy_profiles())
        profiles = [time_profile(name) for name in PROFILES]
        time = tuple(time_estimate(program, run, work, sent, profile) for profile in profiles)
        notes += [LEFT_OUT, TIME_IS]
    else:
        notes.append(f"no energy and no time: for {program.chip.title} no figures are published")
    return CostReport(
        "loihi",
        memory,
        synaptic_operations=mean(
            Count.SYNAPTIC_OPERATIONS, dict.fromkeys(map(program.node_of, network.synapses))
        ),
        neuron_updates=updates,
        spikes=mean(Count.SPIKES, [*network.inputs, *populations]),
        energy=energy,
        time=time,
        notes=tuple(notes),
    )


def _events(
    program: LoihiProgram,
    run: LoihiRun,
    work: Iterable[CoreWork],
    sent: Traffic,
    active: Breakdown[str],
    updates: Breakdown[str],
    spikes: Breakdown[str],
) -> Mapping[Event, float]:
    """Return the events of one inference."""
    samples = run.counters[Count.SAMPLES]
    events: defaultdict[Event, float] = defaultdict(float)
    for event, count in program.mapping.messages(sent).items():
        events[event] = count / samples
    for done in work:
        events[done.form] += done.operations / samples
    events[Event.NEURON_UPDATE_ACTIVE] = active.total
    events[Event.NEURON_UPDATE_INACTIVE] = updates.total - active.total
    events[Event.SPIKE_GENERATED] = spikes.total
    return events


def _memory(program: LoihiProgram) -> Breakdown[Stored]:
    """Return the bits by node and memory, summed over the cores of each population.

    A core keeps u and v of each compartment, a threshold for each configuration, and biases where
    a population has any.
    """
    partition, chip = program.mapping.partition, program.chip
    parts: Counter[Stored] = Counter()
    for group in partition.network.synapses:
        parts[Stored(program.node_of(group), Memory.SYNAPSES)] += partition.synapse_bits[group.name]
    for p in partition.network.populations:
        configurations = sum(usage["threshold_configurations"] for usage in partition.usage[p.name])
        parts[Stored(p.name, Memory.STATES)] = chip["state_bits"] * p.size
        parts[Stored(p.name, Memory.THRESHOLDS)] = chip["threshold_bits"] * configurations
        if np.any(p.bias_mant):
            parts[Stored(p.name, Memory.BIASES)] = chip["bias_bits"] * p.size
    return Breakdown(parts)
