"""Nodes on a block of steps: arrays of (batch, time, *shape) in and out."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..ir import Shape

Step = Callable[[np.ndarray], np.ndarray]

_CACHED = 1 << 14
"""Neurons that are stepped together: a core's cache holds their state until the next step."""


def without_state(step: Step) -> Step:
    """Return `step`, a function of (batch, *shape), as one that treats all time steps alike."""

    def over_time(x: np.ndarray) -> np.ndarray:
        y = step(x.reshape(-1, *x.shape[2:]))
        return y.reshape(*x.shape[:2], *y.shape[1:])

    return over_time


class OverTime:
    """Calls a stepper, a function of (batch, *shape) with state, once for each time step.

    stepper: makes one for a batch of the given size; each serves a part of the samples.
    potential: the steppers' potentials over the last block, if they are kept.
    """

    def __init__(
        self, stepper: Callable[[int], Step], shape: Shape, batch: int, *, keeps_potential: bool
    ) -> None:
        size = max(1, _CACHED // prod(shape))
        parts = [slice(start, min(start + size, batch)) for start in range(0, batch, size)]
        self._parts: list[tuple[slice, Any]] = [(p, stepper(p.stop - p.start)) for p in parts]
        self._keeps_potential = keeps_potential and hasattr(self._parts[0][1], "potential")
        if self._keeps_potential:
            self.potential = np.empty(0)

    def __call__(self, a: np.ndarray) -> np.ndarray:
        sent, potential = np.empty(0), np.empty(0)
        for part, step in self._parts:
            for t in range(a.shape[1]):
                values = step(a[part, t])
                if sent.shape != a.shape:
                    sent = np.empty(a.shape, values.dtype)
                sent[part, t] = values
                if self._keeps_potential:
                    if potential.shape != a.shape:
                        potential = np.empty(a.shape, step.potential.dtype)
                    potential[part, t] = step.potential
        if self._keeps_potential:
            self.potential = potential
        return sent

    @property
    def overflows(self) -> int:
        """How often an integer state was saturated or wrapped so far."""
        return sum(step.overflows for _, step in self._parts)
