"""Mutants of energy profiles are price lists of finite numbers, or are refused in one line."""

from __future__ import annotations

import math
import tomllib
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest
from mutants import byte_mutants, mutants, survives, write_toml

from axonc.toolchain.cost import EnergyProfile
from axonc.toolchain.errors import InputError

LOIHI = files("axonc.targets.loihi").joinpath("energy/sana_fe_silicon_fit.toml").read_text()


def read(path: Path) -> None:
    profile = EnergyProfile.from_toml(path.read_bytes().decode(errors="replace"), path.name)
    assert all(0 <= entry.pj < math.inf and entry.source for entry in profile.entries.values())
    assert profile.static_power_w is None or 0 <= profile.static_power_w < math.inf


@pytest.mark.parametrize("kind", ["structures", "bytes"])
def test_mutants_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    if kind == "structures":
        changed = (partial(write_toml, document) for document in mutants(tomllib.loads(LOIHI)))
        accepted, refused = survives(path, changed, read, InputError)
    else:
        cut = ((lambda path, m=m: path.write_bytes(m)) for m in byte_mutants(LOIHI.encode()))
        accepted, refused = survives(path, cut, read, InputError)
    assert accepted and refused
