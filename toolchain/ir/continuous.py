"""Neurons in continuous time, as NIR defines them. What they do in one step, a Dialect decides.

Parameters broadcast to `shape`. Time constants are in the file's unit of time, which the dialect's
`dt` shares (seconds for most producers). A neuron spikes when v > v_threshold (strict, as in NIR).
Source of the equations: NIR primitives (Pedersen et al., Nat. Commun. 15:8122, 2024, table 1).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from .node import Node, Shape, broadcasts_to, require_shape


@dataclass(frozen=True, eq=False)
class ContinuousNeuron(Node):
    """Base of NIR's neurons: one input and one output of shape `shape`."""

    spikes: ClassVar[bool] = False
    shape: Shape

    def output_shape(self, input_shape: Shape | None) -> Shape:
        require_shape(input_shape, self.shape)
        return self.shape

    def faults(self) -> list[str]:
        found = super().faults()
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, np.ndarray):
                continue
            if not broadcasts_to(value, self.shape):
                found.append(f"{field.name} has shape {value.shape}, expected {self.shape}")
            if field.name.startswith("tau") and np.any(value <= 0):
                found.append(f"{field.name} has values down to {value.min():g}, expected above 0")
        return found


@dataclass(frozen=True, eq=False)
class I(ContinuousNeuron):  # noqa: E742  NIR's own name
    """Integrator: dv/dt = r x."""

    kind: ClassVar[str] = "I"
    r: np.ndarray


@dataclass(frozen=True, eq=False)
class IF(ContinuousNeuron):
    """Integrate and fire: dv/dt = r x; spikes above v_threshold."""

    kind: ClassVar[str] = "IF"
    spikes: ClassVar[bool] = True
    r: np.ndarray
    v_threshold: np.ndarray
    v_reset: np.ndarray


@dataclass(frozen=True, eq=False)
class LI(ContinuousNeuron):
    """Leaky integrator: tau dv/dt = (v_leak - v) + r x."""

    kind: ClassVar[str] = "LI"
    tau: np.ndarray
    r: np.ndarray
    v_leak: np.ndarray


@dataclass(frozen=True, eq=False)
class LIF(ContinuousNeuron):
    """Leaky integrate and fire: tau dv/dt = (v_leak - v) + r x; spikes above v_threshold."""

    kind: ClassVar[str] = "LIF"
    spikes: ClassVar[bool] = True
    tau: np.ndarray
    r: np.ndarray
    v_leak: np.ndarray
    v_threshold: np.ndarray
    v_reset: np.ndarray


@dataclass(frozen=True, eq=False)
class CubaLI(ContinuousNeuron):
    """Leaky integrator with synaptic current.

    tau_syn di/dt = -i + w_in x;  tau_mem dv/dt = (v_leak - v) + r i.
    """

    kind: ClassVar[str] = "CubaLI"
    tau_syn: np.ndarray
    tau_mem: np.ndarray
    r: np.ndarray
    v_leak: np.ndarray
    w_in: np.ndarray


@dataclass(frozen=True, eq=False)
class CubaLIF(ContinuousNeuron):
    """CubaLI that spikes above v_threshold."""

    kind: ClassVar[str] = "CubaLIF"
    spikes: ClassVar[bool] = True
    tau_syn: np.ndarray
    tau_mem: np.ndarray
    r: np.ndarray
    v_leak: np.ndarray
    w_in: np.ndarray
    v_threshold: np.ndarray
    v_reset: np.ndarray


@dataclass(frozen=True, eq=False)
class Threshold(ContinuousNeuron):
    """Heaviside step without state: z[t] = x[t] > threshold."""

    kind: ClassVar[str] = "Threshold"
    spikes: ClassVar[bool] = True
    threshold: np.ndarray
