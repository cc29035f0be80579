"""Populations that no input can bring to their threshold: a sign of a wrong dialect.

Bounds on every signal are propagated from the inputs (spikes: 0 or 1 a step) over the connections;
the largest drive of a neuron is then held constant. The bound is never too low, so a population
that is called silent is silent for all inputs of spikes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import ir
from ..ir import Dialect, Graph, IFConvention, Integrator, WInConvention, arriving_range
from .faults import described

_SLOW_STEPS = {"IF": 100, "LIF": 1000, "CubaLIF": 1000}
"""Beyond so many steps of full input before the first spike, a population counts as silent.

A leaky one may be stepped finely; an integrator has no time scale of its own."""


def silent_populations(graph: Graph, dialect: Dialect) -> list[str]:
    """Return a note for each population that needs too many steps of full input to spike."""
    notes = []
    for name, node in graph.nodes.items():
        if not isinstance(node, ir.IF | ir.LIF | ir.CubaLIF) or not graph.incoming[name]:
            continue
        arriving = arriving_range(graph, name)
        if arriving is None:
            continue
        steps = float(np.min(_steps_to_threshold(node, arriving.high, dialect)))
        if steps > _SLOW_STEPS[node.kind]:
            verdict = "never reaches" if np.isinf(steps) else f"needs {steps:.0f} steps to reach"
            notes.append(
                f"{described(name, node.kind)} {verdict} its threshold even if all its inputs"
                f" spike in every step: check dt = {dialect.dt:g}, integrator ="
                f" {dialect.integrator}, if_convention = {dialect.if_convention}."
            )
    return notes


def _steps_to_threshold(
    node: ir.IF | ir.LIF | ir.CubaLIF, drive: np.ndarray, dialect: Dialect
) -> np.ndarray:
    """Return how many steps of a constant drive lift each neuron over its threshold."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if isinstance(node, ir.IF):
            per_second = dialect.if_convention is IFConvention.PER_SECOND
            rise = (dialect.dt if per_second else 1.0) * node.r * drive
            steps = np.where(rise > 0, node.v_threshold / rise, np.inf)
        else:
            tau = node.tau if isinstance(node, ir.LIF) else node.tau_mem
            gain = node.r * _steady(tau, dialect)
            if isinstance(node, ir.CubaLIF):
                jumps = replace(dialect, integrator=Integrator.EXPONENTIAL_JUMP)
                if dialect.w_in is WInConvention.JUMP and dialect.integrator is Integrator.EULER:
                    synapse = node.tau_syn / dialect.dt
                else:
                    pulsed = jumps if dialect.w_in is WInConvention.JUMP else dialect
                    synapse = _steady(node.tau_syn, pulsed)
                gain = gain * node.w_in * synapse
            settled = node.v_leak + gain * drive
            rise = -tau / dialect.dt * np.log1p(-node.v_threshold / settled)
            steps = np.where(settled > node.v_threshold, rise, np.inf)
    return np.where(node.v_threshold < 0, 0.0, steps)


def _steady(tau: np.ndarray, dialect: Dialect) -> np.ndarray:
    """Return where an input of 1 in every step brings a leaky state to, for a gain of 1."""
    k = dialect.dt / np.asarray(tau, np.float64)
    match dialect.integrator:
        case Integrator.EXPONENTIAL_DELTA:
            return k / -np.expm1(-k)
        case Integrator.EXPONENTIAL_JUMP:
            return 1 / -np.expm1(-k)
    return np.ones_like(k)
