"""Integer nodes: spikes are bits, synapses are small integers, membranes have a stated width."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import numpy as np

from .discrete import Reset, settling_gain
from .dtypes import WeightType
from .node import Node, Shape, broadcasts_to, require_shape
from .weighted import KernelConnection, MatrixConnection
from .window import Window


class Rounding(StrEnum):
    """How the product of a decay is brought back to an integer."""

    TOWARD_ZERO = "toward-zero"
    """sign(x) * (|x| >> shift), as Loihi does."""
    FLOOR = "floor"
    """x >> shift, an arithmetic shift."""


class Overflow(StrEnum):
    """What happens to a state that leaves its range."""

    SATURATE = "saturate"
    WRAP = "wrap"


@dataclass(frozen=True, eq=False)
class IntegerAffine(MatrixConnection):
    """a = W s, with integer W of shape (outputs, inputs) and values of `weight_type`."""

    kind: ClassVar[str] = "IntegerAffine"
    weight: np.ndarray
    weight_type: WeightType

    def faults(self) -> list[str]:
        shape = [] if self.weight.ndim == 2 else ["weight must have shape (outputs, inputs)"]
        return super().faults() + shape + _weight_faults(self.weight, self.weight_type)


@dataclass(frozen=True, eq=False)
class IntegerConv(KernelConnection):
    """Convolution with an integer kernel of `weight_type`; shapes as in `Conv`."""

    kind: ClassVar[str] = "IntegerConv"
    weight: np.ndarray
    weight_type: WeightType
    window: Window
    groups: int = 1

    def faults(self) -> list[str]:
        return (
            super().faults() + self.kernel_faults() + _weight_faults(self.weight, self.weight_type)
        )


@dataclass(frozen=True, eq=False)
class LeakyState:
    """One integer state variable of a neuron: how it decays and what it can hold.

        leak(x) = round(x * multiplier / 2^shift)         rounding as named
        fit(x)  = x brought into [minimum, maximum]       overflow as named

    multiplier: integers, broadcast to the population; 2^shift means no decay, 0 no memory.
    """

    multiplier: np.ndarray
    shift: int
    minimum: int
    maximum: int
    rounding: Rounding = Rounding.TOWARD_ZERO
    overflow: Overflow = Overflow.SATURATE

    def __post_init__(self) -> None:
        self.multiplier.setflags(write=False)

    @property
    def bits(self) -> int:
        """Storage of one state variable in two's complement."""
        return max(int(self.maximum).bit_length(), int(-self.minimum - 1).bit_length()) + 1

    @property
    def decay(self) -> np.ndarray:
        """The share of the state that a step keeps, multiplier / 2^shift."""
        return self.multiplier / (1 << self.shift)

    @property
    def decays(self) -> bool:
        """Whether any state loses something in a step."""
        return bool(np.any(self.multiplier != 1 << self.shift))

    def settling_gain(self) -> np.ndarray:
        """Return where an input of 1 in every step brings the state, but for rounding."""
        return settling_gain(self.decay)

    def leak(self, state: np.ndarray) -> np.ndarray:
        """Return the state (int64) after one step of decay."""
        product = state * self.multiplier
        if self.rounding is Rounding.FLOOR:
            return product >> self.shift
        return np.sign(product) * (np.abs(product) >> self.shift)

    def fit(self, value: np.ndarray) -> np.ndarray:
        """Return `value` saturated or wrapped into the range."""
        if self.overflow is Overflow.SATURATE:
            return np.clip(value, self.minimum, self.maximum)
        span = self.maximum - self.minimum + 1
        return (value - self.minimum) % span + self.minimum

    def faults(self) -> list[str]:
        """Return what is wrong with the state's numbers."""
        found = []
        if not 0 <= self.shift <= 30:
            found.append(f"decay shift is {self.shift}, expected 0 to 30")
        elif np.any(self.multiplier < 0) or np.any(self.multiplier > 1 << self.shift):
            found.append(f"decay multiplier must lie between 0 and 2^{self.shift}")
        if not -(1 << 40) <= self.minimum < 0 < self.maximum <= 1 << 40:
            found.append(f"range {self.minimum} to {self.maximum} must hold 0 and stay in 41 bits")
        return found


@dataclass(frozen=True, eq=False)
class IntegerNeuron(Node):
    """A population of integer neurons of shape `shape`, exact in every bit.

    In step t, with a[t] the integer sum of what comes in:

        x[t] = a[t] * 2^fraction_bits
        i[t] = current.fit(current.leak(i[t-1]) + x[t])          (i[t] = x[t] without a current)
        u[t] = membrane.fit(membrane.leak(v[t-1]) + i[t] + bias)
        z[t] = u[t] > threshold                                  (strict)
        v[t] = u[t], but v_reset (hard) or u[t] - threshold (subtract) where z[t]

    threshold, bias, v_reset: int64, broadcast to `shape`, in units of the membrane's last bit.
    So the membrane's last bit is worth 2^-fraction_bits of one synapse of weight 1.
    """

    kind: ClassVar[str] = "IntegerNeuron"
    shape: Shape
    threshold: np.ndarray
    bias: np.ndarray
    v_reset: np.ndarray
    membrane: LeakyState
    current: LeakyState | None = None
    fraction_bits: int = 0
    reset: Reset = Reset.HARD

    def output_shape(self, input_shape: Shape | None) -> Shape:
        require_shape(input_shape, self.shape)
        return self.shape

    def faults(self) -> list[str]:
        found = super().faults() + self.membrane.faults()
        parameters = {"threshold": self.threshold, "bias": self.bias, "v_reset": self.v_reset}
        states = {"membrane multiplier": self.membrane.multiplier}
        if self.current is not None:
            found += self.current.faults()
            states["current multiplier"] = self.current.multiplier
        for name, value in {**parameters, **states}.items():
            if value.dtype != np.int64:
                found.append(f"{name} is {value.dtype}, expected int64")
            if not broadcasts_to(value, self.shape):
                found.append(f"{name} has shape {value.shape}, expected {self.shape}")
        if np.any(np.abs(self.threshold) > 1 << 40) or np.any(np.abs(self.bias) > 1 << 40):
            found.append("threshold and bias must stay within 41 bits")
        if not 0 <= self.fraction_bits <= 24:
            found.append(f"fraction_bits is {self.fraction_bits}, expected 0 to 24")
        if self.reset not in (Reset.HARD, Reset.SUBTRACT):
            found.append(f"the reset {self.reset} has no integer form")
        return found


def _weight_faults(weight: np.ndarray, weight_type: WeightType) -> list[str]:
    if weight.dtype.kind != "i":
        return [f"weight is {weight.dtype}, expected signed integers"]
    if not weight_type.allows(weight):
        return [f"weight holds values from {weight.min()} to {weight.max()}, not {weight_type}"]
    return []
