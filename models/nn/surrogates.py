"""Spikes with a surrogate gradient: a step forward, a bump backward.

Forward:   z = 1 if x > 0 else 0, with x = v - v_threshold (strict, as in NIR)
Backward:  dL/dx = dL/dz * h(x), where h is the surrogate's derivative

A derivative may differ from one time step to the next (see `mpd_agl`), so it is told the step.
Widths are in units of the membrane potential.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, surrogate: Surrogate, step: int) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        ctx.surrogate, ctx.step = surrogate, step
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        (x,) = ctx.saved_tensors
        return gradient * ctx.surrogate.derivative(x, ctx.step), None, None


class Surrogate(nn.Module):
    """The pseudo-derivative of a spike with respect to v - v_threshold."""

    def derivative(self, x: Tensor, step: int = 0) -> Tensor:
        """Compute h(x) elementwise for the potentials of one time step."""
        raise NotImplementedError

    def window(self, x: Tensor, step: int = 0) -> Tensor:
        """Mark the potentials that pass any gradient: the surrogate's compute density."""
        return self.derivative(x, step) != 0

    def observe(self, x: Tensor, step: int = 0) -> None:
        """Learn from the potentials of one time step of a forward pass; most need not."""

    @property
    def observes(self) -> bool:
        """Whether `observe` does anything."""
        return type(self).observe is not Surrogate.observe

    def forward(self, x: Tensor, step: int = 0) -> Tensor:
        """Return the spikes, 0 or 1 in the dtype of x."""
        self.observe(x.detach(), step)
        spikes: Tensor = _Spike.apply(x, self, step)  # type: ignore[no-untyped-call]
        return spikes


class StraightThrough(Surrogate):
    """h(x) = 1 everywhere."""

    def derivative(self, x: Tensor, step: int = 0) -> Tensor:
        return torch.ones_like(x)


class Rectangle(Surrogate):
    """h(x) = 1/width where |x| < width/2, else 0: area 1 (Wu et al. 2018, STBP)."""

    def __init__(self, width: float = 1.0):
        super().__init__()
        self.width = width

    def derivative(self, x: Tensor, step: int = 0) -> Tensor:
        return (x.abs() < self.width / 2).to(x.dtype) / self.width

    def extra_repr(self) -> str:
        return f"width={self.width}"


class Triangle(Surrogate):
    """h(x) = max(0, width - |x|) / width^2: area 1 (Esser et al. 2016; Bellec et al. 2020)."""

    def __init__(self, width: float = 1.0):
        super().__init__()
        self.width = width

    def derivative(self, x: Tensor, step: int = 0) -> Tensor:
        return (self.width - x.abs()).clamp_min_(0).div_(self.width**2)

    def extra_repr(self) -> str:
        return f"width={self.width}"


class SuperSpike(Surrogate):
    """h(x) = 1 / (1 + slope*|x|)^2 (Zenke and Ganguli 2018, section 3.3.2).

    With slope 1 it equals norse 1.1's "super", which ignores its own parameter alpha.
    """

    def __init__(self, slope: float = 1.0):
        super().__init__()
        self.slope = slope

    def derivative(self, x: Tensor, step: int = 0) -> Tensor:
        return (1 + self.slope * x.abs()).pow(-2)

    def extra_repr(self) -> str:
        return f"slope={self.slope}"


class Sigmoid(Surrogate):
    """h(x) = slope * s * (1 - s) with s = sigmoid(slope*x): area 1 (BSO's default, slope 4)."""

    def __init__(self, slope: float = 4.0):
        super().__init__()
        self.slope = slope

    def derivative(self, x: Tensor, step: int = 0) -> Tensor:
        s = (self.slope * x).sigmoid_()
        return torch.addcmul(s, s, s, value=-1).mul_(self.slope)

    def extra_repr(self) -> str:
        return f"slope={self.slope}"
