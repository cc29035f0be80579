"""Options of passes: meaning and range of each are declared with its field, and nowhere else."""

from __future__ import annotations

import json
import math
from dataclasses import Field, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from ..errors import InputError, InternalError


@dataclass(frozen=True)
class Numbers:
    """The numbers that an option takes: from `least` to `most`, both included; whole or not."""

    least: float
    most: float
    whole: bool

    def __contains__(self, value: object) -> bool:
        whole, real = (int, np.integer), (int, float, np.integer, np.floating)
        if not isinstance(value, whole if self.whole else real) or isinstance(value, bool):
            return False
        return bool(self.least <= value <= self.most)

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.most < math.inf:
            return f"{kind} from {self.least} to {self.most}"
        return f"{kind} of at least {self.least}"


@dataclass(frozen=True)
class Option:
    """A declared option, as help texts and parsers need it.

    legal: its numbers; or the members of an enumeration; None for a number of each node.
    optional: whether None is legal, which stands for "chosen by the pass".
    """

    field_name: str
    default: Any
    meaning: str
    legal: Numbers | type[StrEnum] | None
    optional: bool

    @classmethod
    def of(cls, declared: Field[Any]) -> Option:
        """Return what a field declares; one that was not made here takes what its default is."""
        default, meta = declared.default, declared.metadata
        legal = meta["legal"] if "legal" in meta else _like(default)
        return cls(declared.name, default, meta.get("meaning", ""), legal, default is None)

    @property
    def name(self) -> str:
        """As a pipeline has it: `fraction-bits`."""
        return self.field_name.replace("_", "-")

    @property
    def expected(self) -> str:
        """What is legal, in words."""
        if isinstance(self.legal, Numbers):
            return str(self.legal)
        if self.legal is None:
            return 'a number for each node, {"NODE": 3}'
        return "one of " + ", ".join(self.legal)

    def require(self, value: object, what: str) -> None:
        """Refuse an illegal value.

        Args:
            what: the option as the user gave it, for the message.

        Raises:
            InputError: names the option, the value and what is legal.
        """
        if value is None and self.optional:
            return
        if isinstance(self.legal, Numbers):
            legal = value in self.legal
        else:
            legal = self.legal is None or isinstance(value, self.legal)
        if not legal:
            raise self.refusal(repr(value), what)

    def refusal(self, got: str, what: str) -> InputError:
        """Return the error for an illegal value."""
        return InputError(
            what,
            got=got,
            expected=self.expected,
            remedy="leave it out to have it chosen"
            if self.default is None
            else f"leave it out for {text_of(self.default)}",
        )

    def parse(self, text: str, what: str) -> Any:
        """Return the value that a text stands for; see `text_of`.

        Raises:
            InputError: the text is none of the option's values.
        """
        try:
            if text == "none" and self.optional:
                return None
            if self.legal is None:
                return tuple((str(node), int(number)) for node, number in json.loads(text).items())
            if isinstance(self.legal, Numbers):
                return int(text) if self.legal.whole else float(text)
            return self.legal(text)
        except (ValueError, AttributeError, TypeError):
            raise self.refusal(repr(text), what) from None


def _like(default: object) -> Numbers | type[StrEnum] | None:
    if isinstance(default, StrEnum):
        return type(default)
    if isinstance(default, int | float):
        return Numbers(-math.inf, math.inf, whole=isinstance(default, int))
    raise InternalError(f"an option whose default is {default!r}: declare it by number or choice")


def number(default: float | None, meaning: str, *, least: float, most: float = math.inf) -> Any:
    """Declare an option that is a number from `least` to `most`; whole, unless `default` is not.

    A default of None makes None legal.
    """
    legal = Numbers(least, most, whole=not isinstance(default, float))
    return field(default=default, metadata={"meaning": meaning, "legal": legal})


def choice(default: StrEnum, meaning: str) -> Any:
    """Declare an option that is a member of the default's enumeration."""
    return field(default=default, metadata={"meaning": meaning, "legal": type(default)})


def by_node(meaning: str) -> Any:
    """Declare an option of (node, whole number) pairs, empty by default."""
    return field(default=(), metadata={"meaning": meaning, "legal": None})


def text_of(value: object) -> str:
    """Return an option's value as a pipeline has it: `8`, `0.5`, `floor`, `none`, `{"a": 3}`."""
    if isinstance(value, tuple):
        return json.dumps(dict(value))
    return "none" if value is None else str(value)
