"""Targets by name, loaded only when asked for. Third parties add theirs by an entry point.

A package declares, in its own pyproject.toml:

    [project.entry-points."axonc.targets"]
    mychip = "mypackage.mychip:MyChip"
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

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


def load_target(name: str) -> Target:
    """Return the target called `name`, with its default options.

    Raises:
        InputError: there is no such target, two packages claim the name, or what the name leads
            to is not a target.
    """
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
    made = getattr(import_module(module), attribute)()
    if not isinstance(made, Target):
        raise InputError(
            f"target {name!r}",
            got=f"{where}, a {type(made).__name__}",
            expected="a subclass of axonc.targets.base.Target",
            remedy="mend the entry point of the package that provides it",
        )
    return made


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
