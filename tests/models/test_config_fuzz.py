"""Mutants of training configurations are settings, or are refused in one line."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path

from mutants import byte_mutants, mutants, survives, write_toml
from tiny_training import TINY

from axonc.models import TrainingConfig, TrainingInputError

TEXT = TINY.to_toml()


def test_structural_mutants(tmp_path: Path) -> None:
    files = (partial(write_toml, document) for document in mutants(tomllib.loads(TEXT)))
    read = TrainingConfig.from_toml
    accepted, refused = survives(tmp_path / "a.toml", files, read, TrainingInputError)
    assert accepted and refused


def test_mutants_of_the_bytes(tmp_path: Path) -> None:
    files = ((lambda path, m=m: path.write_bytes(m)) for m in byte_mutants(TEXT.encode()))
    read = TrainingConfig.from_toml
    accepted, refused = survives(tmp_path / "a.toml", files, read, TrainingInputError)
    assert accepted and refused
