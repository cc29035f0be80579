"""A chip as data: every limit with its unit and its source, read from chips/NAME.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from axonc.toolchain.errors import InputError

from .memory import SynapseLists


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: its value, its unit, and the source of the figure."""

    value: int
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Mesh:
    """The tiles of a chip, each a router with its cores."""

    columns: int
    rows: int
    cores_per_tile: int
    source: str


@dataclass(frozen=True)
class Chip:
    """The limits of one chip by name; `chip["compartments_per_core"]` is the number itself.

    fit_is_verified: False where the limits are a model's assumption rather than published, so that
    a network that fits here may still not fit the silicon.
    """

    name: str
    title: str
    fit_is_verified: bool
    limits: Mapping[str, Limit]
    mesh: Mesh
    synapse_lists: SynapseLists

    def __getitem__(self, limit: str) -> int:
        return self.limits[limit].value


def chip_names() -> list[str]:
    """Return the names of the chips that have a data file."""
    folder = files(__package__).joinpath("chips")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir())


@cache
def load_chip(name: str) -> Chip:
    """Return the chip called `name`.

    Raises:
        InputError: no chip has this name.
    """
    if name not in chip_names():
        raise InputError(
            "chip of target loihi",
            got=repr(name),
            expected=f"one of {', '.join(chip_names())}",
            remedy="choose one of them",
        )
    raw = tomllib.loads(files(__package__).joinpath(f"chips/{name}.toml").read_text())
    limits = {key: Limit(**entry) for key, entry in raw["limit"].items()}
    lists: dict[str, Any] = dict(raw["synapse_lists"])
    lists |= {name: tuple(lists[name]) for name in ("weight_widths", "index_widths")}
    return Chip(
        raw["name"],
        raw["title"],
        raw["fit_is_verified"],
        limits,
        Mesh(**raw["mesh"]),
        SynapseLists(**lists),
    )
