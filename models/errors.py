"""The errors of training and export. Each message has four parts, as everywhere in axonc.

The object at fault, what was got, what was expected, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import partial

_COMMANDS = ("axonc", "pip")


class TrainingInputError(ValueError):
    """A configuration, a data set or an option cannot be used (exit status 1).

    The text reads `OBJECT: got GOT, expected EXPECTED. REMEDY.`
    """

    exit_status = 1

    def __init__(self, what: str, *, got: str, expected: str, remedy: str) -> None:
        self.what, self.got, self.expected, self.remedy = what, got, expected, remedy
        first = remedy.partition(" ")[0]
        if first.rstrip(",.;:").isalpha() and first not in _COMMANDS:  # those are kept as they are
            remedy = remedy[:1].upper() + remedy[1:]
        end = "" if remedy.endswith((".", "?", "!")) else "."
        super().__init__(f"{what}: got {got}, expected {expected}. {remedy}{end}")

    def __reduce__(self) -> tuple[partial[TrainingInputError], tuple[()]]:
        """Let worker processes hand the error to the main one."""
        parts = {"got": self.got, "expected": self.expected, "remedy": self.remedy}
        return partial(type(self), self.what, **parts), ()


class DataError(TrainingInputError):
    """A data set is missing or damaged."""


class CheckpointError(TrainingInputError):
    """A checkpoint is missing, damaged, or of another network."""


class ExportError(TrainingInputError):
    """A network cannot be written as a static NIR graph without changing what it computes."""


class DivergenceError(TrainingInputError):
    """The loss left the finite numbers; the last good checkpoint stays on disk."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Say which of the choices was probably meant, or list them all."""
    known = list(choices)
    match = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {str(match[0])!r}?" if match else f"choose one of {', '.join(known)}"
