"""What a network does on data it is not learning from: work, and where gradients could pass.

window/LAYER                share of potentials inside the surrogate's window, over neurons,
                            steps and samples (AdaLi calls it compute density)
synaptic_operations/LAYER   additions a sample costs: for each spike that arrives, the number of
                            synapses it reaches (borders of convolutions excluded exactly); behind
                            average pooling each spike of a window arrives by itself, as on a chip
multiplications/LAYER       where real numbers arrive: one a number and synapse, zeros included;
                            one of the two is 0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..networks.network import SpikingNetwork


class Probe:
    """Watch every forward pass inside the `with` block."""

    def __init__(self, network: SpikingNetwork):
        self._network = network
        self._handles: list[Any] = []
        self._sums: dict[str, float] = {}
        self._potentials: dict[str, int] = {}
        self._samples = 0

    def __enter__(self) -> Probe:
        for name in self._network.wiring:
            layer = self._network.layer(name)
            self._handles.append(layer.synapses.register_forward_hook(self._work(name)))
            if layer.cell is not None:
                watch = self._window(name)
                self._handles.append(layer.cell.surrogate.register_forward_hook(watch))
        self._handles.append(self._network.register_forward_hook(self._count))
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()

    def figures(self) -> dict[str, float]:
        """Return the figures of all samples seen."""
        figures = {}
        for key, total in self._sums.items():
            count = self._potentials[key] if key in self._potentials else self._samples
            figures[key] = total / max(count, 1)
        return figures

    def _add(self, key: str, value: float) -> None:
        self._sums[key] = self._sums.get(key, 0.0) + value

    def _count(self, network: nn.Module, inputs: Any, scores: Tensor) -> None:
        self._samples += len(scores)

    def _work(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        pool = self._network.layer(name).pool

        def hook(synapses: nn.Module, inputs: Any, output: Tensor) -> None:
            spikes = spikes_behind(pool, inputs[0])
            arriving = torch.ones_like(inputs[0]) if spikes is None else spikes
            reached = synaptic_operations(synapses, arriving)
            self._add(f"synaptic_operations/{name}", 0.0 if spikes is None else reached)
            self._add(f"multiplications/{name}", reached if spikes is None else 0.0)

        return hook

    def _window(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        key = f"window/{name}"

        def hook(surrogate: Any, inputs: Any, output: Tensor) -> None:
            self._potentials[key] = self._potentials.get(key, 0) + output.numel()
            self._add(key, float(surrogate.window(*inputs).sum()))

        return hook


@torch.no_grad()
def spikes_behind(pool: nn.Module | None, inputs: Tensor) -> Tensor | None:
    """Return how many spikes each input stands for; None where inputs are no counts of spikes.

    A mean over a window is that of whole numbers, but for the rounding of its own type.
    """
    counts = inputs.double()
    if isinstance(pool, nn.AvgPool2d):
        size = pool.kernel_size
        area = size[0] * size[1] if isinstance(size, tuple) else size * size
        counts = counts * (pool.divisor_override or area)
    rounded = counts.round()
    tolerance = 4 * torch.finfo(inputs.dtype).eps * counts.abs().clamp(min=1)
    if bool(((counts - rounded).abs() > tolerance).any()) or bool((rounded < 0).any()):
        return None
    return rounded


@torch.no_grad()
def synaptic_operations(synapses: nn.Module, spikes: Tensor) -> float:
    """Count the synapses that spikes reach, summed over a batch; spikes: counts (batch, *shape)."""
    active = spikes.sum(0, keepdim=True).double()
    if isinstance(synapses, nn.Linear):
        return float(active.sum()) * synapses.out_features
    assert isinstance(synapses, nn.Conv2d)
    reached = functional.conv2d(
        active,
        torch.ones_like(synapses.weight, dtype=torch.float64),
        None,
        synapses.stride,
        synapses.padding,
        synapses.dilation,
        synapses.groups,
    )
    return float(reached.sum())
