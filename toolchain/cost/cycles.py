"""Clock cycles by what the machine was in: phases of its steps, and waves of layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """A part of a machine's step that belongs to no layer."""

    INPUT = "input"
    """Input spikes, and spikes held from earlier steps, are delivered."""
    STEP = "step"
    """The whole step of a pipelined machine, in which all layers work at once."""
    BARRIER = "barrier"
    """All cores wait for one another."""
    LOAD = "load"
    """A part of a network is loaded from external memory."""
    STATE = "state"
    """States are saved to external memory, and restored."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A turn in which some layers are updated, others only sum for those of later turns.

    number: from 0, in the order of execution, over all parts of a network.
    """

    number: int
    updated: tuple[str, ...]
    summed: tuple[str, ...] = ()


CyclePart = Phase | Wave
"""What cycles are counted by."""


@dataclass(frozen=True)
class Cycles:
    """All cycles of a run, each in exactly one place.

    waves: in the order of execution; a network that runs in several parts has those of all parts.
    """

    input: int = 0
    step: int = 0
    waves: tuple[tuple[Wave, int], ...] = ()
    barrier: int = 0
    load: int = 0
    state: int = 0

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return sum(count for _, count in self.parts())

    def parts(self) -> Iterator[tuple[CyclePart, int]]:
        """Yield every part that the machine has, in the order of a step."""
        if self.step:
            yield Phase.STEP, self.step
        else:
            yield Phase.INPUT, self.input
        yield from self.waves
        yield Phase.BARRIER, self.barrier
        if self.load:
            yield Phase.LOAD, self.load
        if self.state:
            yield Phase.STATE, self.state

    def then(self, other: Cycles) -> Cycles:
        """Return the cycles of both, `other` after this one; its waves are numbered on."""
        later = tuple(
            (Wave(wave.number + len(self.waves), wave.updated, wave.summed), count)
            for wave, count in other.waves
        )
        return Cycles(
            self.input + other.input,
            self.step + other.step,
            self.waves + later,
            self.barrier + other.barrier,
            self.load + other.load,
            self.state + other.state,
        )
