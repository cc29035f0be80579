"""BatchNorm over batch, time and space together, as threshold-dependent BatchNorm defines it.

    y = gamma_c * scale * (x - mean_c) / sqrt(var_c + eps) + beta_c

with mean and variance over (time, batch, space). With scale = 1 it is plain BatchNorm on the
flattened time axis. tdBN (Zheng et al., AAAI 2021, alpha = 1) takes the threshold of a neuron whose
input has no factor k = dt/tau; with that factor, scale = v_threshold/k.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .distributed import batch_mean, summed, world_size


class TemporalBatchNorm(nn.Module):
    """Normalise a current of shape (time, batch, channels, *space) per channel."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, scale: float = 1.0, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        self.scale, self.eps, self.momentum = scale, eps, momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, current: Tensor, gate: Tensor | None = None) -> Tensor:
        """Normalise, then multiply by a gate of shape (channels or 1,), if one is given."""
        gain = self.weight if self.scale == 1.0 else self.weight * self.scale
        bias: Tensor = self.bias
        if gate is not None:
            gain, bias = gain * gate, bias * gate
        if self.training and world_size() > 1:
            return self._over_processes(current, gain, bias)
        flat = functional.batch_norm(
            current.flatten(0, 1),
            self.running_mean,
            self.running_var,
            gain,
            bias,
            self.training,
            self.momentum,
            self.eps,
        )
        return flat.view_as(current)

    def _over_processes(self, current: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """Normalise by the mean and variance of all processes' samples."""
        axes = [axis for axis in range(current.dim()) if axis != 2]
        shape = (1, 1, -1) + (1,) * (current.dim() - 3)
        samples = current.shape[1]
        mean = batch_mean(current.mean(axes), samples)
        centred = current - mean.view(shape)
        variance = batch_mean(centred.square().mean(axes), samples)
        with torch.no_grad():
            count = summed(torch.tensor(float(current[:, :, 0].numel()))).item()
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        gain = gain / torch.sqrt(variance + self.eps)
        return centred * gain.view(shape) + bias.view(shape)

    def affine(self) -> tuple[Tensor, Tensor]:
        """Return (gain, offset) of the evaluation mode, y = gain*x + offset, in float64."""
        deviation = torch.sqrt(self.running_var.double() + self.eps)
        gain = self.weight.detach().double() * self.scale / deviation
        offset = self.bias.detach().double() - gain * self.running_mean.double()
        return gain, offset

    def extra_repr(self) -> str:
        return f"{self.weight.numel()}, scale={self.scale}, eps={self.eps}"
