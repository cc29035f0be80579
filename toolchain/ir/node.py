"""What every node of a graph is: a frozen value that knows its shapes and its legality."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar

import numpy as np

from .value_range import Range

Shape = tuple[int, ...]
"""The shape of what flows along an edge in one time step, without batch and time."""


class ShapeError(ValueError):
    """A node cannot take an input of the given shape; the text says what it can take."""


@dataclass(frozen=True, eq=False)
class Node:
    """One node: parameters only, never state.

    `kind` is the name in texts, files and verdicts. Array fields are made read-only, and two nodes
    are equal when every field is, arrays compared element by element with their types.
    """

    kind: ClassVar[str] = "Node"

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def output_shape(self, input_shape: Shape | None) -> Shape:
        """Return the shape of the output for an input of `input_shape` (None: no input).

        Raises:
            ShapeError: the node cannot take this shape.
        """
        raise NotImplementedError

    def output_range(self, arriving: Range, input_shape: Shape) -> Range:
        """Return the range of the output where the input of `input_shape` stays in `arriving`.

        Only for nodes without a state of their own; what a neuron or an input sends does not follow
        from what arrives.
        """
        raise NotImplementedError

    def passed_on(self, counts: np.ndarray) -> np.ndarray:
        """Return how often each element of the output carries one of the spikes that arrive.

        counts: spikes by element of the input, summed over batch and time. A node that neither
        moves nor joins elements passes them on as they are.
        """
        return counts

    def faults(self) -> list[str]:
        """Return what is wrong with the node's own parameters, one sentence each."""
        return [
            f"{field.name} holds NaN or infinity"
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
            and value.dtype.kind == "f"
            and not np.isfinite(value).all()
        ]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            _same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]  # equality is by value, arrays do not hash


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return (
            isinstance(one, np.ndarray)
            and isinstance(other, np.ndarray)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
        )
    if is_dataclass(one) and type(one) is type(other):
        return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return type(one) is type(other) and bool(one == other)


def require_shape(got: Shape | None, expected: Shape) -> None:
    """Raise ShapeError unless `got` is exactly `expected`."""
    if got != expected:
        raise ShapeError(f"takes an input of shape {expected}, got {got}")


def fresh_name(wanted: str, taken: Container[str]) -> str:
    """Return `wanted` if it is not taken, else the first of `wanted.2`, `wanted.3`, ... free."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}.{number}", number + 1
    return name


def compact(values: np.ndarray) -> np.ndarray:
    """Return `values` with every axis along which they are constant cut to length 1.

    The result still broadcasts to the shape of `values`: a parameter that NIR repeats for every
    pixel of a channel becomes one number a channel, which is how hardware stores it.
    """
    for axis in range(values.ndim):
        first = values.take([0], axis=axis)
        if values.shape[axis] > 1 and np.array_equal(values, np.broadcast_to(first, values.shape)):
            values = first
    return values.copy()


def broadcasts_to(values: np.ndarray, shape: Shape) -> bool:
    """Whether a parameter array stands for one value a neuron in a population of `shape`."""
    try:
        return np.broadcast_shapes(values.shape, shape) == shape
    except ValueError:
        return False
