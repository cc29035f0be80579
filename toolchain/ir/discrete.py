"""The neuron in discrete time: one equation for every neuron of NIR, in every dialect."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import ClassVar

import numpy as np

from .node import Node, Shape, broadcasts_to, require_shape


class Reset(StrEnum):
    """What a spike does to the membrane potential."""

    HARD = "hard"
    """v[t] = v_reset where z[t]."""
    HARD_NEXT = "hard-next"
    """u[t] = v_reset where z[t-1], whatever comes in: the step after a spike is lost. snnTorch's
    "zero" with reset_delay=True in Synaptic, RLeaky and RSynaptic."""
    SUBTRACT = "subtract"
    """v[t] = u[t] - threshold where z[t]."""
    SUBTRACT_NEXT = "subtract-next"
    """The threshold is subtracted in the step after: snnTorch's soft reset by default."""
    SUBTRACT_HELD = "subtract-held"
    """As subtract, but a neuron whose potential is still above the threshold after its reset is
    compared, in the next step only, with one threshold less: z[t] = u[t] - threshold * [v[t-1] >
    threshold] > threshold, v[t] = u[t] - threshold * z[t]. snnTorch with reset_delay=False, which
    is what it runs NIR graphs with."""


@dataclass(frozen=True, eq=False)
class Neuron(Node):
    """A population of leaky neurons in discrete time, of shape `shape`.

    In step t, with a[t] the sum of what comes in:

        i[t] = current_decay * i[t-1] + current_gain * a[t]    (i[t] = a[t] without current_decay)
        u[t] = decay * v[t-1] + gain * i[t] + leak
        z[t] = u[t] > threshold                                (strict)
        v[t] = u[t], reset where z[t] as `reset` says

    Output: z[t]; without a threshold u[t] itself, a real number. v[0] before the first step is
    `v_start`, i is 0. Every parameter broadcasts to `shape`.
    """

    kind: ClassVar[str] = "Neuron"
    shape: Shape
    decay: np.ndarray
    gain: np.ndarray
    leak: np.ndarray
    threshold: np.ndarray | None = None
    v_reset: np.ndarray | None = None
    reset: Reset = Reset.HARD
    current_decay: np.ndarray | None = None
    current_gain: np.ndarray | None = None
    v_start: np.ndarray | None = None

    def settling_gain(self, horizon_steps: float = np.inf) -> np.ndarray:
        """Return where an input of 1 in every step brings the membrane; see `settling_gain`."""
        return settling_gain(self.decay, horizon_steps)

    def current_settling_gain(self, horizon_steps: float = np.inf) -> np.ndarray:
        """Return where an input of 1 in every step brings the current; 1 where there is none.

        Without its `current_gain`.
        """
        if self.current_decay is None:
            return np.ones(1)
        return settling_gain(self.current_decay, horizon_steps)

    @property
    def spikes(self) -> bool:
        """Whether the output is spikes rather than the membrane potential."""
        return self.threshold is not None

    def output_shape(self, input_shape: Shape | None) -> Shape:
        require_shape(input_shape, self.shape)
        return self.shape

    def faults(self) -> list[str]:
        found = super().faults()
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and not broadcasts_to(value, self.shape):
                found.append(f"{field.name} has shape {value.shape}, expected {self.shape}")
        if (self.current_decay is None) != (self.current_gain is None):
            found.append("current_decay and current_gain must both be there or both be absent")
        if self.spikes and self.reset in (Reset.HARD, Reset.HARD_NEXT) and self.v_reset is None:
            found.append("a hard reset needs v_reset")
        return found


def settling_gain(decay: np.ndarray, horizon_steps: float = np.inf) -> np.ndarray:
    """Return where an input of 1 in every step brings a state that keeps `decay` of its value.

        1 + decay + decay^2 + ... = 1 / (1 - decay)

    A state without decay (decay 1) does not settle: it is the value after `horizon_steps` steps,
    or 1e12, which stands for no bound.
    """
    gain: np.ndarray = np.minimum(1 / np.maximum(1 - decay, 1e-12), horizon_steps)
    return gain
