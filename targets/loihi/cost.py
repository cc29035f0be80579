"""The cost of a program on Loihi: memory, and for a run activity and energy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np

from axonc.toolchain.cost import Breakdown, CostReport, EnergyEstimate, EnergyProfile, TimeEstimate

from .network import SynapseGroup
from .partition import Partition
from .program import LoihiProgram
from .timing import time_estimate, time_profile

PROFILES = ("davies_2018", "sana_fe_silicon_fit")
LEFT_OUT = (
    "energy leaves out barrier synchronisation, links between chips, the host and input from it, "
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


def cost_report(
    program: LoihiProgram, layers: Mapping[str, Mapping[str, int]] | None, samples: int
) -> CostReport:
    """Return the cost of `program`; `layers` are a run's totals by population and synapse group."""
    memory = _memory(program.mapping.partition)
    notes = [f"{what}: {value}" for what, value in program.summary()]
    if layers is None:
        return CostReport("loihi", memory, notes=tuple(notes))
    network = program.network

    def mean(counter: str, names: list[str]) -> Breakdown:
        return Breakdown({name: layers[name][counter] / samples for name in names})

    populations = [p.name for p in network.populations]
    operations = mean("synaptic_operations", [g.name for g in network.synapses])
    updates = mean("neuron_updates", populations)
    spikes = mean("spikes", populations)
    events = _events(program, operations, mean("active_updates", populations), updates, spikes)
    energy: tuple[EnergyEstimate, ...] = ()
    time: tuple[TimeEstimate, ...] = ()
    if program.chip.name == "loihi1":
        energy = tuple(profile.price(events) for profile in energy_profiles())
        forms = {g.name: _form(g) for g in network.synapses}
        profiles = [time_profile(name) for name in PROFILES]
        time = tuple(time_estimate(program, layers, samples, forms, p) for p in profiles)
        notes += [LEFT_OUT, TIME_IS]
    else:
        notes.append(f"no energy and no time: for {program.chip.title} no figures are published")
    return CostReport(
        "loihi",
        memory,
        synaptic_operations=operations,
        neuron_updates=updates,
        spikes=Breakdown({**mean("spikes", [*network.inputs]).parts, **spikes.parts}),
        energy=energy,
        time=time,
        notes=tuple(notes),
    )


def _events(
    program: LoihiProgram,
    operations: Breakdown,
    active: Breakdown,
    updates: Breakdown,
    spikes: Breakdown,
) -> dict[str, float]:
    """Return the events of one inference by the names that the profiles use."""
    events: dict[str, float] = dict.fromkeys(
        (f"synaptic_operation_{form}" for form in ("dense", "sparse", "conv")), 0.0
    )
    for group in program.network.synapses:
        events[f"synaptic_operation_{_form(group)}"] += operations.parts[group.name]
    events["neuron_update_active"] = active.total
    events["neuron_update_inactive"] = updates.total - active.total
    events["spike_generated"] = spikes.total
    return events | program.mapping.messages(spikes.parts)


def _memory(partition: Partition) -> Breakdown:
    """Return the bits by node and purpose, summed over the cores of each population.

    A core keeps u and v of each compartment, a threshold for each configuration, and biases where
    a population has any.
    """
    chip = partition.chip
    parts = {f"{group} synapses": bits for group, bits in partition.synapse_bits.items()}
    for p in partition.network.populations:
        configurations = sum(usage["threshold_configurations"] for usage in partition.usage[p.name])
        parts[f"{p.name} states"] = chip["state_bits"] * p.size
        parts[f"{p.name} thresholds"] = chip["threshold_bits"] * configurations
        if np.any(p.bias_mant):
            parts[f"{p.name} biases"] = chip["bias_bits"] * p.size
    return Breakdown(parts)


def _form(group: SynapseGroup) -> str:
    if group.kernel is not None:
        return "conv"
    return "dense" if int(group.fan_out().sum()) == int(np.prod(group.weight.shape)) else "sparse"
