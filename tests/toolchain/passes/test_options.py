"""Declared options of passes: meaning, range, parsing, refusal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

import pytest

from axonc.toolchain.errors import InputError, InternalError
from axonc.toolchain.passes.options import Numbers, Option, by_node, choice, number, text_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def declare() -> type[Any]:
    """Return a class with an option of each kind."""

    @dataclass(frozen=True)
    class Declared:
        whole: int = number(3, "a count", least=1, most=7)
        real: float = number(0.5, "a share", least=0)
        maybe: int | None = number(None, "chosen by itself", least=2, most=9)
        colour: Colour = choice(Colour.RED, "how it looks")
        of_node: tuple[tuple[str, int], ...] = by_node("bits of one")
        plain: int = field(default=4)
        plain_real: float = field(default=0.25)
        plain_colour: Colour = Colour.BLUE

    return Declared


@pytest.fixture
def options() -> dict[str, Option]:
    return {declared.name: Option.of(declared) for declared in fields(declare())}


def test_an_option_is_what_was_declared(options: dict[str, Option]) -> None:
    shown = {name: (o.default, o.meaning, o.legal, o.optional) for name, o in options.items()}
    assert shown == {
        "whole": (3, "a count", Numbers(1, 7, whole=True), False),
        "real": (0.5, "a share", Numbers(0, math.inf, whole=False), False),
        "maybe": (None, "chosen by itself", Numbers(2, 9, whole=True), True),
        "colour": (Colour.RED, "how it looks", Colour, False),
        "of_node": ((), "bits of one", None, False),
        "plain": (4, "", Numbers(-math.inf, math.inf, whole=True), False),
        "plain_real": (0.25, "", Numbers(-math.inf, math.inf, whole=False), False),
        "plain_colour": (Colour.BLUE, "", Colour, False),
    }
    assert options["of_node"].name == "of-node"
    made = declare()
    assert made() == made(3, 0.5, None, Colour.RED, (), 4, 0.25, Colour.BLUE)


def test_what_is_legal_is_said(options: dict[str, Option]) -> None:
    assert {name: option.expected for name, option in options.items()} == {
        "whole": "a whole number from 1 to 7",
        "real": "a number of at least 0",
        "maybe": "a whole number from 2 to 9",
        "colour": "one of red, blue",
        "of_node": 'a number for each node, {"NODE": 3}',
        "plain": "a whole number of at least -inf",
        "plain_real": "a number of at least -inf",
        "plain_colour": "one of red, blue",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("whole", "5", 5),
        ("real", "0.125", 0.125),
        ("maybe", "none", None),
        ("maybe", "4", 4),
        ("colour", "blue", Colour.BLUE),
        ("of_node", '{"a": 3, "b": 4}', (("a", 3), ("b", 4))),
    ],
)
def test_a_text_is_parsed_and_printed_again(
    options: dict[str, Option], name: str, text: str, value: object
) -> None:
    parsed = options[name].parse(text, name)
    assert parsed == value and type(parsed) is type(value)
    assert text_of(parsed) == text
    options[name].require(parsed, name)


@pytest.mark.parametrize(
    ("name", "text"),
    [("whole", "1.5"), ("whole", "none"), ("real", "x"), ("colour", "green"), ("of_node", "[3]")],
)
def test_a_text_that_is_no_value_is_refused(
    options: dict[str, Option], name: str, text: str
) -> None:
    with pytest.raises(InputError) as told:
        options[name].parse(text, f"option {name}")
    assert str(told.value).startswith(f"option {name}: got {text!r}, expected ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("whole", 0),
        ("whole", 8),
        ("whole", 2.0),
        ("whole", True),
        ("whole", None),
        ("real", -1e-9),
        ("real", math.nan),
        ("maybe", 1),
        ("maybe", 10),
        ("colour", "red"),
    ],
)
def test_an_illegal_value_is_refused(options: dict[str, Option], name: str, value: Any) -> None:
    with pytest.raises(InputError) as told:
        options[name].require(value, f"option {name}")
    assert f"got {value!r}, expected {options[name].expected}" in str(told.value)


@pytest.mark.parametrize("value", [1, 7, 4])
def test_the_ends_of_a_range_are_legal(options: dict[str, Option], value: int) -> None:
    options["whole"].require(value, "whole")


def test_the_remedy_names_the_default(options: dict[str, Option]) -> None:
    assert "Leave it out for 3." in str(options["whole"].refusal("9", "whole"))
    assert "Leave it out to have it chosen." in str(options["maybe"].refusal("1", "maybe"))


def test_an_option_must_have_a_kind() -> None:
    @dataclass(frozen=True)
    class Undeclared:
        what: Any = None

    with pytest.raises(InternalError, match="an option whose default is None"):
        Option.of(fields(Undeclared)[0])
