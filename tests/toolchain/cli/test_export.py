"""`axonc export` of a norse network in a file of the user's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from axonc.toolchain.cli.main import main

pytest.importorskip("norse")

NETWORK = """
import torch
from axonc.models.nn._norse import LIFBoxCell, SequentialState
from helper import inputs

def network():
    torch.manual_seed(0)
    return SequentialState(torch.nn.Linear(inputs, 5), LIFBoxCell())

soft = SequentialState(torch.nn.Linear(inputs, 5), torch.nn.ReLU())
number = 3

def broken():
    raise ValueError("no weights here")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("inputs = 6\n")
    (tmp_path / "network.py").write_text(NETWORK)
    return tmp_path / "network.py"


def test_a_function_that_returns_a_network(
    file: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.nir"
    command = ["export", f"{file}:network", "--sample", str(spikes), "--out", str(out), "--json"]
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["differing"] == {"1": 0} and report["compared"] == {"1": 3 * 10 * 5}
    assert main(["run", str(out), "--input", str(spikes), "--output", str(tmp_path / "o.npz")]) == 0
    assert np.load(tmp_path / "o.npz")["spikes"].shape == (3, 10, 5)
    assert "assumed: The integrator" not in capsys.readouterr().err  # axonc's own files tell it


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (":nothing", [], "got no such name"),
        (":number", [], "got int, expected a torch module"),
        (":broken", [], "got ValueError in line 14: no weights here"),
        (":soft", [], "module '1': got ReLU"),
        ("", [], "got a Python file alone, expected FILE.py:NAME"),
        (":network", ["--form", "int8"], "got --form"),
        (":network", ["--dt", "1e-4"], "got dt = 0.0001 s for cells with dt = 0.001 s"),
    ],
)
def test_what_cannot_be_exported(
    name: str,
    options: list[str],
    message: str,
    file: Path,
    spikes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.nir"
    sample = ["--sample", str(spikes), "--out", str(out)]
    assert main(["export", f"{file}{name}", *sample, *options]) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_sample_is_needed(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", f"{file}:network", "--out", str(tmp_path / "out.nir")]) == 1
    assert "got no --sample" in capsys.readouterr().err
