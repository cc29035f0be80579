"""Mutants of architecture files make hardware or are refused in one line."""

from __future__ import annotations

import tomllib
from functools import partial
from importlib.resources import files
from pathlib import Path

from mutants import byte_mutants, mutants, survives, write_toml

from axonc.targets.binary_synapse import load_architecture
from axonc.toolchain.errors import InputError

EDGE = files("axonc.targets.binary_synapse.machine").joinpath("presets/edge.toml").read_text()


def test_structural_mutants(tmp_path: Path) -> None:
    documents = mutants(tomllib.loads(EDGE))
    cases = (partial(write_toml, document) for document in documents)
    accepted, refused = survives(tmp_path / "a.toml", cases, load_architecture, InputError)
    assert accepted and refused


def test_mutants_of_the_bytes(tmp_path: Path) -> None:
    cases = ((lambda path, m=m: path.write_bytes(m)) for m in byte_mutants(EDGE.encode()))
    accepted, refused = survives(tmp_path / "a.toml", cases, load_architecture, InputError)
    assert accepted and refused
