"""MPD-AGL: a rectangle whose width follows the membrane potential, one width a time step.

Jiang et al., IJCAI 2025, arXiv 2505.11863 (theorems 1 and 2, as the authors' code has them). With
the current normalised by BatchNorm of mean gain gbar and scale c, its deviation is sigma =
|gbar|*c, and a neuron v[t] = (1-k)*v[t-1] + k*x[t] that starts from rest has

    width[0]   = 2 * k * sigma
    width[t>0] = 2 * k * sqrt(1 + (1-k)^2) * sigma

that is, half a width is one standard deviation of the potential. The paper's neuron is u = v/k,
without the factor k, and its c is the threshold of u (tdBN). A gate g[t] in front of the neuron
multiplies sigma. A current that a shortcut adds (see `resnet`) is not counted: the paper's blocks
add spikes behind the neurons instead.

`measured` takes the deviation from the potentials of the batch at hand instead. It stands here
for comparison: derived widths know nothing of spikes and resets.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..nn.surrogates import Surrogate

_SMALLEST_GAIN = 1e-3  # a gain of 0 would make the width 0 and stop all learning


class MembraneRectangle(Surrogate):
    """h(x) = 1/width[t] where |x| < width[t]/2, else 0.

    steps: number of time steps. width: used until `adapt` or a first batch sets the widths.
    measured: take widths from the potentials instead of from BatchNorm.
    """

    widths: Tensor

    def __init__(self, steps: int, width: float = 1.0, measured: bool = False):
        super().__init__()
        self.measured = measured
        self.register_buffer("widths", torch.full((steps,), width))

    def derivative(self, x: Tensor, step: int = 0) -> Tensor:
        width = self.widths[step]
        return (x.abs() < width / 2).to(x.dtype) / width

    @torch.no_grad()
    def adapt(self, deviation: Tensor, k: float, decay: float) -> None:
        """Derive the widths from the current's standard deviation.

        deviation: (steps,) or (1,). k: the factor of the input, decay: of the potential.
        """
        growth = torch.full_like(self.widths, (1 + decay**2) ** 0.5)
        growth[0] = 1.0
        self.widths.copy_(2 * k * growth * deviation)

    def observe(self, x: Tensor, step: int = 0) -> None:
        if self.measured and self.training:
            self.widths[step] = 2 * x.std(correction=0).clamp_min(_SMALLEST_GAIN)

    def extra_repr(self) -> str:
        return f"steps={self.widths.numel()}, measured={self.measured}"


def mean_gain(weight: Tensor) -> Tensor:
    """Return |mean of BatchNorm's gains|, kept off zero, without gradient."""
    return weight.detach().mean().abs().clamp_min(_SMALLEST_GAIN)
