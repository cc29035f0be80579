"""What parts that take turns in each time step send each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from axonc.toolchain.errors import InternalError

from ..mapping.sequential import Part
from .run import simulate_batch
from .timing import Engine


def settle(parts: Sequence[Part], rasters: dict[str, np.ndarray]) -> None:
    """Add to `rasters`, (batch, time, neurons), what the layers of one round of parts fire.

    The machine changes parts step after step. Here each runs all steps at once, on what it got from
    the later ones in the sweep before, again and again until nothing changes. What comes back does
    so a step late or more, so a sweep makes at least one more step final.
    """
    samples, steps = next(iter(rasters.values())).shape[:2]
    for program in (part.program for part in parts):
        for name in program.reasons:
            rasters[name] = np.zeros((samples, steps, int(np.prod(program.grids[name]))), bool)
    for _ in range(steps + 1):
        found: dict[str, np.ndarray] = {}
        sums = None
        for part in parts:
            own = part.program.reasons
            before = {name: values for name, values in found.items() if name not in own}
            inputs = part.inputs(rasters | before)
            result = simulate_batch(
                part.program, inputs, spikes_of=[*own], sums=sums, engine=Engine.BOUND
            )
            sums = result.sums
            take_over(result.spikes, found)
        if all(np.array_equal(values, rasters[name]) for name, values in found.items()):
            return
        rasters |= found
    raise InternalError(f"spikes of {', '.join(found)} still change after {steps + 1} sweeps")


def take_over(found: Mapping[str, np.ndarray], known: dict[str, np.ndarray]) -> None:
    """Add what a part did to what is known; a layer larger than the mesh comes in several parts."""
    for name, values in found.items():
        known[name] = known[name] + values if name in known else values
