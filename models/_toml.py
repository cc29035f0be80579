"""Frozen dataclasses to TOML and back, with every key and value checked."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from ._files import open_regular
from .errors import TrainingInputError, nearest

T = TypeVar("T")

LATER = {"later": True}
"""Marks a field that older files do not have: it is written only where it is not its default, so
that what was written before stays what is written now."""

_MAX_BYTES = 1 << 20  # a settings file is a few hundred bytes; a stranger's may not fill memory


def read(cls: type[T], path: Path) -> T:
    """Read a TOML file into a dataclass."""
    try:
        with open_regular(path, _MAX_BYTES) as file:
            text = file.read().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingInputError(
            f"configuration {path}",
            got=str(error),
            expected="a readable TOML file",
            remedy="check the path",
        ) from error
    return parse(cls, text, f"configuration {path}")


def parse(cls: type[T], text: str, what: str) -> T:
    """Read the text of a TOML file into a dataclass; `what` names it in errors."""
    try:
        mapping = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TrainingInputError(
            what, got=f"broken TOML ({error})", expected="valid TOML", remedy="correct that line"
        ) from error
    return typing.cast(T, _build(cls, mapping, what, ""))


def write(config: Any, table: str = "") -> str:
    """Write a dataclass as TOML: plain fields first, then one table per nested dataclass."""
    plain, nested = [], []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            nested.append(write(value, field.name))
        elif not ("later" in field.metadata and value == field.default):
            plain.append(f"{field.name} = {_literal(value)}\n")
    header = f"\n[{table}]\n" if table else ""
    return header + "".join(plain) + "".join(nested)


def require_positive(name: str, value: float) -> None:
    """Refuse a setting that is not a finite number above 0."""
    if not 0 < value < float("inf"):
        raise TrainingInputError(
            f"setting {name}", got=str(value), expected="a number above 0", remedy="correct it"
        )


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, str):
        return json.dumps(str(value), ensure_ascii=True)
    return repr(value)


def _build(cls: type[Any], mapping: dict[str, Any], what: str, prefix: str) -> Any:
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    values = {}
    for key, value in mapping.items():
        if key not in names:
            raise TrainingInputError(
                what,
                got=f"unknown key {prefix + key!r}",
                expected="a setting of axonc",
                remedy=_remedy(key, names, hints),
            )
        values[key] = _convert(hints[key], value, what, prefix + key)
    return cls(**values)


def _remedy(key: str, names: list[str], hints: dict[str, Any]) -> str:
    """Name the table that a key belongs to, or the nearest key of this one."""
    for name, hint in hints.items():
        if dataclasses.is_dataclass(hint) and key in (f.name for f in dataclasses.fields(hint)):
            return f"put it into the table [{name}]"
    return nearest(key, names)


def _convert(kind: Any, value: Any, what: str, key: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return _build(typing.cast(type[Any], kind), value, what, key + ".")
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if isinstance(value, str) and value in list(kind):
            return kind(value)
        raise TrainingInputError(
            what,
            got=f"{key} = {value!r}",
            expected="one of " + ", ".join(kind),
            remedy=nearest(str(value), kind),
        )
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(kind, types.GenericAlias) and isinstance(value, list):
        element = typing.get_args(kind)[0]
        return tuple(_convert(element, item, what, key) for item in value)
    if type(value) is kind:
        return value
    name = "table" if dataclasses.is_dataclass(kind) else getattr(kind, "__name__", str(kind))
    raise TrainingInputError(
        what,
        got=f"{key} = {value!r}",
        expected=f"a value of type {name}",
        remedy="correct the value",
    )
