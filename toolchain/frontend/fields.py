"""The fields of one raw node, read one by one with their type checked."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .faults import described, shortened
from .raw import RawNode

_LARGEST_WINDOW = 1 << 16
_LARGEST = 1e30
"""Larger numbers occur in no network, and their products overflow."""


class Fields:
    """Reads the fields of a raw node; a field that cannot be used raises InputError.

    Values that can be read but make no sense (NaN, a negative time constant) are collected in
    `faults`, so that all are reported at once.
    """

    def __init__(self, name: str, raw: RawNode) -> None:
        self.raw = raw
        self.what = described(name, raw.kind)
        self.faults: list[InputError] = []
        self._left = set(raw.fields)

    def fault(self, field: str, got: str, expected: str, remedy: str) -> InputError:
        """Return a fault of one field."""
        return InputError(f"{self.what}, {field}", got=got, expected=expected, remedy=remedy)

    def has(self, field: str) -> bool:
        """Whether the field is there."""
        return field in self.raw.fields

    def array(self, field: str) -> np.ndarray:
        """Return a field of finite numbers as written."""
        self._left.discard(field)
        value = self.raw.fields.get(field)
        if value is None:
            raise self.fault(
                field,
                "nothing",
                "an array",
                f"every {self.raw.kind} needs it: export the graph again",
            )
        if isinstance(value, str):
            raise self.fault(
                field, f"the text {shortened(value)!r}", "an array", "export the graph again"
            )
        if value.dtype.kind == "f" and not float(np.abs(value).max(initial=0)) <= _LARGEST:
            finite = np.isfinite(value)
            what = "values above 1e30" if finite.all() else "NaN or infinity"
            bad = int(np.count_nonzero(np.abs(value) > _LARGEST if finite.all() else ~finite))
            self.faults.append(
                self.fault(
                    field,
                    f"{what} in {bad} of {value.size} values",
                    "finite numbers",
                    "look for the divergence in training, and export the graph again",
                )
            )
        return value

    def parameter(self, field: str) -> np.ndarray:
        """Return a real parameter: float32 and float64 as they are, all else exactly widened."""
        value = self.array(field)
        if value.size == 0:
            raise self.fault(field, f"shape {value.shape}", "values", "export the graph again")
        if value.dtype.kind == "f":
            return value.astype(np.float32) if value.dtype == np.float16 else value
        return value.astype(np.float64)

    def weight(self, field: str) -> np.ndarray:
        """Return weights: signed integers, float32 and float64 as they are.

        Booleans and unsigned integers become the signed type that holds them, float16 float32.
        """
        value = self.array(field)
        if value.size == 0:
            raise self.fault(field, f"shape {value.shape}", "weights", "export the graph again")
        if value.dtype.kind in "fi":
            return value.astype(np.float32) if value.dtype == np.float16 else value
        if value.dtype == np.uint64 and value.max() > np.iinfo(np.int64).max:
            raise self.fault(field, "integers above 2^63", "int64", "scale the weights down")
        signed = {1: np.int16, 2: np.int32}.get(value.dtype.itemsize, np.int64)
        return value.astype(np.int8 if value.dtype == np.bool_ else signed)

    def integers(self, field: str, count: int, minimum: int = 1) -> tuple[int, ...]:
        """Return `count` integers of at least `minimum`; a single one stands for all."""
        value = self.array(field).reshape(-1)
        whole = (
            value.size in (1, count) and np.isfinite(value).all() and np.all(value == value // 1)
        )
        if not whole or value.min() < minimum or value.max() > _LARGEST_WINDOW:
            raise self.fault(
                field,
                np.array2string(value, threshold=6),
                f"{count} integer{'s' * (count > 1)} from {minimum} to {_LARGEST_WINDOW}",
                "export the graph again",
            )
        numbers = tuple(int(n) for n in value)
        return numbers * count if len(numbers) < count else numbers

    def text(self, field: str) -> str | None:
        """Return the field if it is a text."""
        value = self.raw.fields.get(field)
        if isinstance(value, str):
            self._left.discard(field)
            return value
        return None

    def ignore(self, *names: str) -> None:
        """Accept fields that are read elsewhere or carry no information."""
        self._left.difference_update(names)

    def finish(self) -> None:
        """Refuse fields that were not read: they may change the meaning of the node."""
        for field in sorted(self._left):
            self.faults.append(
                self.fault(
                    field,
                    "a field that NIR does not define for this node",
                    "NIR 1.0 fields only",
                    "the file may come from a later NIR or another format: export it again",
                )
            )
