"""The time of a step: the busiest core, the longest path of a message, and the barrier.

    core(c) = sum over events of their mean count a step in core c * ns(event)
    step    = max over c of core(c) + longest way of a message + barrier(tiles in use)

Two assumptions are made, because only times of single events are published: a core processes its
events one after another, and all neurons of a population are equally active in all steps. Overlap
makes a step shorter, bursts make it longer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from axonc.toolchain.cost import TimeEstimate

from .core_usage import reached
from .placement import hops
from .program import LoihiProgram


@dataclass(frozen=True)
class TimeProfile:
    """Nanoseconds of single events, with `barrier`: tiles in use and the barrier's time there."""

    name: str
    basis: str
    source: str
    ns: Mapping[str, float]
    barrier: tuple[tuple[float, ...], tuple[float, ...]]


@cache
def time_profile(name: str) -> TimeProfile:
    """Return the times in the energy profile NAME.toml."""
    raw = tomllib.loads(files(__package__).joinpath(f"energy/{name}.toml").read_text())
    ns = {event: float(entry["ns"]) for event, entry in raw["time"].items()}
    barrier = (tuple(raw["barrier"]["tiles"]), tuple(raw["barrier"]["ns"]))
    return TimeProfile(raw["name"], raw["time_basis"], raw["time_source"], ns, barrier)


def time_estimate(
    program: LoihiProgram,
    layers: Mapping[str, Mapping[str, int]],
    samples: int,
    forms: Mapping[str, str],
    profile: TimeProfile,
) -> TimeEstimate:
    """Return the time of a mean step of a run.

    Args:
        layers: the run's totals by population, input and synapse group, over `samples`.
        forms: of each synapse group, as the profile calls them.
    """
    network, mapping = program.network, program.mapping
    first = network.populations[0]
    steps = layers[first.name]["neuron_updates"] // (samples * first.size)
    cores = _cores(program, layers, samples * steps, forms)
    busy = {
        part: np.sum([profile.ns[event] * counts for event, counts in events.items()], axis=0)
        for part, events in cores.items()
    }
    busiest = int(np.argmax(np.sum(list(busy.values()), axis=0)))
    way = hops(mapping.traffic, mapping.placement.tile_xy)
    hop_ns = np.array([profile.ns["hop_east_west"], profile.ns["hop_north_south"]])
    tiles = len(np.unique(mapping.placement.tile_xy, axis=0))
    parts = {part: float(ns[busiest]) for part, ns in busy.items()}
    parts["longest way of a message"] = float((way @ hop_ns).max(initial=0.0))
    unpriced: tuple[str, ...] = ()
    if mapping.placement.chips > 1:
        unpriced = ("barrier between chips",)
    else:
        parts["barrier"] = float(np.interp(tiles, *profile.barrier))
    return TimeEstimate(
        profile.name, profile.basis, profile.source, parts, steps + program.latency_steps, unpriced
    )


def _cores(
    program: LoihiProgram,
    layers: Mapping[str, Mapping[str, int]],
    steps: int,
    forms: Mapping[str, str],
) -> dict[str, dict[str, np.ndarray]]:
    """Return mean counts a step, by part of the estimate and event: one number a core."""
    network, partition = program.network, program.mapping.partition
    traffic = program.mapping.traffic
    number = {name: i for i, name in enumerate(traffic.names)}
    count = len(number)

    def share(population: str) -> np.ndarray:
        """The share of a population's neurons in each core."""
        found = np.zeros(count)
        for i, fragment in enumerate(partition.fragments[population]):
            found[number[population, i]] = len(fragment.neurons)
        return found / found.sum()

    work = {f"synaptic_operation_{form}": np.zeros(count) for form in set(forms.values())}
    sent, received = np.zeros(count), np.zeros(count)
    for index, g in enumerate(network.synapses):
        total = layers[g.name]["synaptic_operations"] / steps
        work[f"synaptic_operation_{forms[g.name]}"] += share(g.target) * total
        size = int(np.prod(network.shape_of(g.source)))
        rate = layers[g.source]["spikes"] / steps / size
        if g.source in network.inputs:
            for i, fragment in enumerate(partition.fragments[g.target]):
                received[number[g.target, i]] += reached(g, fragment).mean() * size * rate
        else:
            own = traffic.group == index
            messages = traffic.messages[own] * rate
            np.add.at(sent, traffic.source[own], messages)
            np.add.at(received, traffic.target[own], messages)
    active, idle, spikes = np.zeros(count), np.zeros(count), np.zeros(count)
    for p in network.populations:
        mean = {name: share(p.name) * n / steps for name, n in layers[p.name].items()}
        active += mean["active_updates"]
        idle += mean["neuron_updates"] - mean["active_updates"]
        spikes += mean["spikes"]
    return {
        "synaptic operations": work,
        "neuron updates": {"neuron_update_active": active, "neuron_update_inactive": idle},
        "spikes and messages": {
            "spike_generated": spikes,
            "message_sent": sent,
            "message_received": received,
        },
    }
