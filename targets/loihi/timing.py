"""The time of a step: the busiest core, the longest path of a message, and the barrier.

    core(c) = sum over events of their mean count a step in core c * ns(event)
    step    = max over c of core(c) + longest way of a message + barrier(tiles in use)

Two assumptions are made, because only times of single events are published: a core processes its
events one after another, and all steps are alike, as are the updates of all neurons of a population
(messages, and operations of matrices, are counted core by core). Overlap makes a step shorter,
bursts make it longer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from axonc.toolchain.cost import Count, Event, StepPart, TimeEstimate

from .core_usage import reached
from .placement import Traffic, hops
from .program import LoihiProgram, LoihiRun
from .work import CoreWork


@dataclass(frozen=True)
class TimeProfile:
    """Nanoseconds of single events, with `barrier`: tiles in use and the barrier's time there."""

    name: str
    basis: str
    source: str
    ns: Mapping[Event, float]
    barrier: tuple[tuple[float, ...], tuple[float, ...]]


@cache
def time_profile(name: str) -> TimeProfile:
    """Return the times in the energy profile NAME.toml."""
    raw = tomllib.loads(files(__package__).joinpath(f"energy/{name}.toml").read_text())
    ns = {Event(event): float(entry["ns"]) for event, entry in raw["time"].items()}
    barrier = (tuple(raw["barrier"]["tiles"]), tuple(raw["barrier"]["ns"]))
    return TimeProfile(raw["name"], raw["time_basis"], raw["time_source"], ns, barrier)


def time_estimate(
    program: LoihiProgram,
    run: LoihiRun,
    work: Sequence[CoreWork],
    messages: Traffic,
    profile: TimeProfile,
) -> TimeEstimate:
    """Return the time of a mean step of a run, given its synaptic operations and its messages."""
    network, mapping = program.network, program.mapping
    first = network.populations[0]
    samples = run.counters[Count.SAMPLES]
    steps = run.layers[first.name][Count.NEURON_UPDATES] // (samples * first.size)
    cores = _cores(program, run, samples * steps, work, messages)
    busy = {
        part: np.sum([profile.ns[event] * counts for event, counts in events.items()], axis=0)
        for part, events in cores.items()
    }
    busiest = int(np.argmax(np.sum(list(busy.values()), axis=0)))
    way = hops(mapping.traffic, mapping.placement.tile_xy)
    hop_ns = np.array([profile.ns[Event.HOP_EAST_WEST], profile.ns[Event.HOP_NORTH_SOUTH]])
    tiles = len(np.unique(mapping.placement.tile_xy, axis=0))
    parts = {part: float(ns[busiest]) for part, ns in busy.items()}
    parts[StepPart.LONGEST_WAY] = float((way @ hop_ns).max(initial=0.0))
    unpriced: tuple[StepPart, ...] = ()
    if mapping.placement.chips > 1:
        unpriced = (StepPart.BARRIER_BETWEEN_CHIPS,)
    else:
        parts[StepPart.BARRIER] = float(np.interp(tiles, *profile.barrier))
    return TimeEstimate(
        profile.name, profile.basis, profile.source, parts, steps + program.latency_steps, unpriced
    )


def _cores(
    program: LoihiProgram, run: LoihiRun, steps: int, work: Sequence[CoreWork], messages: Traffic
) -> dict[StepPart, dict[Event, np.ndarray]]:
    """Return mean counts a step, by part of the estimate and event: one number a core."""
    network, partition = program.network, program.mapping.partition
    number = {name: i for i, name in enumerate(messages.names)}
    count = len(number)

    def share(population: str) -> np.ndarray:
        """The share of a population's neurons in each core."""
        found = np.zeros(count)
        for i, fragment in enumerate(partition.fragments[population]):
            found[number[population, i]] = len(fragment.neurons)
        return found / found.sum()

    operations = {form: np.zeros(count) for form in dict.fromkeys(done.form for done in work)}
    for done in work:
        core = number[done.group.target, done.fragment]
        operations[done.form][core] += done.operations / steps
    sent, received = np.zeros(count), np.zeros(count)
    np.add.at(sent, messages.source, messages.messages / steps)
    np.add.at(received, messages.target, messages.messages / steps)
    for g in network.synapses:
        if g.source in network.inputs:
            for i, fragment in enumerate(partition.fragments[g.target]):
                mask = reached(g, fragment)
                arrived = run.arrived[g.name].reshape(-1, mask.size)
                received[number[g.target, i]] += int(arrived[:, mask].sum()) / steps
    active, idle, spikes = np.zeros(count), np.zeros(count), np.zeros(count)
    for p in network.populations:
        mean = {what: share(p.name) * n / steps for what, n in run.layers[p.name].items()}
        active += mean[Count.ACTIVE_UPDATES]
        idle += mean[Count.NEURON_UPDATES] - mean[Count.ACTIVE_UPDATES]
        spikes += mean[Count.SPIKES]
    return {
        StepPart.SYNAPTIC_OPERATIONS: operations,
        StepPart.NEURON_UPDATES: {
            Event.NEURON_UPDATE_ACTIVE: active,
            Event.NEURON_UPDATE_INACTIVE: idle,
        },
        StepPart.SPIKES_AND_MESSAGES: {
            Event.SPIKE_GENERATED: spikes,
            Event.MESSAGE_SENT: sent,
            Event.MESSAGE_RECEIVED: received,
        },
    }
