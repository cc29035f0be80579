"""Populations that no input can bring to their threshold: a sign of a wrong dialect.

Bounds on every signal are propagated from the inputs (spikes: 0 or 1 a step) over the connections;
the largest drive of a neuron is then held constant. The bound is never too low, so a population
that is called silent is silent for all inputs of spikes.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from .. import ir
from ..ir import Dialect, Graph, IFConvention, Integrator, Node, Shape, WInConvention
from .faults import described

_SLOW_STEPS = {"IF": 100, "LIF": 1000, "CubaLIF": 1000}
"""Beyond so many steps of full input before the first spike, a population counts as silent.

A leaky one may be stepped finely; an integrator has no time scale of its own."""

Bounds = tuple[np.ndarray, np.ndarray]
"""Least and greatest value of a signal; both broadcast to its shape."""

_SPIKES: Bounds = (np.zeros(()), np.ones(()))


def silent_populations(graph: Graph, dialect: Dialect) -> list[str]:
    """Return a note for each population that needs too many steps of full input to spike."""
    signals: dict[str, Bounds | None] = {
        name: _SPIKES if isinstance(node, ir.Input) or getattr(node, "spikes", False) else None
        for name, node in graph.nodes.items()
    }
    for name in graph.order:
        if not isinstance(graph.nodes[name], ir.Input | ir.ContinuousNeuron):
            fed = _summed([signals[source] for source in graph.sources(name)])
            if fed is not None:
                signals[name] = _through(graph.nodes[name], fed, graph.input_shape(name))
    notes = []
    for name, node in graph.nodes.items():
        if not isinstance(node, ir.IF | ir.LIF | ir.CubaLIF):
            continue
        fed = _summed([signals[source] for source in graph.sources(name)])
        steps = 0.0 if fed is None else float(np.min(_steps_to_threshold(node, fed[1], dialect)))
        if steps > _SLOW_STEPS[node.kind]:
            verdict = "never reaches" if np.isinf(steps) else f"needs {steps:.0f} steps to reach"
            notes.append(
                f"{described(name, node.kind)} {verdict} its threshold even if all its inputs"
                f" spike in every step: check dt = {dialect.dt:g}, integrator ="
                f" {dialect.integrator}, if_convention = {dialect.if_convention}."
            )
    return notes


def _summed(signals: list[Bounds | None]) -> Bounds | None:
    known = [signal for signal in signals if signal is not None]
    if len(known) < len(signals) or not known:
        return None
    low, high = known[0]
    for other in known[1:]:
        low, high = low + other[0], high + other[1]
    return low, high


def _through(node: Node, fed: Bounds, shape: Shape) -> Bounds | None:
    """Return the bounds of what a node without memory makes of a signal of `shape`."""
    low, high = fed
    match node:
        case ir.Affine():
            bias = 0 if node.bias is None else node.bias
            low, high = (np.broadcast_to(bound, shape) for bound in fed)
            return _weighed(node.weight, low, high, bias)
        case ir.Conv():
            return _convolved(node, *_per_channel(fed, shape))
        case ir.Scale():
            ends = node.scale * low, node.scale * high
            return np.minimum(*ends), np.maximum(*ends)
        case ir.SumPool():  # and AvgPool
            low, high = _per_channel(fed, shape)
            count = 1 if isinstance(node, ir.AvgPool) else prod(node.kernel)
            axes = (-1,) + (1,) * len(node.kernel)
            return low.reshape(axes) * count, high.reshape(axes) * count
        case ir.Flatten():
            flat = node.output_shape(shape)
            return np.broadcast_to(low, shape).reshape(flat), np.broadcast_to(high, shape).reshape(
                flat
            )
        case ir.Delay():
            return np.minimum(low, 0), np.maximum(high, 0)
    return None


def _per_channel(fed: Bounds, shape: Shape) -> Bounds:
    """Return one bound a channel, 0 included: padding is 0."""
    low, high = (np.broadcast_to(bound, shape).reshape(shape[0], -1) for bound in fed)
    return np.minimum(low.min(axis=1), 0), np.maximum(high.max(axis=1), 0)


def _weighed(
    weight: np.ndarray, low: np.ndarray, high: np.ndarray, bias: np.ndarray | int
) -> Bounds:
    up, down = np.maximum(weight, 0), np.minimum(weight, 0)
    return up @ low + down @ high + bias, up @ high + down @ low + bias


def _convolved(node: ir.Conv, low: np.ndarray, high: np.ndarray) -> Bounds:
    axes = tuple(range(2, node.weight.ndim))
    up = np.maximum(node.weight, 0).sum(axis=axes)
    down = np.minimum(node.weight, 0).sum(axis=axes)
    outputs, inputs = up.shape
    group = np.arange(outputs) // (outputs // node.groups)
    low, high = (bound.reshape(node.groups, inputs)[group] for bound in (low, high))
    bias = 0 if node.bias is None else node.bias
    ends = (up * low + down * high).sum(1) + bias, (up * high + down * low).sum(1) + bias
    return ends[0].reshape(-1, *(1 for _ in axes)), ends[1].reshape(-1, *(1 for _ in axes))


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
