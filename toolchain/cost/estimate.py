"""The cost of a network as such, on no chip: what its own arithmetic and storage come to."""

from __future__ import annotations

from importlib.resources import files

from ..ir import Graph, Stage
from .breakdown import Breakdown, CostReport
from .energy import EnergyProfile
from .events import Event
from .memory import float_memory, integer_memory
from .workload import Workload

_PROFILES = {Stage.DISCRETE: "horowitz_45nm_float32", Stage.INTEGER: "horowitz_45nm_int16"}


def shipped_profile(name: str) -> EnergyProfile:
    """Return one of the generic energy profiles that come with axonc."""
    text = files(__package__).joinpath(f"profiles/{name}.toml").read_text()
    return EnergyProfile.from_toml(text, f"{name}.toml")


def chipless_cost(graph: Graph, work: Workload | None, target: str) -> CostReport:
    """Return the cost of a discrete graph in float32, or of an integer graph at its own widths.

    Energy counts arithmetic alone: memory and transport, which no graph has by itself, are left
    out and make up most of a chip's energy.
    """
    memory = integer_memory(graph) if graph.stage is Stage.INTEGER else float_memory(graph)
    if work is None:
        return CostReport(target, memory)
    operations = Breakdown(work.per_inference(work.synaptic_operations))
    products = Breakdown(work.per_inference(work.multiplications))
    updates = Breakdown(work.per_inference(work.neuron_updates))
    profile = shipped_profile(_PROFILES[graph.stage])
    events = {
        Event.SYNAPTIC_OPERATION: operations.total,
        Event.MULTIPLY_ACCUMULATE: products.total,
        Event.NEURON_UPDATE: updates.total,
    }
    return CostReport(
        target,
        memory,
        synaptic_operations=operations,
        multiplications=products if products.parts else None,
        neuron_updates=updates,
        spikes=Breakdown(work.per_inference(work.spikes)),
        energy=(profile.price(events),),
        notes=("energy is arithmetic alone: no memory access, no transport, no static power",),
    )
