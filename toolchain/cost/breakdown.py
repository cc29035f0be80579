"""Figures with their parts: what a cost report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .energy import EnergyEstimate
from .time import TimeEstimate


@dataclass(frozen=True)
class Breakdown:
    """A quantity by part (layer, memory, cause); the total is always the sum of the parts."""

    parts: Mapping[str, int | float]

    @property
    def total(self) -> int | float:
        """The sum of all parts."""
        return sum(self.parts.values())

    def as_json(self) -> dict[str, Any]:
        """Return {"total": ..., "parts": {...}}."""
        return {"total": self.total, "parts": dict(self.parts)}


@dataclass(frozen=True)
class CostReport:
    """What a network costs on a target.

    memory_bits is static, by node and memory. The others are means per inference over the run
    they were measured on, and None without one; energy and time hold one estimate a profile.
    """

    target: str
    memory_bits: Breakdown
    synaptic_operations: Breakdown | None = None
    neuron_updates: Breakdown | None = None
    spikes: Breakdown | None = None
    cycles: Breakdown | None = None
    energy: tuple[EnergyEstimate, ...] = ()
    time: tuple[TimeEstimate, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values; absent figures are left out."""
        figures = {
            name: breakdown.as_json()
            for name in ("memory_bits", "synaptic_operations", "neuron_updates", "spikes", "cycles")
            if (breakdown := getattr(self, name)) is not None
        }
        return {
            "target": self.target,
            **figures,
            "energy_pj": {estimate.profile: estimate.as_json() for estimate in self.energy},
            "time_ns": {estimate.profile: estimate.as_json() for estimate in self.time},
            "notes": list(self.notes),
        }
