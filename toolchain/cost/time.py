"""Time: what one step takes under a profile, part by part, every figure with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .events import StepPart


@dataclass(frozen=True)
class TimeEstimate:
    """The mean time of one step under one profile.

    parts_ns: what it is made of. unpriced: what the profile has no figure for; while there is any,
    there is no total. steps: of one inference, latency included.
    """

    profile: str
    basis: str
    source: str
    parts_ns: Mapping[StepPart, float]
    steps: int
    unpriced: tuple[StepPart, ...] = ()

    @property
    def step_ns(self) -> float | None:
        """The time of one step, None where a part has no published figure."""
        return None if self.unpriced else sum(self.parts_ns.values())

    @property
    def inference_ns(self) -> float | None:
        """The time of one inference: all its steps, one after the other."""
        return None if self.step_ns is None else self.step_ns * self.steps
