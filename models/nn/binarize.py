"""Synapses of one bit: the sign of a latent weight, with a straight-through gradient.

Forward:   w_b = sign(w), with sign(0) = +1, times a scale per output channel (or none)
Backward:  dL/dw = scale * dL/dw_b where |w| <= 1, else 0

The latent weights w are kept in floating point by the optimiser and are never used in the forward
pass. The scale is a constant for the gradient: a BatchNorm behind the synapses absorbs it.
"""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional


class WeightScale(StrEnum):
    """What one binary weight is worth, per output channel."""

    NONE = "none"
    """+-1: for synapses with a BatchNorm behind them."""
    CHANNEL = "channel"
    """mean |w| over the channel's synapses (XNOR-Net, Rastegari et al. 2016)."""
    SHIFT = "shift"
    """2^round(log2(mean |w|)): a shift in hardware (Q-SNN, Wei et al. 2024)."""


class _SignStraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, latent: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(latent)
        return (latent >= 0).to(latent.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        (latent,) = ctx.saved_tensors
        return gradient * (latent.abs() <= 1)


def sign(latent: Tensor) -> Tensor:
    """Binarize to {-1, +1}, sign(0) = +1; the gradient passes where |latent| <= 1."""
    binary: Tensor = _SignStraightThrough.apply(latent)  # type: ignore[no-untyped-call]
    return binary


def channel_scale(latent: Tensor, kind: WeightScale) -> Tensor:
    """Compute the magnitude of each output channel's weights, (out, 1, ...), without gradient."""
    shape = (latent.shape[0],) + (1,) * (latent.dim() - 1)
    if kind is WeightScale.NONE:
        return latent.new_ones(shape)
    magnitude = latent.detach().abs().flatten(1).mean(1)
    if kind is WeightScale.SHIFT:
        smallest = torch.finfo(magnitude.dtype).tiny
        magnitude = torch.exp2(torch.round(torch.log2(magnitude.clamp_min(smallest))))
    return magnitude.view(shape)


class BinaryLinear(nn.Linear):
    """Connect `in_features` spikes to `out_features` sums by synapses of +-1, without bias."""

    def __init__(self, in_features: int, out_features: int, scale: WeightScale = WeightScale.NONE):
        super().__init__(in_features, out_features, bias=False)
        self.scale = scale

    def forward(self, spikes: Tensor) -> Tensor:
        """Sum the signs of the synapses that got a spike: (..., in) to (..., out)."""
        return functional.linear(spikes, binary_weight(self))


class BinaryConv2d(nn.Conv2d):
    """Convolve spikes with kernels of +-1, without bias; zero padding adds nothing."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        scale: WeightScale = WeightScale.NONE,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False
        )
        self.scale = scale

    def forward(self, spikes: Tensor) -> Tensor:
        """Convolve: (batch, in, height, width) to (batch, out, height', width')."""
        return self._conv_forward(spikes, binary_weight(self), None)


BinarySynapses = BinaryLinear | BinaryConv2d


def binary_weight(synapses: BinarySynapses) -> Tensor:
    """Return the weights that the forward pass uses: sign times scale."""
    binary = sign(synapses.weight)
    if synapses.scale is WeightScale.NONE:
        return binary
    return binary * channel_scale(synapses.weight, synapses.scale)
