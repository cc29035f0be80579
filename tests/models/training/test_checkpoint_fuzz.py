"""Mutants of checkpoints are networks or are refused in one line; nothing in them is run."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from mutants import SCALARS, byte_mutants, mutants, survives

from axonc.models import TrainingInputError, load_network
from axonc.models.errors import CheckpointError

SETTINGS = ("epochs = 3", "hidden = [32]", 'architecture = "mlp"', "steps = 4", "seed = 0")


def structures(unbroken: Path) -> Any:
    state = torch.load(unbroken / "checkpoint.pt", weights_only=True)
    state["network"] = dict(state["network"])
    documents = mutants(state)
    return (partial(torch.save, document) for document in documents)


def settings(unbroken: Path) -> Any:
    """Yield checkpoints with the settings of other networks, or of none."""
    state = torch.load(unbroken / "checkpoint.pt", weights_only=True)
    for old in SETTINGS:
        for value in (*SCALARS, [1 << 30, 1 << 30], [0], [], "vgg11", "resnet19"):
            new = f"{old.partition('=')[0]}= {value!r}"
            yield partial(torch.save, {**state, "config": state["config"].replace(old, new)})


def contents(unbroken: Path) -> Any:
    content = (unbroken / "checkpoint.pt").read_bytes()
    return ((lambda path, m=m: path.write_bytes(m)) for m in byte_mutants(content))


@pytest.mark.parametrize("files", [structures, settings, contents])
def test_mutants_are_read_or_refused(
    files: Callable[[Path], Any], unbroken: Path, tmp_path: Path
) -> None:
    accepted, refused = survives(
        tmp_path / "checkpoint.pt", files(unbroken), load_network, TrainingInputError
    )
    assert accepted and refused


def test_a_checkpoint_that_unpacks_to_more_than_it_is(unbroken: Path, tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(unbroken / "checkpoint.pt") as whole,
        zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in whole.namelist():
            packed.writestr(name, whole.read(name))
    with pytest.raises(CheckpointError, match="compressed, which no checkpoint is"):
        load_network(tmp_path / "a.pt")


def test_nothing_is_run_and_no_pipe_waited_for(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save({"format": 1, "config": Harmful()}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="an unreadable file"):
        load_network(tmp_path / "a.pt")
    assert not (tmp_path / "harm").exists()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="a folder, FIFO or device, no regular file"):
        load_network(tmp_path / "pipe")
