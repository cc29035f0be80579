"""How large a network is, in the convention of the papers.

One bit a binary weight, 32 bits for everything else that is learned: floating-point weights and
biases, BatchNorm's gamma and beta, the gate's alpha. MB are 10^6 bytes. The running statistics of
BatchNorm do not count: they fold into gamma and beta.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.network import SpikingNetwork


@dataclass(frozen=True)
class ModelSize:
    """parameters: all learned numbers. binary_weights: how many of them are one bit."""

    parameters: int
    binary_weights: int

    @property
    def size_bits(self) -> int:
        """The size with one bit a binary weight."""
        return 32 * (self.parameters - self.binary_weights) + self.binary_weights

    @property
    def float_size_mb(self) -> float:
        """The size of the same network in 32-bit floating point, in 10^6 bytes."""
        return self.parameters * 4 / 1e6


def model_size(network: SpikingNetwork) -> ModelSize:
    """Count a network's parameters."""
    layers = [network.layer(name) for name in network.wiring]
    return ModelSize(
        parameters=sum(p.numel() for p in network.parameters()),
        binary_weights=sum(layer.synapses.weight.numel() for layer in layers if layer.binary),
    )
