"""A run says that it was rounded, and refuses options of rounding where nothing is rounded."""

from __future__ import annotations

import json
from pathlib import Path

import nir
import numpy as np
import pytest

from axonc.toolchain.cli import main


def test_runs_of_rounded_networks_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, weight = np.ones(3), np.random.default_rng(1).normal(size=(3, 4))
    neuron = nir.IF(r=one, v_threshold=one, v_reset=0 * one)
    nir.write(tmp_path / "n.nir", nir.NIRGraph.from_list(nir.Linear(weight), neuron))
    np.savez(tmp_path / "in.npz", spikes=np.ones((1, 20, 4), bool))
    command = ["run", str(tmp_path / "n.nir"), "--input", str(tmp_path / "in.npz")]
    command += ["--output", str(tmp_path / "out.npz")]
    assert main([*command, "--precision", "int"]) == 0
    assert "were rounded to integers" in capsys.readouterr().err
    assert main([*command, "--precision", "int", "--json"]) == 0
    (rounded,) = json.loads(capsys.readouterr().out)["approximate"]
    assert rounded in nir.read(tmp_path / "n.nir").nodes
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["approximate"] == []
    assert main(command) == 0
    assert "were rounded" not in capsys.readouterr().err
    assert main([*command, "--weight-bits", "4"]) != 0
    assert "which rounds nothing" in capsys.readouterr().err
