"""What runs the widths of an integer graph were chosen for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SizedFor:
    """The runs in which no membrane of an integer graph can leave its range.

    counts: the most spikes in one bin of an input. steps: how long a run may be; None: for ever.
    """

    counts: int
    steps: int | None

    def __str__(self) -> str:
        return self.text(self.counts, self.steps)

    @staticmethod
    def text(counts: int, steps: int | None) -> str:
        """Return `at most 1 spike a bin and 64 steps`."""
        spikes = f"at most {counts} spike{'' if counts == 1 else 's'} a bin"
        return spikes if steps is None else f"{spikes} and {steps} steps"

    def covers(self, counts: int, steps: int) -> bool:
        """Whether a run of so many steps, with so many spikes in its fullest bin, is one."""
        return counts <= self.counts and (self.steps is None or steps <= self.steps)
