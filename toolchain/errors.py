"""The exceptions of axonc, and the exit status that each one means on the command line.

A message has four parts, in this order: the object at fault, what was got, what was expected,
and what to do about it. `InputError` composes them, so that no message forgets one.
"""

from __future__ import annotations

from collections.abc import Iterable


class AxoncError(Exception):
    """Base of every error that axonc raises on purpose."""

    exit_status = 3


class InputError(AxoncError):
    """The user's file, graph, data or option cannot be used (exit status 1).

    The text reads `OBJECT: got GOT, expected EXPECTED. REMEDY.`
    """

    exit_status = 1

    def __init__(self, what: str, *, got: str, expected: str, remedy: str) -> None:
        self.what, self.got, self.expected, self.remedy = what, got, expected, remedy
        super().__init__(f"{what}: got {got}, expected {expected}. {_sentence(remedy)}")


class LoweringError(AxoncError):
    """A graph cannot be lowered; `reasons` holds every reason, not the first alone (status 1)."""

    exit_status = 1

    def __init__(self, what: str, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        lines = "".join(f"\n  - {reason}" for reason in self.reasons)
        super().__init__(f"{what}:{lines}")


class InternalError(AxoncError):
    """A fault of axonc itself: an invariant that its own code keeps does not hold (status 3)."""


class EngineError(AxoncError):
    """An external engine (Lava, Verilator) is missing, broke or ran out of time (status 3)."""


_COMMANDS = ("axonc", "pip")


def _sentence(text: str) -> str:
    """Return a remedy as a sentence; one that begins with a command or a path keeps it as it is."""
    first = text.partition(" ")[0]
    if first.rstrip(",.;:").isalpha() and first not in _COMMANDS:
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else text + "."
