"""The fields of one layer of a `.net` file, each checked as it is read."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import RawNode

MAX_VALUES = 1 << 27
"""Numbers that a layer may hold; more is no network for this chip."""
LARGEST = 1 << 31
"""No whole number of a layer is as large."""
MAX_AXES = 4
WEIGHTS = (-256, 255)
"""The smallest and the largest weight of a layer."""


@dataclass(frozen=True)
class LayerFields:
    """The fields of a layer's group, or of the group of its neurons.

    where: what errors call it, such as "layer 3". All methods raise InputError where a field is
    missing or is not what it must be.
    """

    group: RawNode
    where: str
    path: Path

    def __contains__(self, name: str) -> bool:
        return name in self.group.fields or name in self.group.nodes

    def fault(
        self, *, got: str, expected: str, remedy: str = "export the network again"
    ) -> InputError:
        """Return the error that something is wrong with this layer."""
        return InputError(f"{self.where} of {self.path}", got=got, expected=expected, remedy=remedy)

    def neuron(self) -> LayerFields:
        """Return the fields of the layer's neurons."""
        if "neuron" not in self.group.nodes:
            raise self.fault(
                got="no neuron",
                expected="CUBA or LOIHI neurons",
                remedy="end the network with a spiking block",
            )
        return LayerFields(self.group.nodes["neuron"], self.where, self.path)

    def array(self, name: str) -> np.ndarray:
        """Return an array of at least one number."""
        values = self.group.fields.get(name)
        if isinstance(values, str) or name in self.group.nodes:
            raise self.fault(got=f"{name!r} that is no array of numbers", expected="numbers")
        if values is None or not values.size:
            raise self.fault(
                got=f"no {name!r}" if values is None else f"an empty {name!r}",
                expected="a stored array",
            )
        return values

    def integers(self, name: str) -> np.ndarray:
        """Return an array of whole numbers, as int64."""
        values = self.array(name)
        if values.dtype.kind == "b":
            values = values.astype(np.int64)
        if not np.all(np.isfinite(values)) or np.any(values != np.round(values)):
            raise self.fault(
                got=f"{name!r} with values that are no integers",
                expected="integers",
                remedy="train with pre_hook_fx=slayer.utils.quantize_8bit",
            )
        if np.any(np.abs(values.astype(np.float64)) >= LARGEST):
            raise self.fault(
                got=f"{name!r} with values from {values.min():g} to {values.max():g}",
                expected="integers of 32 bits",
            )
        return values.astype(np.int64)

    def weights(self, name: str) -> np.ndarray:
        """Return integer weights in the range of a layer, as int16."""
        values = self.integers(name)
        low, high = WEIGHTS
        if not low <= values.min() <= values.max() <= high:
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
        if values.size > 3:
            raise self.fault(got=f"{values.size} values in {name!r}", expected="one or two")
        return int(values[0]), int(values[-1])

    def shape(self) -> tuple[int, ...]:
        """Return the layer's shape, channels first."""
        shape = tuple(map(int, self.integers("shape").reshape(-1)))
        if len(shape) > MAX_AXES or min(shape) < 1 or prod(shape) > MAX_VALUES:
            raise self.fault(
                got=f"the shape {shape[:8]}",
                expected=f"1 to {MAX_AXES} lengths of at least 1, {MAX_VALUES} values in all",
            )
        return shape

    def text(self, name: str) -> str:
        """Return a string."""
        value = self.group.fields.get(name)
        if not isinstance(value, str):
            raise self.fault(got=f"no text {name!r}", expected="a text")
        return value
