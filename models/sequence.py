"""A whole sequence of a neuron's steps as one differentiable operation.

The forward pass makes the steps of the norse cell, in the same order of operations, so that the
spikes are equal bit for bit. The backward pass is that recurrence's gradient written out. It keeps
one potential a step, and the spikes, which the next layer keeps anyway, where autograd would keep
every intermediate result of every step.

With h[t] the surrogate's derivative at u[t] - v_threshold, and G the gradient of what follows:

    Gu[t] = Gv[t] * (1 - z[t]) + h[t] * (Gz[t] + Gv[t] * (v_reset - u[t]))      hard reset
    Gu[t] = Gv[t]              + h[t] * (Gz[t] - Gv[t] * v_threshold)           soft reset
    Gx[t] = k * Gu[t];   Gv[t-1] = (1 - k) * Gu[t];   Gk = sum Gu[t] * (x[t] + v_leak - v[t-1])

and without the terms in h * Gv where the reset is detached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .surrogates import Surrogate


@dataclass(frozen=True)
class Recurrence:
    """What one step of a cell does; leaky = False is u = v + x, without k."""

    leaky: bool
    v_leak: Tensor
    v_threshold: Tensor
    v_reset: Tensor
    soft_reset: bool
    detach_reset: bool
    surrogate: Surrogate

    def after(self, u: Tensor, spikes: Tensor) -> Tensor:
        """Return the potential that a step leaves behind.

        By products with spikes 0 or 1, which are exact: on a CPU a selection by a random mask
        (`torch.where`) takes 30 times as long.
        """
        if self.soft_reset:
            return torch.addcmul(u, spikes, self.v_threshold, value=-1)
        return torch.addcmul((1 - spikes).mul_(u), spikes, self.v_reset)


class _Sequence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, currents: Tensor, k: Tensor, cell: Recurrence) -> Tensor:
        v = torch.zeros_like(currents[0]) + cell.v_leak
        potentials, spikes = torch.empty_like(currents), torch.empty_like(currents)
        for step, current in enumerate(currents):
            u = potentials[step]
            if cell.leaky:
                torch.add(v, (current + cell.v_leak).sub_(v).mul_(k), out=u)
            else:
                torch.add(v, current, out=u)
            x = u - cell.v_threshold
            cell.surrogate.observe(x, step)
            v = cell.after(u, torch.gt(x, 0, out=spikes[step]))
        ctx.save_for_backward(potentials, spikes, k, currents if ctx.needs_input_grad[1] else None)
        ctx.cell = cell
        return spikes

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        potentials, spikes, k, currents = ctx.saved_tensors
        cell: Recurrence = ctx.cell
        into_current = torch.empty_like(potentials)
        into_k = torch.zeros_like(k) if currents is not None else None
        into_v: Tensor | None = None
        for step in range(len(potentials) - 1, -1, -1):
            u = potentials[step]
            x = u - cell.v_threshold
            into_spikes, kept = gradient[step], into_v
            if into_v is not None:
                if not cell.detach_reset:
                    jump = -cell.v_threshold if cell.soft_reset else cell.v_reset - u
                    into_spikes = into_spikes + into_v * jump
                if not cell.soft_reset:
                    kept = (1 - spikes[step]).mul_(into_v)
            into_u = cell.surrogate.derivative(x, step) * into_spikes
            if kept is not None:
                into_u += kept
            if not cell.leaky:
                into_current[step] = into_v = into_u
                continue
            torch.mul(into_u, k, out=into_current[step])
            into_v = into_u - into_current[step]
            if into_k is not None:
                into_k += (into_u * (currents[step] + cell.v_leak - _before(ctx, step))).sum()
        return into_current, into_k, None


def _before(ctx: Any, step: int) -> Tensor:
    """Return the potential v[t-1] that a step began with."""
    potentials, spikes = ctx.saved_tensors[:2]
    cell: Recurrence = ctx.cell
    if step == 0:
        return torch.zeros_like(potentials[0]) + cell.v_leak
    return cell.after(potentials[step - 1], spikes[step - 1])


def run_sequence(currents: Tensor, k: Tensor, cell: Recurrence) -> Tensor:
    """Return the spikes of currents (time, batch, *shape), starting from rest."""
    spikes: Tensor = _Sequence.apply(currents, k, cell)  # type: ignore[no-untyped-call]
    return spikes
