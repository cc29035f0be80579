"""Figures with their parts: what a cost report is made of."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from .cycles import CyclePart
from .energy import EnergyEstimate
from .memories import Stored
from .time import TimeEstimate

Part = TypeVar("Part", bound=Hashable)


@dataclass(frozen=True)
class Breakdown(Generic[Part]):
    """A quantity by part: a node's name, `Stored`, a part of the cycles; the total is their sum."""

    parts: Mapping[Part, int | float]

    @property
    def total(self) -> int | float:
        """The sum of all parts."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class CostReport:
    """What a network costs on a target.

    memory_bits is static, by node and memory. The others are means per inference over the run
    they were measured on, and None without one: by node, and cycles by phase and wave.
    multiplications are None where no real number meets a synapse. energy and time hold one estimate
    a profile. host: the parts of the network that the host computes, in float32, in none of the
    figures above.
    """

    target: str
    memory_bits: Breakdown[Stored]
    synaptic_operations: Breakdown[str] | None = None
    multiplications: Breakdown[str] | None = None
    neuron_updates: Breakdown[str] | None = None
    spikes: Breakdown[str] | None = None
    cycles: Breakdown[CyclePart] | None = None
    energy: tuple[EnergyEstimate, ...] = ()
    time: tuple[TimeEstimate, ...] = ()
    notes: tuple[str, ...] = ()
    host: tuple[CostReport, ...] = ()
