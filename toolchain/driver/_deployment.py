"""A lowered graph on one target: compiles the program once, runs it and costs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from axonc.targets import Program, Run, Target, load_target, require_frozen

from ..cost import CostReport
from ..reference import Spikes
from ._lowering import Lowering, arriving_at


@dataclass(frozen=True, eq=False)
class Deployment:
    """A lowering on a target; the program is compiled when it is first asked for, and kept.

    Raises:
        InputError: the target is no frozen dataclass, so that what was compiled for it may not
            be for it any more.
    """

    lowering: Lowering
    target: Target

    def __post_init__(self) -> None:
        require_frozen(self.target)

    @cached_property
    def program(self) -> Program:
        """The program, placed by the lowering's calibration spikes where there are some.

        Raises:
            LoweringError: there is no integer graph, or the target refuses it.
        """
        target, spikes = self.target, self.lowering.calibration
        if spikes is not None:
            target = target.calibrated(spikes)
        return target.compile(self.lowering.integer)

    def run(self, spikes: Spikes, *, engine: str | None = None, probes: Sequence[str] = ()) -> Run:
        """Run the chip's part on the spikes that arrive at it; see `Target.run`."""
        return self.target.run(self.program, spikes, engine=engine, probes=probes)

    def cost(self, run: Run | None = None) -> CostReport:
        """Return the memory of the program, and with a run what that cost."""
        return self.target.cost(self.program, run)

    def tables(self, run: Run) -> dict[str, list[dict[str, Any]]]:
        """Return what a run counted, as rows by table."""
        return self.target.tables(self.program, run)

    def draw(self, run: Run | None, path: Path) -> None:
        """Draw where the network lies on the chip, and how loaded it was in a run."""
        self.target.draw(self.program, run, path)

    def write_trace(self, spikes: Spikes, path: Path) -> None:
        """Write the timeline of the first sample of the network's input."""
        arriving = arriving_at(self.lowering.split, spikes)
        self.target.write_trace(self.program, arriving, path)


def deploy(lowering: Lowering, target: Target | str) -> Deployment:
    """Return a lowering on a target, which may be named as on the command line.

    Raises:
        InputError: there is no such target, or it is no frozen dataclass.
    """
    return Deployment(lowering, load_target(target) if isinstance(target, str) else target)
