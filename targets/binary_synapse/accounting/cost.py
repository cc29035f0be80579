"""Costs of a program: occupied memory, activity, cycles, energy under two sourced profiles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from importlib.resources import files

from axonc.toolchain.cost import (
    Access,
    Breakdown,
    CostReport,
    Count,
    EnergyProfile,
    Event,
    Memory,
    Stored,
)

from ...base import Run
from ..machine.architecture import Architecture
from ..mapping.sequential import SequentialProgram
from ..program.memory import memory_bits
from ..program.program import BinaryProgram

_MEMORY_CLASSES = ((8 << 13, Event.MEMORY_BIT_8KB), (32 << 13, Event.MEMORY_BIT_32KB))
_ADDERS = ((8, Event.ADD_8BIT), (16, Event.ADD_16BIT))


def cost_report(program: BinaryProgram | SequentialProgram, run: Run | None) -> CostReport:
    """Return memory always; activity, cycles and energy as means per inference where `run` is."""
    programs = (
        [program]
        if isinstance(program, BinaryProgram)
        else [part.program for part in program.parts]
    )
    memory: Counter[Stored] = Counter()
    for one in programs:
        memory.update(memory_bits(one))
    if run is None or run.cycles is None:
        return CostReport("binary_synapse", Breakdown(memory))
    samples, machine = run.counters[Count.SAMPLES], program.architecture

    def per_inference(what: Count) -> Breakdown[str]:
        return Breakdown(
            {node: layer[what] / samples for node, layer in run.layers.items() if what in layer}
        )

    cycles = {part: count / samples for part, count in run.cycles.parts()}
    updates = per_inference(Count.NEURON_UPDATES)
    moved = {access: bits / samples for access, bits in run.accesses.items()}
    walked = run.counters[Count.SYNAPSES_WALKED] / samples
    additions = walked + run.counters[Count.PARTIAL_SUMS] / samples
    events = component_events(machine, moved, additions)
    update_events(programs, updates.parts, events)
    bound = getattr(run, "engine", "cycle") == "analytic"
    how = "lower bound of the cycles" if bound else "cycle-level simulation"
    latency_us = run.cycles.total / samples / machine.clock_mhz
    return CostReport(
        target="binary_synapse",
        memory_bits=Breakdown(memory),
        synaptic_operations=per_inference(Count.SYNAPTIC_OPERATIONS),
        neuron_updates=updates,
        spikes=per_inference(Count.SPIKES),
        cycles=Breakdown(cycles),
        energy=(
            load_profile("horowitz_45nm").price(events),
            load_profile("odin_28nm").price({Event.SYNAPSE_WALKED: walked}),
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


def component_events(
    machine: Architecture, moved_bits: Mapping[Access, float], additions: float
) -> defaultdict[Event, float]:
    """Return the priced events of a run, neuron updates left out: bits moved and synapses added.

    A memory is priced as the smallest published one that holds it, an adder likewise. Reading and
    writing cost the same. FIFOs are priced as the smallest memory.

    Args:
        additions: of synapses visited, and of partial sums.
    """
    size = machine.core
    capacity_bits = {
        Memory.SIGNS: size.synapse_capacity_bits,
        Memory.PRESENCE: size.synapse_capacity_bits,
        Memory.ACCUMULATORS: size.neurons * size.accumulator_bits,
        Memory.MEMBRANES: size.neurons * size.membrane_bits,
        Memory.CURRENTS: size.neurons * size.current_bits,
        Memory.THRESHOLDS: size.neurons * size.threshold_bits,
        Memory.BIASES: size.neurons * size.bias_bits,
        Memory.FIFOS: 1,
    }
    events: defaultdict[Event, float] = defaultdict(float)
    for access, bits in moved_bits.items():
        if access.memory is Memory.EXTERNAL:
            events[Event.EXTERNAL_BIT] += bits
        else:
            capacity = capacity_bits[access.memory]
            events[_priced_as(capacity, _MEMORY_CLASSES, Event.MEMORY_BIT_1MB)] += bits
    events[_priced_as(size.accumulator_bits, _ADDERS, Event.ADD_32BIT)] += additions
    return events


def update_events(
    programs: Sequence[BinaryProgram],
    updates_of: Mapping[str, float],
    events: defaultdict[Event, float],
) -> None:
    """Add the neuron updates of all parts of a network to `events`.

    An update is three additions (sum, bias, compare) and a product where the membrane leaks; one
    of each more with a synaptic current.
    """
    adder = _priced_as(programs[0].architecture.core.membrane_bits, _ADDERS, Event.ADD_32BIT)
    for layer, program in {name: one for one in programs for name in one.reasons}.items():
        current = program.neuron(layer).current is not None
        events[adder] += updates_of[layer] * (3 + current)
        events[Event.MULTIPLY_32BIT] += updates_of[layer] * (
            program.neuron(layer).membrane.decays + current
        )


def _priced_as(size: int, classes: tuple[tuple[int, Event], ...], largest: Event) -> Event:
    return next((name for limit, name in classes if size <= limit), largest)
