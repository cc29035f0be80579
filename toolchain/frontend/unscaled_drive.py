"""Neurons whose r is no gain: spyx writes its decay there, and adds the input unscaled.

spyx's neurons do v += x after a decay of beta = 1 - dt/tau, and its files say r = beta, so that
NIR's gain r*dt/tau would nearly remove the input (spyx 1.0.0, nir.py, to_nir). Such numbers are
recognised where time constants differ, and r (and w_in of a synapse) replaced by tau/dt, which
makes the gain of forward Euler 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .. import ir
from ..ir import Node
from .dialects import round_step

_ROUNDING = 1e-6
"""A few roundings of r as float32, which is near 1."""


Leaky = ir.LI | ir.LIF | ir.CubaLI | ir.CubaLIF


def with_unit_gain(
    nodes: Mapping[str, Node], dt: float | None
) -> tuple[dict[str, Node], list[str]]:
    """Return the nodes with r = tau/dt wherever all of them say r = 1 - dt/tau, and the notes."""
    leaky = {
        name: node
        for name, node in nodes.items()
        if isinstance(node, Leaky) and np.any(node.r != 1)
    }
    step = _step([_tau(node) for node in leaky.values()], [node.r for node in leaky.values()])
    if step is None or dt not in (None, step):
        return dict(nodes), []
    changed = {name: _unit_gain(node, step) for name, node in leaky.items()}
    note = (
        f"r = 1 - dt/tau with dt = {step:g} in all neurons, as spyx writes them: their input was"
        " taken whole, as in spyx."
    )
    return {**nodes, **changed}, [note]


def _step(taus: list[np.ndarray], gains: list[np.ndarray]) -> float | None:
    """Return the round dt with which r = 1 - dt/tau everywhere; None if none or maybe by chance."""
    pairs = [np.broadcast_arrays(tau, r) for tau, r in zip(taus, gains, strict=True)]
    tau = np.concatenate([one.reshape(-1) for one, _ in pairs] or [np.empty(0)]).astype(np.float64)
    r = np.concatenate([one.reshape(-1) for _, one in pairs] or [np.empty(0)]).astype(np.float64)
    if np.unique(tau).size < 2:
        return None
    step = round_step(float(np.median(tau * (1 - r))))
    if step is None or np.any(np.abs(r - (1 - step / tau)) > _ROUNDING):
        return None
    return step


def _tau(node: Leaky) -> np.ndarray:
    return node.tau if isinstance(node, ir.LI | ir.LIF) else node.tau_mem


def _unit_gain(node: Leaky, dt: float) -> Node:
    if isinstance(node, ir.LI | ir.LIF):
        return replace(node, r=node.tau / dt)
    return replace(node, r=node.tau_mem / dt, w_in=node.tau_syn / dt)
