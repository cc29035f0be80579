"""Targets by name, loaded only when asked for. Third parties add theirs by an entry point.

A package declares, in its own pyproject.toml:

    [project.entry-points."axonc.targets"]
    mychip = "mypackage.mychip:MyChip"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from axonc.toolchain.errors import InputError

from .base import Target

ENTRY_POINT_GROUP = "axonc.targets"

REFERENCE = "reference"
"""Reserved: what users type for the toolchain's own executors, which are no target."""

BUILT_IN = {
    "loihi": "axonc.targets.loihi:Loihi",
    "binary_synapse": "axonc.targets.binary_synapse:BinarySynapse",
}
"""Target name -> "module:Class"."""


def target_names() -> list[str]:
    """Return the names of all targets that can be asked for, without loading any."""
    return sorted({*BUILT_IN, *_third_party()})


def load_target(spec: str) -> Target:
    """Return the target that `spec` names: `loihi`, or `loihi{chip_name=loihi2}` with options.

    Options are fields of the target's class that hold text, a number or true/false.

    Raises:
        InputError: there is no such target or option, two packages claim the name, or what the
            name leads to is not a target.
    """
    name, options = _parsed(spec)
    kind = _class_named(name)
    made = kind(**_typed(kind, name, options))
    if not isinstance(made, Target):
        raise InputError(
            f"target {name!r}",
            got=f"a {type(made).__name__}",
            expected="a subclass of axonc.targets.base.Target",
            remedy="mend the entry point of the package that provides it",
        )
    return made


def _class_named(name: str) -> Any:
    third_party = _third_party()
    if name in BUILT_IN:
        where = BUILT_IN[name]
    elif name in third_party:
        where = third_party[name].value
    else:
        raise InputError(
            "target",
            got=repr(name),
            expected=f"one of {', '.join([REFERENCE, *target_names()])}",
            remedy="a package can add a target by the entry point group axonc.targets",
        )
    module, _, attribute = where.partition(":")
    return getattr(import_module(module), attribute)


def _parsed(spec: str) -> tuple[str, dict[str, str]]:
    name, brace, rest = spec.partition("{")
    if not brace:
        return name, {}
    pairs = [pair.partition("=") for pair in rest.removesuffix("}").split(",")]
    if not rest.endswith("}") or not all(key and equals for key, equals, _ in pairs):
        raise InputError(
            "target",
            got=repr(spec),
            expected="NAME or NAME{option=value,...}",
            remedy="quote it for the shell: '" + name + "{option=value}'",
        )
    return name, {key.strip().replace("-", "_"): value.strip() for key, _, value in pairs}


def _typed(kind: Any, name: str, options: dict[str, str]) -> dict[str, Any]:
    """Return the options in the types of the class's defaults."""
    defaults = {f.name: f.default for f in fields(kind)} if is_dataclass(kind) else {}
    known = {key: value for key, value in defaults.items() if isinstance(value, _SIMPLE)}
    made: dict[str, Any] = {}
    for key, text in options.items():
        try:
            made[key] = _VALUES[type(known[key])](text)
        except (KeyError, ValueError):
            shown = ", ".join(f"{k} (default {v})" for k, v in known.items()) or "no options"
            raise InputError(
                f"option of target {name}",
                got=f"{key}={text}",
                expected=shown,
                remedy="write it as " + name + "{option=value}",
            ) from None
    return made


_SIMPLE = (str, bool, int, float)
_VALUES: dict[type, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: lambda text: {"true": True, "false": False}[text.lower()],
}


def _third_party() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        other = BUILT_IN.get(point.name) or (found[point.name].value if point.name in found else "")
        if point.name == REFERENCE:
            other = "the toolchain's own executors"
        if other and other != point.value:
            raise InputError(
                f"target {point.name!r}",
                got=f"two owners, {other} and {point.value}",
                expected="one owner a name",
                remedy="uninstall one of the two packages",
            )
        found[point.name] = point
    return found
