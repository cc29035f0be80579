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

A step makes as few passes over the layer as it can, for a pass is bound by memory; to go through
the batch in parts that stay in the cache was tried, and costs more in calls than it saves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .surrogates import Surrogate


@dataclass(frozen=True)
class Recurrence:
    """What one step of a cell does; leaky = False is u = v + x, without k. None stands for 0."""

    leaky: bool
    v_leak: Tensor | None
    v_threshold: Tensor
    v_reset: Tensor | None
    soft_reset: bool
    detach_reset: bool
    surrogate: Surrogate

    def rest(self, like: Tensor) -> Tensor:
        """Return the potentials before the first step."""
        zeros = torch.zeros_like(like)
        return zeros if self.v_leak is None else zeros + self.v_leak

    def drive(self, current: Tensor, v: Tensor) -> Tensor:
        """Return what a leaky neuron moves by, before k: x + v_leak - v."""
        return (current if self.v_leak is None else current + self.v_leak) - v

    def after(self, u: Tensor, spikes: Tensor) -> Tensor:
        """Return the potential that a step leaves behind.

        By products with spikes 0 or 1, which are exact: on a CPU a selection by a random mask
        (`torch.where`) takes 30 times as long.
        """
        if self.soft_reset:
            return torch.addcmul(u, spikes, self.v_threshold, value=-1)
        kept = _where_silent(u, spikes)
        return kept if self.v_reset is None else kept.addcmul_(spikes, self.v_reset)

    def through_reset(self, into_v: Tensor, u: Tensor) -> Tensor:
        """Return the gradient that a spike gets from the reset that it causes."""
        if self.soft_reset:
            return -self.v_threshold * into_v
        return into_v * (-u if self.v_reset is None else self.v_reset - u)


class _Sequence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, currents: Tensor, k: Tensor, cell: Recurrence) -> Tensor:
        potentials, spikes = torch.empty_like(currents), torch.empty_like(currents)
        v = cell.rest(currents[0])
        for step, (current, u) in enumerate(zip(currents, potentials, strict=True)):
            _write(u, torch.add, v, cell.drive(current, v).mul_(k) if cell.leaky else current)
            if cell.surrogate.observes:
                cell.surrogate.observe(u - cell.v_threshold, step)
            v = cell.after(u, _write(spikes[step], torch.gt, u, cell.v_threshold))
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
            u, into_spikes = potentials[step], gradient[step]
            slope = cell.surrogate.derivative(u - cell.v_threshold, step)
            if into_v is None:
                into_u = slope * into_spikes
            else:
                if not cell.detach_reset:
                    into_spikes = into_spikes + cell.through_reset(into_v, u)
                kept = into_v if cell.soft_reset else _where_silent(into_v, spikes[step])
                into_u = (slope * into_spikes).add_(kept)
            if not cell.leaky:
                into_v = into_current[step].copy_(into_u)
                continue
            into_v = into_u - _write(into_current[step], torch.mul, into_u, k)
            if into_k is not None:
                before = (
                    cell.after(potentials[step - 1], spikes[step - 1]) if step else cell.rest(u)
                )
                into_k += (into_u * cell.drive(currents[step], before)).sum()
        return into_current, into_k, None


def _write(out: Tensor, operation: Callable[..., Tensor], *arguments: Tensor) -> Tensor:
    """Return `out` with an operation's result written to it.

    torch.compile takes no `out=` in channels_last; there the copy is made part of the operation.
    """
    if torch.compiler.is_compiling():
        return out.copy_(operation(*arguments))
    return operation(*arguments, out=out)


def _where_silent(x: Tensor, spikes: Tensor) -> Tensor:
    """Return x where no neuron fired, else 0."""
    return torch.addcmul(x, spikes, x, value=-1)


def run_sequence(currents: Tensor, k: Tensor, cell: Recurrence) -> Tensor:
    """Return the spikes of currents (time, batch, *shape), starting from rest."""
    spikes: Tensor = _Sequence.apply(currents, k, cell)  # type: ignore[no-untyped-call]
    return spikes
