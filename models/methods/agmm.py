"""AGMM: a gate in the forward pass that makes the gradients of binary weights calmer.

After BatchNorm, each layer's current X[t] is multiplied by a gate (Liang et al., AAAI 2025,
arXiv 2502.14344):

    g[t] = alpha[t] * sigmoid(E(X[t]))        Xh[t] = g[t] * X[t]

Autograd then gives dL/dX = g * dL/dXh plus the path through E(X). With 0 < g < 1 the mean of the
weights' gradient falls by g and its variance by g^2, and with them the rate of sign flips.

The paper's text was not at hand: that alpha is per layer and step, and a sigmoid of a mean, is
read; what E averages over, how alpha starts and whether it is bounded are a reconstruction, and
therefore options here. Behind BatchNorm, whose output has the mean beta over batch, time and space,
an E over all of these is a function of beta alone: the gate then is a learned factor of the layer
or channel that no sample changes, and it costs no pass over the current. A free alpha is redundant
with BatchNorm's own gain and can undo the gate, so the default is bounded, alpha = sigmoid(a).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from ..nn.distributed import batch_mean


class Mean(StrEnum):
    """What E(X) averages over, beside space."""

    LAYER = "layer"
    """batch and channels: one number a layer."""
    CHANNEL = "channel"
    """batch: one number a channel."""
    SAMPLE = "sample"
    """channels: one number a sample. Needs a multiplication at run time, so it cannot be folded."""
    SAMPLE_CHANNEL = "sample-channel"
    """one number for each sample and channel. Cannot be folded either."""


class Alpha(StrEnum):
    """How the learned parameter a becomes alpha."""

    SIGMOID = "sigmoid"
    """alpha = sigmoid(a), in (0, 1)."""
    CLAMP = "clamp"
    """alpha = clamp(a, 0, 1)."""
    FREE = "free"
    """alpha = a."""
    FIXED = "fixed"
    """alpha = a, not learned."""


@dataclass(frozen=True)
class GateConfig:
    """The gate's options.

    enabled: False leaves the current as it is (the vanilla binary network).
    mean: what E averages over.
    alpha, alpha_init: how alpha is parametrised, and the first value of a.
    alpha_per_channel: one alpha a channel instead of one a layer.
    per_step: alpha and E have their own value in every time step. False shares both over time.
    running: at evaluation use the running mean of E, kept like BatchNorm's, so that the gate is a
        constant. False uses the mean of the batch at hand.
    detach_mean: keep the gradient out of E(X).
    gradient_only: identity forward, the gate's factor in the backward pass alone (an ablation).
    momentum: of the running mean.

    A gate folds exactly into a static graph if it is gradient_only, or if `mean` is layer or
    channel, `per_step` is False and `running` is True.
    """

    enabled: bool = True
    mean: Mean = Mean.LAYER
    alpha: Alpha = Alpha.SIGMOID
    alpha_init: float = 2.0
    alpha_per_channel: bool = False
    per_step: bool = False
    running: bool = True
    detach_mean: bool = False
    gradient_only: bool = False
    momentum: float = 0.1


class _GradientGate(torch.autograd.Function):
    """Identity forward; backward as if the output were gate * x."""

    @staticmethod
    def forward(ctx, x: Tensor, gate: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, gate)
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[no-untyped-def]
        x, gate = ctx.saved_tensors
        return gradient * gate, (gradient * x).sum_to_size(gate.shape)


class ForwardGate(nn.Module):
    """Multiply a layer's current by alpha[t] * sigmoid(E(X[t])).

    config: the options. channels, steps: sizes of the current's channel and time axes.
    """

    running_mean: Tensor

    def __init__(self, config: GateConfig, channels: int, steps: int):
        super().__init__()
        self.config = config
        time = steps if config.per_step else 1
        shape = (time, 1, channels if config.alpha_per_channel else 1)
        self.a = nn.Parameter(torch.full(shape, config.alpha_init))
        if config.alpha is Alpha.FIXED:
            self.a.requires_grad_(False)
        per_channel = config.mean in (Mean.CHANNEL, Mean.SAMPLE_CHANNEL)
        self.register_buffer("running_mean", torch.zeros(time, 1, channels if per_channel else 1))

    @property
    def alpha(self) -> Tensor:
        """The factor alpha, shape (steps or 1, 1, channels or 1)."""
        match self.config.alpha:
            case Alpha.SIGMOID:
                return torch.sigmoid(self.a)
            case Alpha.CLAMP:
                return self.a.clamp(0, 1)
            case _:
                return self.a

    @property
    def per_sample(self) -> bool:
        """Whether E is a number of each sample, so that no constant can stand for it."""
        return self.config.mean in (Mean.SAMPLE, Mean.SAMPLE_CHANNEL)

    def constant(self) -> Tensor:
        """Return the gate used at evaluation, float64, shape (steps or 1, channels or 1).

        Only for a gate with running statistics; the exporter checks that first.
        """
        gate = self.alpha.double() * torch.sigmoid(self.running_mean.double())
        return gate.detach().squeeze(1)

    @property
    def of_norm(self) -> bool:
        """Whether the gate behind a BatchNorm is a function of that norm's bias alone."""
        config = self.config
        whole_batch = not (self.per_sample or config.per_step)
        return whole_batch and not config.gradient_only and (self.training or config.running)

    def factor(self, bias: Tensor) -> Tensor:
        """Return the gate, (channels or 1,), of a current that BatchNorm has just made.

        What BatchNorm makes of a batch has the mean `bias`, (channels,), over batch, time and
        space, so E(X) is that bias, or its mean over the channels: value and gradients are those
        of `forward` (but for rounding) without a pass over the current. For a gate that is
        `of_norm`.
        """
        mean = bias if self.config.mean is Mean.CHANNEL else bias.mean(0, keepdim=True)
        return self._gate(mean.view(1, 1, -1) if self.training else self.running_mean).flatten()

    def forward(self, current: Tensor) -> Tensor:
        """Gate a current of shape (time, batch, channels, *space)."""
        flat = current.flatten(3) if current.dim() > 3 else current.unsqueeze(-1)
        if self.training or self.per_sample or not self.config.running:
            mean = self._mean(flat)
            if self.training and not self.per_sample:
                mean = batch_mean(mean, flat.shape[1])
        else:
            mean = self.running_mean
        gate = self._gate(mean)
        gate = gate.view(gate.shape + (1,) * (current.dim() - 3))
        if self.config.gradient_only:
            if not self.training:
                return current
            gated: Tensor = _GradientGate.apply(current, gate)  # type: ignore[no-untyped-call]
            return gated
        return current * gate

    def _gate(self, mean: Tensor) -> Tensor:
        """Return alpha * sigmoid(mean); in training, let the running mean follow."""
        if self.training and not self.per_sample:
            with torch.no_grad():
                self.running_mean.lerp_(mean.detach(), self.config.momentum)
        if self.config.detach_mean:
            mean = mean.detach()
        return self.alpha * torch.sigmoid(mean)

    def _mean(self, flat: Tensor) -> Tensor:
        """Average (time, batch, channels, space) to (time or 1, batch or 1, channels or 1)."""
        axes = [3]
        if not self.config.per_step:
            axes.append(0)
        if not self.per_sample:
            axes.append(1)
        if self.config.mean in (Mean.LAYER, Mean.SAMPLE):
            axes.append(2)
        return flat.mean(axes, keepdim=True).squeeze(3)
