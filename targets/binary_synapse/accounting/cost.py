"""Costs of a program: occupied memory, activity, cycles, energy under two sourced profiles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files

from axonc.toolchain.cost import Breakdown, CostReport, EnergyProfile

from ...base import Run
from ..machine.architecture import Architecture
from ..mapping.sequential import SequentialProgram
from ..program.memory import memory_bits
from ..program.program import BinaryProgram

_MEMORY_CLASSES = ((8 << 13, "memory_bit_8kb"), (32 << 13, "memory_bit_32kb"))
_ADDERS = ((8, "add_8bit"), (16, "add_16bit"), (41, "add_32bit"))


def cost_report(program: BinaryProgram | SequentialProgram, run: Run | None) -> CostReport:
    """Return memory always; activity, cycles and energy as means per inference where `run` is."""
    programs = (
        [program]
        if isinstance(program, BinaryProgram)
        else [part.program for part in program.parts]
    )
    memory: Counter[str] = Counter()
    for one in programs:
        memory.update(memory_bits(one))
    if run is None:
        return CostReport("binary_synapse", Breakdown(memory))
    samples = run.counters["samples"]

    def per_inference(name: str) -> Breakdown:
        parts = {node: layer[name] / samples for node, layer in run.layers.items() if name in layer}
        return Breakdown(parts)

    cycles = {
        name.removeprefix("cycles/"): count / samples
        for name, count in run.counters.items()
        if name.startswith("cycles/")
    }
    counts = {name: count / samples for name, count in run.counters.items()}
    updates = per_inference("neuron_updates").parts
    events = component_events(program.architecture, counts)
    update_events(programs, updates, events)
    machine = program.architecture
    bound = getattr(run, "engine", "cycle") == "analytic"
    how = "lower bound of the cycles" if bound else "cycle-level simulation"
    latency_us = sum(cycles.values()) / machine.clock_mhz
    return CostReport(
        target="binary_synapse",
        memory_bits=Breakdown(memory),
        synaptic_operations=per_inference("synaptic_operations"),
        neuron_updates=per_inference("neuron_updates"),
        spikes=per_inference("spikes"),
        cycles=Breakdown(cycles),
        energy=(
            load_profile("horowitz_45nm").price(events),
            load_profile("odin_28nm").price({"synapse_walked": counts["synapses_walked"]}),
        ),
        notes=(
            f"{how} of architecture {machine.name!r}, "
            f"{latency_us:.1f} us per inference at {machine.clock_mhz:g} MHz",
        ),
    )


def load_profile(name: str) -> EnergyProfile:
    """Return a shipped energy profile."""
    text = files(__package__).joinpath("energy", f"{name}.toml").read_text("utf-8")
    return EnergyProfile.from_toml(text, name)


def component_events(machine: Architecture, counts: Mapping[str, float]) -> defaultdict[str, float]:
    """Return the priced events of a run, neuron updates left out: bits moved and synapses added.

    A memory is priced as the smallest published one that holds it, an adder likewise. Reading and
    writing cost the same. A synapse and a partial sum are one addition each.
    """
    size = machine.core
    capacity = {
        "signs": size.synapse_capacity_bits,
        "presence": size.synapse_capacity_bits,
        "accumulators": size.neurons * size.accumulator_bits,
        "membranes": size.neurons * size.membrane_bits,
        "currents": size.neurons * size.current_bits,
        "thresholds": size.neurons * size.threshold_bits,
        "biases": size.neurons * size.bias_bits,
        "fifos": 1,
    }
    events: defaultdict[str, float] = defaultdict(float)
    for memory, bits in capacity.items():
        moved = counts.get(f"read_bits/{memory}", 0) + counts.get(f"write_bits/{memory}", 0)
        events[_priced_as(bits, _MEMORY_CLASSES, "memory_bit_1mb")] += moved
    touched = counts["synapses_walked"] + counts["partial_sums"]
    events[_priced_as(size.accumulator_bits, _ADDERS, "add_32bit")] += touched
    external = counts.get("read_bits/external", 0) + counts.get("write_bits/external", 0)
    events["external_bit"] += external
    return events


def update_events(
    programs: Sequence[BinaryProgram],
    updates_of: Mapping[str, float],
    events: defaultdict[str, float],
) -> None:
    """Add the neuron updates of all parts of a network to `events`.

    An update is three additions (sum, bias, compare) and a product where the membrane leaks; one
    of each more with a synaptic current.
    """
    adder = _priced_as(programs[0].architecture.core.membrane_bits, _ADDERS, "add_32bit")
    for layer, program in {name: one for one in programs for name in one.reasons}.items():
        current = program.neuron(layer).current is not None
        events[adder] += updates_of[layer] * (3 + current)
        events["multiply_32bit"] += updates_of[layer] * (
            program.neuron(layer).membrane.decays + current
        )


def _priced_as(size: int, classes: tuple[tuple[int, str], ...], largest: str) -> str:
    return next((name for limit, name in classes if size <= limit), largest)
