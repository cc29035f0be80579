"""Costs: counts that follow from a graph and its spikes, and energy profiles with sources."""

from .breakdown import Breakdown, CostReport
from .cycles import CyclePart, Cycles, Phase, Wave
from .energy import EnergyEntry, EnergyEstimate, EnergyProfile
from .estimate import chipless_cost, shipped_profile
from .events import Count, Event, StepPart
from .memories import Access, Memory, Purpose, Stored, Way
from .memory import float_memory, integer_memory
from .time import TimeEstimate
from .workload import Workload, synapse_count, workload

__all__ = [
    "Access",
    "Breakdown",
    "CostReport",
    "Count",
    "CyclePart",
    "Cycles",
    "EnergyEntry",
    "EnergyEstimate",
    "EnergyProfile",
    "Event",
    "Memory",
    "Phase",
    "Purpose",
    "StepPart",
    "Stored",
    "TimeEstimate",
    "Wave",
    "Way",
    "Workload",
    "chipless_cost",
    "float_memory",
    "integer_memory",
    "shipped_profile",
    "synapse_count",
    "workload",
]
