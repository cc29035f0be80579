"""Continuous neurons become one discrete neuron each, under the graph's dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import InternalError
from ..ir import (
    IF,
    LI,
    LIF,
    ContinuousNeuron,
    CubaLI,
    CubaLIF,
    Delay,
    Dialect,
    Graph,
    I,
    IFConvention,
    Integrator,
    Neuron,
    Node,
    Stage,
    Threshold,
    WInConvention,
    compact,
)
from .base import Pass
from .findings import Findings


@dataclass(frozen=True)
class Discretize(Pass):
    """Turn dv/dt into one step of dt, as the dialect says.

    With k = dt/tau:  euler: decay 1 - k, gain r k, leak v_leak k.
    exponential: decay e^-k, gain r (1 - e^-k), leak v_leak (1 - e^-k).
    exponential-delta: as exponential, but gain r k; exponential-jump: but gain r.
    A current whose w_in is a jump has gain w_in.
    I and IF: decay 1, gain r (per-step) or r dt (per-second).

    Computed in float64 from the file's own values; parameters that are constant over a
    population or a channel are kept once.
    """

    name: ClassVar[str] = "discretize"
    takes: ClassVar[Stage] = Stage.IMPORTED
    gives: ClassVar[Stage] = Stage.DISCRETE

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        dialect = graph.dialect
        if dialect is None:
            raise InternalError(f"graph {graph.name!r} has no dialect to discretize under")
        made: dict[str, Node] = {}
        for name, node in graph.nodes.items():
            if isinstance(node, ContinuousNeuron):
                made[name] = discrete_neuron(node, dialect)
                findings.exact(
                    name, f"{node.kind} stepped by dt = {dialect.dt:g}, {dialect.integrator}"
                )
            elif isinstance(node, Delay):
                made[name] = self._delay(name, node, dialect, findings)
        findings.raise_if_unsupported(graph, "discretized")
        return graph.with_nodes(made, Stage.DISCRETE)

    @staticmethod
    def _delay(name: str, node: Delay, dialect: Dialect, findings: Findings) -> Delay:
        steps = node.in_steps(dialect.dt)
        whole = np.round(steps)
        if np.any(steps != whole):
            worst = float(steps.flat[np.argmax(np.abs(steps - whole))])
            findings.unsupported(
                name, f"a delay of {worst:g} steps is not whole", "choose a dt that divides it"
            )
        return Delay(compact(whole))


def discrete_neuron(node: ContinuousNeuron, dialect: Dialect) -> Neuron:
    """Return the discrete neuron of a NIR neuron under a dialect."""
    one, zero = np.ones(1), np.zeros(1)
    match node:
        case Threshold():
            return Neuron(node.shape, zero, one, zero, _param(node.threshold), zero)
        case I() | IF():
            per_second = dialect.if_convention is IFConvention.PER_SECOND
            step: dict[str, np.ndarray] = dict(
                decay=one, gain=_param(node.r * (dialect.dt if per_second else 1)), leak=zero
            )
        case LI() | LIF():
            decay, pulse, rest = _leak(node.tau, dialect)
            step = dict(
                decay=_param(decay), gain=_param(pulse * node.r), leak=_param(rest * node.v_leak)
            )
        case CubaLI() | CubaLIF():
            decay, pulse, rest = _leak(node.tau_mem, dialect)
            current_decay, current_pulse, _ = _leak(node.tau_syn, dialect)
            if dialect.w_in is WInConvention.JUMP:
                current_pulse = np.ones_like(current_pulse)
            step = dict(
                decay=_param(decay),
                gain=_param(pulse * node.r),
                leak=_param(rest * node.v_leak),
                current_decay=_param(current_decay),
                current_gain=_param(current_pulse * node.w_in),
            )
        case _:
            raise InternalError(f"no discrete form of {node.kind}")
    if not isinstance(node, (IF, LIF, CubaLIF)):
        return Neuron(node.shape, **step)  # type: ignore[arg-type]
    step |= dict(threshold=_param(node.v_threshold), v_reset=_param(node.v_reset))
    return Neuron(node.shape, reset=dialect.reset, **step)


def _leak(tau: np.ndarray, dialect: Dialect) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (decay, what the input is multiplied by, what the resting value is multiplied by)."""
    k = dialect.dt / np.asarray(tau, np.float64)
    if dialect.integrator is Integrator.EULER:
        return 1 - k, k, k
    e = np.exp(-k)
    pulse = {Integrator.EXPONENTIAL_DELTA: k, Integrator.EXPONENTIAL_JUMP: np.ones_like(k)}
    return e, pulse.get(dialect.integrator, 1 - e), 1 - e


def _param(values: np.ndarray) -> np.ndarray:
    return compact(np.atleast_1d(np.asarray(values, np.float64)))
