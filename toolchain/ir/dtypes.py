"""The number formats of synapses: how many bits one weight takes and which values it may have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InternalError


@dataclass(frozen=True, slots=True)
class WeightType:
    """The format of one synapse.

    name: canonical name, e.g. `BIPOLAR`; minimum, maximum: the range, both ends legal;
    bits: storage of one synapse; zero: whether 0 (an absent synapse) is legal.
    """

    name: str
    bits: int
    minimum: int
    maximum: int
    zero: bool = True

    def allows(self, weights: np.ndarray) -> bool:
        """Whether every element of an integer array is a value of this type."""
        if weights.size == 0:
            return True
        in_range = self.minimum <= int(weights.min()) and int(weights.max()) <= self.maximum
        return in_range and (self.zero or bool(np.all(weights != 0)))

    @property
    def is_binary(self) -> bool:
        """Whether a synapse only ever adds or subtracts 1 (a sign bit, maybe a presence bit)."""
        return self.minimum == -1 and self.maximum == 1

    def __str__(self) -> str:
        return self.name


BIPOLAR = WeightType("BIPOLAR", 1, -1, 1, zero=False)
"""One sign bit: -1 or +1."""

TERNARY = WeightType("TERNARY", 2, -1, 1)
"""One sign bit and one presence bit: -1, 0 or +1."""


def signed(bits: int) -> WeightType:
    """Two's complement integers of `bits` bits (2 to 16), from -2^(bits-1) to 2^(bits-1) - 1."""
    if not 2 <= bits <= 16:
        raise InternalError(f"weight width: got {bits} bits, expected 2 to 16")
    return WeightType(f"INT{bits}", bits, -(1 << bits - 1), (1 << bits - 1) - 1)


def weight_type_named(name: str) -> WeightType:
    """Return the type of a canonical name: `BIPOLAR`, `TERNARY` or `INT<n>`."""
    fixed = {kind.name: kind for kind in (BIPOLAR, TERNARY)}
    if name in fixed:
        return fixed[name]
    if name.startswith("INT") and name[3:].isdigit():
        return signed(int(name[3:]))
    raise InternalError(f"weight type {name!r}: expected BIPOLAR, TERNARY or INT<n>")


def narrowest_type(weights: np.ndarray) -> WeightType:
    """Return the narrowest type that holds every weight: BIPOLAR, TERNARY, then INT2 to INT16."""
    for kind in (BIPOLAR, TERNARY, *(signed(bits) for bits in range(2, 17))):
        if kind.allows(weights):
            return kind
    raise InternalError(f"weights from {weights.min()} to {weights.max()} need more than 16 bits")
