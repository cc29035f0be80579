"""What happens inside a network while it trains, per epoch and layer.

flips/LAYER          pi_e: share of binary weights whose sign differs between the ends of
                     epochs e-1 and e (Liang et al. 2025), sign(0) = +1
gradient_mean/LAYER  mean over weights and batches of dL/dw, w the latent weight
gradient_variance/LAYER
firing_rate/LAYER    spikes per neuron and time step, in training mode
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..networks.network import SpikingNetwork, binary_signs


class Telemetry:
    """Collect one epoch's figures; all of its state can be put into a checkpoint."""

    def __init__(self, network: SpikingNetwork):
        self._network = network
        self._signs = binary_signs(network)
        self._sums: dict[str, Tensor] = {}
        self._batches = 0

    @torch.no_grad()
    def observe(self, record: dict[str, Tensor]) -> None:
        """Take one batch in, after its backward pass and before the optimiser's step.

        record: each layer's spikes, or their mean.
        """
        self._batches += 1
        for name, spikes in record.items():
            self._add(f"firing_rate/{name}", spikes.detach().mean())
        for name in self._network.wiring:
            gradient = self._network.layer(name).synapses.weight.grad
            if gradient is not None:
                self._add(f"gradient_mean/{name}", gradient.mean())
                self._add(f"gradient_square/{name}", gradient.square().mean())

    def finish_epoch(self) -> dict[str, float]:
        """Return the epoch's figures and begin the next epoch."""
        signs = binary_signs(self._network)
        figures = {
            f"flips/{name}": (now ^ self._signs[name]).double().mean().item()
            for name, now in signs.items()
        }
        means = {key: (total / self._batches).item() for key, total in self._sums.items()}
        for key, value in means.items():
            kind, _, name = key.partition("/")
            if kind == "gradient_square":
                variance = value - means[f"gradient_mean/{name}"] ** 2
                figures[f"gradient_variance/{name}"] = max(variance, 0.0)
            else:
                figures[key] = value
        self._signs, self._sums, self._batches = signs, {}, 0
        return figures

    def state_dict(self) -> dict[str, Any]:
        """Return what a later run needs to go on in the middle of an epoch."""
        return {"signs": self._signs, "sums": self._sums, "batches": self._batches}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self._signs, self._sums = dict(state["signs"]), dict(state["sums"])
        self._batches = state["batches"]

    def _add(self, key: str, value: Tensor) -> None:
        self._sums[key] = self._sums.get(key, torch.zeros((), dtype=torch.float64)) + value
