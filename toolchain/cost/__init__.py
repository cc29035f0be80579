"""Costs: counts that follow from a graph and its spikes, and energy profiles with sources."""

from .breakdown import Breakdown, CostReport
from .energy import EnergyEntry, EnergyEstimate, EnergyProfile

__all__ = ["Breakdown", "CostReport", "EnergyEntry", "EnergyEstimate", "EnergyProfile"]
