"""Check a graph under its dialect: unstable time steps, silent populations.

An impossible choice is a fault; a suspicious one is a note.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .. import ir
from ..errors import InputError
from ..ir import Dialect, Graph, Integrator, Node, Reset
from .faults import described
from .reach import silent_populations

_ROUNDING = 1e-6
"""Relative slack of a time constant stored as float32."""


@dataclass
class Diagnosis:
    """Faults end the import; notes go to the user."""

    faults: list[InputError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def diagnose(graph: Graph, dialect: Dialect) -> Diagnosis:
    """Return what is wrong or suspicious about an imported graph under a dialect."""
    found = Diagnosis()
    for name, node in graph.nodes.items():
        _check_time_constants(name, node, dialect, found)
        _check_thresholds(name, node, dialect, found)
    if not found.faults:
        found.notes += silent_populations(graph, dialect)
    return found


def _check_time_constants(name: str, node: Node, dialect: Dialect, found: Diagnosis) -> None:
    if dialect.integrator is not Integrator.EULER:
        return
    for key in ("tau", "tau_mem", "tau_syn"):
        tau = getattr(node, key, None)
        if tau is not None and np.any(tau < dialect.dt * (1 - _ROUNDING)):
            found.faults.append(
                InputError(
                    f"{described(name, node.kind)}, {key}",
                    got=f"values down to {tau.min():g}, shorter than dt = {dialect.dt:g}",
                    expected="at least dt: forward Euler would turn the state's sign in each step",
                    remedy="give the dt and unit of time of the file's producer, or integrate"
                    " exponentially (integrator='exponential')",
                )
            )


def _check_thresholds(name: str, node: Node, dialect: Dialect, found: Diagnosis) -> None:
    if not isinstance(node, ir.IF | ir.LIF | ir.CubaLIF):
        return
    what = described(name, node.kind)
    if dialect.reset in (Reset.HARD, Reset.HARD_NEXT):
        stuck = np.broadcast_to(node.v_reset > node.v_threshold, node.shape)
        if count := int(np.count_nonzero(stuck)):
            found.notes.append(
                f"{what}: {count} of {stuck.size} neurons are reset to above their threshold and"
                " fire on unless inhibited."
            )
    elif np.any(node.v_threshold <= 0):
        found.faults.append(
            InputError(
                f"{what}, v_threshold",
                got=f"values down to {node.v_threshold.min():g}",
                expected="above 0: the subtracting reset would raise the potential",
                remedy="use reset='hard', or positive thresholds",
            )
        )
