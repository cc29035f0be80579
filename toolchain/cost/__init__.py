"""Costs: counts that follow from a graph and its spikes, and energy profiles with sources."""

from .breakdown import Breakdown, CostReport
from .energy import EnergyEntry, EnergyEstimate, EnergyProfile
from .memory import float_memory, integer_memory
from .workload import Workload, fan_out, synapse_count, workload

__all__ = [
    "Breakdown", "CostReport", "EnergyEntry", "EnergyEstimate", "EnergyProfile", "Workload",
    "fan_out", "float_memory", "integer_memory", "synapse_count", "workload",
]  # fmt: skip
