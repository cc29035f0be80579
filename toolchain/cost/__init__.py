"""Costs: counts that follow from a graph and its spikes, and energy profiles with sources."""

from .breakdown import Breakdown, CostReport
from .energy import EnergyEntry, EnergyEstimate, EnergyProfile
from .estimate import chipless_cost, shipped_profile
from .memory import float_memory, integer_memory
from .time import TimeEstimate
from .workload import Workload, synapse_count, workload

__all__ = [
    "Breakdown",
    "CostReport",
    "EnergyEntry",
    "EnergyEstimate",
    "EnergyProfile",
    "TimeEstimate",
    "Workload",
    "chipless_cost",
    "float_memory",
    "integer_memory",
    "shipped_profile",
    "synapse_count",
    "workload",
]
