"""Mutants of architecture files make hardware or are refused in one line."""

from __future__ import annotations

import json
import math
import tomllib
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from mutants import byte_mutants, mutants, survives

from axonc.targets.binary_synapse import load_architecture
from axonc.toolchain.errors import InputError

EDGE = files("axonc.targets.binary_synapse.machine").joinpath("presets/edge.toml").read_text()


def written(value: Any) -> str:
    """Return a value as TOML."""
    match value:
        case dict():
            return (
                "{"
                + ", ".join(f"{json.dumps(f'{k}')} = {written(v)}" for k, v in value.items())
                + "}"
            )
        case list():
            return "[" + ", ".join(map(written, value)) + "]"
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return json.dumps(value)


def write(document: Any, path: Path) -> None:
    path.write_text("".join(f"{json.dumps(f'{k}')} = {written(v)}\n" for k, v in document.items()))


def test_structural_mutants(tmp_path: Path) -> None:
    documents = mutants(tomllib.loads(EDGE))
    cases = (partial(write, document) for document in documents)
    accepted, refused = survives(tmp_path / "a.toml", cases, load_architecture, InputError)
    assert accepted and refused


def test_mutants_of_the_bytes(tmp_path: Path) -> None:
    cases = ((lambda path, m=m: path.write_bytes(m)) for m in byte_mutants(EDGE.encode()))
    accepted, refused = survives(tmp_path / "a.toml", cases, load_architecture, InputError)
    assert accepted and refused
