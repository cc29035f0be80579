"""Faults of a graph are collected, so that the user sees all of them and not the first alone."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError

MOST_SHOWN = 20
"""The most faults that a message lists, and for which suggestions are searched."""


_LONGEST_SHOWN = 40


def described(name: str, kind: str) -> str:
    """Return how messages name a node."""
    return f"node {name!r} ({shortened(kind)})"


def shortened(text: str) -> str:
    """Return a string of the file, shortened for a message."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def raise_all(source: str, faults: Sequence[InputError]) -> None:
    """Raise one InputError that lists every fault of `source`; do nothing where there is none."""
    if not faults:
        return
    if len(faults) == 1:
        (only,) = faults
        raise InputError(
            f"{source}: {only.what}", got=only.got, expected=only.expected, remedy=only.remedy
        ) from None
    lines = "".join(f"\n  - {fault}" for fault in faults[:MOST_SHOWN])
    if len(faults) > MOST_SHOWN:
        lines += f"\n  - and {len(faults) - MOST_SHOWN} more."
    raise InputError(
        source, got=f"{len(faults)} faults", expected="none", remedy=f"mend each of them:{lines}"
    ) from None
