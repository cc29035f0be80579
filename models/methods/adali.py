"""AdaLi: a surrogate of two constants, one on each side of the threshold, narrowing by epoch.

Hou, Wu and Zhou, Front. Neurosci. 2026, doi 10.3389/fnins.2026.1795946 (as the authors' code has
it). With x = v - v_threshold:

    h(x) = mass_left / left     where -left <= x < 0
           mass_right / right   where 0 <= x <= right
           0                    elsewhere

A comparison and a selection, no multiplication an element. The boundaries go from their largest
value in the first epoch to their smallest in the last:

    log       largest * e^b,  b = ln(smallest/largest) / ln(E)
    linear    largest + (smallest - largest) * (e-1)/(E-1)
    sqrt      largest + (smallest - largest) * (sqrt(e)-1)/(sqrt(E)-1)
    constant  largest

for epoch e = 1..E. (The authors' sqrt divides by sqrt(E-1) and so ends short of the smallest.)

The paper speaks of automatic boundaries; its code has no rule for them. Ours, a reconstruction,
takes the quartiles of the potentials: largest = max(-q1, smallest) on the left and max(q3,
smallest) on the right, an exponential mean over batches and time steps that begins at the
configured largest values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from ..nn.surrogates import Surrogate

_MOMENTUM = 0.05
_SAMPLES = 4096  # potentials looked at for a quartile; its error of about 1 % is below the scatter


class Schedule(StrEnum):
    """How a boundary goes from its largest to its smallest value over the epochs."""

    LOG = "log"
    LINEAR = "linear"
    SQRT = "sqrt"
    CONSTANT = "constant"

    def boundary(self, largest: float, smallest: float, epoch: int, epochs: int) -> float:
        """Return the boundary in an epoch, 1..epochs."""
        if epochs == 1 or self is Schedule.CONSTANT:
            return largest
        match self:
            case Schedule.LOG:
                return largest * epoch ** (math.log(smallest / largest) / math.log(epochs))
            case Schedule.LINEAR:
                done = (epoch - 1) / (epochs - 1)
            case _:
                done = (math.sqrt(epoch) - 1) / (math.sqrt(epochs) - 1)
        return largest + (smallest - largest) * done


@dataclass(frozen=True)
class AdaLiConfig:
    """Boundaries in units of potential, [largest, smallest]; the paper's are for threshold 1.

    mass_left, mass_right: the area of each side. automatic: largest boundaries from quartiles.
    """

    left: tuple[float, ...] = (1.5, 0.3)
    right: tuple[float, ...] = (1.5, 0.3)
    mass_left: float = 0.5
    mass_right: float = 0.5
    schedule: Schedule = Schedule.LOG
    automatic: bool = False


class AdaLi(Surrogate):
    """The two-sided piecewise-constant surrogate; call `set_epoch` before each epoch."""

    quartiles: Tensor

    def __init__(self, config: AdaLiConfig):
        super().__init__()
        self.config = config
        self._epoch, self._epochs = 1, 1
        # Distances of the first and third quartile from the threshold, once they are measured.
        self.register_buffer("quartiles", torch.tensor([config.left[0], config.right[0]]))

    def set_epoch(self, epoch: int, epochs: int) -> None:
        """Narrow the boundaries to those of an epoch, 1..epochs."""
        self._epoch, self._epochs = epoch, epochs

    @property
    def boundaries(self) -> tuple[float, float]:
        """The boundaries (left, right) in use, distances from the threshold."""
        sides = []
        for (largest, smallest), measured in zip(
            (self.config.left, self.config.right), self.quartiles.tolist(), strict=True
        ):
            if self.config.automatic and not math.isnan(measured):
                largest = max(measured, smallest)
            sides.append(
                self.config.schedule.boundary(largest, smallest, self._epoch, self._epochs)
            )
        return sides[0], sides[1]

    def derivative(self, x: Tensor, step: int = 0) -> Tensor:
        left, right = self.boundaries
        height = torch.where(x < 0, self.config.mass_left / left, self.config.mass_right / right)
        return height.to(x.dtype) * ((x >= -left) & (x <= right))

    def observe(self, x: Tensor, step: int = 0) -> None:
        if not (self.config.automatic and self.training):
            return
        flat = x.flatten()
        sample = flat[:: max(1, flat.numel() // _SAMPLES)]
        first, third = torch.quantile(sample, sample.new_tensor([0.25, 0.75])).unbind()
        self.quartiles.lerp_(torch.stack([-first, third]), _MOMENTUM)

    def extra_repr(self) -> str:
        return f"boundaries={self.boundaries}"
