"""Networks of several inputs, fed by files with a key for each."""

from __future__ import annotations

import json
from pathlib import Path

import nir
import numpy as np
import pytest

from axonc.toolchain.cli import main

ENGINES = ["reference", "loihi", "binary_synapse"]
SIZES = {"left": 6, "right": 5}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two inputs, of 6 and of 5 neurons, into the same 4 LIF neurons by binary weights."""
    rng = np.random.default_rng(3)
    ones = np.ones(4, np.float32)
    graph = nir.NIRGraph(
        nodes={
            "left": nir.Input(np.array([6])),
            "right": nir.Input(np.array([5])),
            "from left": nir.Affine(rng.choice([-1, 1], (4, 6)).astype(np.int8), 0 * ones),
            "from right": nir.Affine(rng.choice([-1, 1], (4, 5)).astype(np.int8), 0 * ones),
            "neurons": nir.LIF(2e-3 * ones, ones, 0 * ones, ones, 0 * ones),
            "output": nir.Output(np.array([4])),
        },
        edges=[
            ("left", "from left"),
            ("right", "from right"),
            ("from left", "neurons"),
            ("from right", "neurons"),
            ("neurons", "output"),
        ],
        metadata={"dt": 1e-3},
    )
    path = tmp_path / "model.nir"
    nir.write(path, graph)
    return path


@pytest.fixture
def spikes(tmp_path: Path) -> Path:
    path = tmp_path / "spikes.npz"
    rng = np.random.default_rng(4)
    arrays = {f"spikes/{name}": rng.random((3, 10, n)) < 0.5 for name, n in SIZES.items()}
    np.savez(path, labels=np.array([0, 1, 2]), **arrays)  # type: ignore[arg-type]
    return path


def test_every_engine_runs_them_alike(
    model: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rasters = []
    for target in ENGINES:
        out = tmp_path / f"{target}.npz"
        command = ["run", str(model), "--target", target, "--precision", "int", "--json"]
        assert main([*command, "--input", str(spikes), "--output", str(out)]) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["batch"], report["steps"]) == (3, 10)
        rasters.append(np.load(out)["spikes"])
    assert rasters[0].any()
    assert all(np.array_equal(raster, rasters[0]) for raster in rasters)


@pytest.mark.parametrize("target", ENGINES)
def test_every_command_that_takes_spikes_takes_theirs(
    target: str, model: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(model), "--target", target, "--input", str(spikes), "--calibrate", str(spikes)]
    assert main(["cost", *given, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["synaptic_operations"]["total"] > 0
    assert main(["check", *given, "--json"]) == 0
    assert "mismatch" in capsys.readouterr().out


def test_the_trace_is_of_the_first_sample(
    model: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "trace.json"
    command = ["run", str(model), "--target", "binary_synapse", "--trace", str(trace), "--json"]
    out = str(tmp_path / "o.npz")
    assert main([*command, "--input", str(spikes), "--output", out]) == 0
    steps = {event["args"].get("step") for event in json.loads(trace.read_text())["traceEvents"]}
    assert set(range(10)) <= steps


def test_one_array_for_two_inputs_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "one.npz", spikes=np.ones((1, 10, 6), bool))
    files = ["--input", str(tmp_path / "one.npz"), "--output", str(tmp_path / "o.npz")]
    assert main(["run", str(model), *files]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "expected one for each of its Input nodes: left, right." in said
    assert "in a file, one key spikes/NODE for each" in said
    assert not (tmp_path / "o.npz").exists()
