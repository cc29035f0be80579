"""Parse TOML into a pydantic model, and name every fault of it in one line."""

from __future__ import annotations

import tomllib
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..errors import InputError

Model = TypeVar("Model", bound=BaseModel)


def parse_toml(model: type[Model], text: str, what: str, *, expected: str, remedy: str) -> Model:
    """Return the model that `text` describes; `what` names the file in messages.

    Raises:
        InputError: not TOML, or values that the model refuses; all faults are listed at once.
    """
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(what, got=str(error), expected=expected, remedy=remedy) from None
    return validated(model, values, what, expected=expected, remedy=remedy)


def validated(
    model: type[Model], values: dict[str, Any], what: str, *, expected: str, remedy: str
) -> Model:
    """Return the model that has `values`; `what` names it in messages.

    Raises:
        InputError: values that the model refuses; all faults are listed at once.
    """
    try:
        return model.model_validate(values)
    except (ValidationError, RecursionError) as error:
        faults = (
            "; ".join(_described(dict(fault)) for fault in error.errors())
            if isinstance(error, ValidationError)
            else str(error)
        )
    raise InputError(what, got=faults, expected=expected, remedy=remedy)


def _described(fault: dict[str, Any]) -> str:
    place = ".".join(map(str, fault["loc"])) or "parameters"
    shown = "" if fault["type"] in ("missing", "value_error") else f" = {fault['input']!r}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}{shown} ({message[:1].lower()}{message[1:]})"
