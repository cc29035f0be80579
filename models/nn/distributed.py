"""Several processes as one: every batch is shared out, sums are taken over all.

Started by `torchrun`, each process takes its share of every batch. BatchNorm's and the gate's
means are those of the whole batch, and the gradient is the whole batch's, so that the result is
that of one process up to the order of floating-point additions. One process needs none of this,
and every function here then leaves its argument as it is.
"""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def world_size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return this process's number, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


class Processes:
    """Join the processes that torchrun started, for the length of a `with` block."""

    def __enter__(self) -> Processes:
        self._ours = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized()
        if self._ours:
            dist.init_process_group("gloo")
        return self

    def __exit__(self, *error: object) -> None:
        if self._ours:
            dist.destroy_process_group()


class _SumOverProcesses(torch.autograd.Function):
    """The sum over processes; the gradient of a sum that all share is the sum of gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return summed(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return summed(gradient)


def summed(x: Tensor) -> Tensor:
    """Return the sum over processes, without gradient."""
    if world_size() == 1:
        return x
    total = x.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def batch_mean(mean: Tensor, samples: int) -> Tensor:
    """Average a mean over `samples` of this process with those of the others, by their number."""
    if world_size() == 1:
        return mean
    total = summed(torch.tensor(float(samples), dtype=torch.float64))
    share = samples / total.item()
    average: Tensor = _SumOverProcesses.apply(mean * share)  # type: ignore[no-untyped-call]
    return average


def sum_gradients(network: nn.Module) -> None:
    """Replace every gradient by its sum over processes."""
    if world_size() > 1:
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter.grad = summed(parameter.grad)


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process."""
    return bool(summed(torch.tensor(float(flag))) > 0)


def share(count: int) -> slice:
    """Return this process's part of a batch of `count` samples, as even as can be."""
    size, number = world_size(), rank()
    return slice(count * number // size, count * (number + 1) // size)


def wait() -> None:
    """Wait until all processes have come here."""
    if world_size() > 1:
        dist.barrier()
