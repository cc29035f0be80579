"""The fields of one layer of a `.net` file, each checked as it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from axonc.toolchain.errors import InputError

MAX_VALUES = 1 << 27
"""Numbers that one file may hold; more is no network for this chip."""
WEIGHTS = (-256, 255)
"""The smallest and the largest weight of a layer."""


@dataclass
class Budget:
    """How many more numbers may be read from a file."""

    values_left: int = MAX_VALUES


@dataclass(frozen=True)
class LayerFields:
    """A layer's HDF5 group, or the group of its neurons.

    where: what errors call it, such as "layer 3". All methods raise InputError where a field is
    missing or is not what it must be.
    """

    group: h5py.Group
    where: str
    path: Path
    budget: Budget

    def __contains__(self, name: str) -> bool:
        return name in self.group

    def fault(
        self, *, got: str, expected: str, remedy: str = "export the network again"
    ) -> InputError:
        """Return the error that something is wrong with this layer."""
        return InputError(f"{self.where} of {self.path}", got=got, expected=expected, remedy=remedy)

    def neuron(self) -> LayerFields:
        """Return the fields of the layer's neurons."""
        if "neuron" not in self.group:
            raise self.fault(
                got="no neuron",
                expected="CUBA or LOIHI neurons",
                remedy="end the network with a spiking block",
            )
        return LayerFields(self.group["neuron"], self.where, self.path, self.budget)

    def array(self, name: str) -> np.ndarray:
        """Return an array of numbers."""
        if self.group.get(name, getlink=True).__class__ is not h5py.HardLink:
            raise self.fault(got=f"no {name!r} in the file itself", expected="a stored array")
        data = self.group[name]
        if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "biuf":
            raise self.fault(got=f"{name!r} that is no array of numbers", expected="numbers")
        self.budget.values_left -= data.size
        if self.budget.values_left < 0:
            raise self.fault(
                got=f"{data.size} values in {name!r}",
                expected=f"at most {MAX_VALUES} in the whole file",
                remedy="use a smaller network",
            )
        return np.asarray(data[()])

    def integers(self, name: str) -> np.ndarray:
        """Return an array of whole numbers, as int64."""
        values = self.array(name)
        if not np.all(np.isfinite(values)) or np.any(values != np.round(values)):
            raise self.fault(
                got=f"{name!r} with values that are no integers",
                expected="integers",
                remedy="train with pre_hook_fx=slayer.utils.quantize_8bit",
            )
        return values.astype(np.int64)

    def weights(self, name: str) -> np.ndarray:
        """Return integer weights in the range of a layer, as int16."""
        values = self.integers(name)
        low, high = WEIGHTS
        if values.size and not low <= values.min() <= values.max() <= high:
            raise self.fault(
                got=f"weights from {values.min()} to {values.max()}",
                expected=f"{low} to {high}",
                remedy="quantise them to 8 bits",
            )
        return values.astype(np.int16)

    def number(self, name: str) -> int:
        """Return one whole number."""
        values = self.integers(name)
        if values.size != 1:
            raise self.fault(got=f"{values.size} values in {name!r}", expected="one")
        return int(values.flat[0])

    def pair(self, name: str) -> tuple[int, int]:
        """Return two whole numbers; one stands for both."""
        values = self.integers(name).reshape(-1)
        return int(values[0]), int(values[-1])

    def shape(self) -> tuple[int, ...]:
        """Return the layer's shape, channels first."""
        return tuple(int(n) for n in self.array("shape").reshape(-1))

    def text(self, name: str) -> str:
        """Return a string."""
        value: Any = self.group[name][()]
        value = value[0] if isinstance(value, np.ndarray) and value.size else value
        return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
