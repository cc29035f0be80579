"""The commands as users call them: files in, files out, one JSON object, an exit status."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import nir
import numpy as np
import pytest

from axonc.toolchain.cli import main
from axonc.toolchain.ir import read_graph

EVERY_TARGET = ["loihi", "binary_synapse"]


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return the one JSON object on standard output."""
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def test_help_loads_nothing_heavy() -> None:
    """`axonc --help` must answer at once, so it may import only the standard library."""
    script = (
        "import sys\n"
        "from axonc.toolchain.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'numpy', 'h5py', 'numba', 'torch', 'nir', 'rich', 'matplotlib', 'lava'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_the_core_pulls_in_neither_torch_nor_lava() -> None:
    script = (
        "import sys, axonc.toolchain, axonc.targets, axonc.toolchain.driver\n"
        "axonc.targets.load_target('loihi'), axonc.targets.load_target('binary_synapse')\n"
        "assert not {'torch', 'norse', 'lava'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_long_preparations_are_told_on_stderr(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def preparing(*_: object) -> tuple[()]:
        logging.getLogger("axonc.targets.some_chip").info("getting ready")
        return ()

    monkeypatch.setattr("axonc.toolchain.driver.verdicts", preparing)
    for _ in range(2):  # told once each time: no handler is left behind
        assert main(["check", str(model), "--json"]) == 0
        told = capsys.readouterr()
        assert told.err.count("axonc: getting ready\n") == 1
        assert json.loads(told.out)["nodes"] == []


def test_check_tells_a_row_for_every_node(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(model), "--json"]) == 0
    report = answer(capsys)
    rows = report["nodes"]
    assert isinstance(rows, list)
    assert [row["node"] for row in rows] == ["input", "synapses", "scale", "neurons", "output"]
    assert set(rows[0]) == {"node", "kind", "target", "verdict", "detail"}
    assert rows[1]["verdict"] == "exact"
    assert rows[2]["detail"] == "folded into 'neurons'"
    assumed = report["assumed"]
    assert isinstance(assumed, dict)
    assert assumed["dt"] == 1e-3


def test_check_says_why_a_graph_has_nothing_for_a_chip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ones = np.ones(2, np.float32)
    nodes = {
        "input": nir.Input(np.array([3])),
        "weights": nir.Linear(np.ones((2, 3), np.float32)),
        "trace": nir.LI(5e-3 * ones, ones, 0 * ones),
        "output": nir.Output(np.array([2])),
    }
    edges = [("input", "weights"), ("weights", "trace"), ("trace", "output")]
    nir.write(tmp_path / "trace.nir", nir.NIRGraph(nodes, edges, metadata={"dt": 1e-3}))
    why = "no spiking neuron is left for the chip; everything would run on the host"
    for target in ("reference", "loihi"):
        command = ["check", str(tmp_path / "trace.nir"), "--target", target]
        assert main(command) == 1
        assert why in capsys.readouterr().err
        assert main([*command, "--json"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert not report["lowerable"] and why in report["refusal"]


@pytest.mark.parametrize("target", ["reference", *EVERY_TARGET])
def test_run_writes_rasters_and_probes(
    target: str, model: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.npz"
    command = ["run", str(model), "--target", target, "--precision", "int", "--probe", "neurons"]
    assert main([*command, "--input", str(spikes), "--output", str(out), "--json"]) == 0
    report = answer(capsys)
    assert report["target"] == target
    assert (report["batch"], report["steps"]) == (3, 10)
    for key in ("engine", "latency_steps", "wall_s", "spikes", "synaptic_operations"):
        assert key in report
    with np.load(out) as file:
        assert file["spikes"].shape == (3, 10, 4)
        assert file["spikes"].dtype == bool
        assert np.array_equal(file["spikes"], file["spikes/neurons"])
        assert file["potential/neurons"].shape == (3, 10, 4)
        assert file["spikes"].sum() == report["spikes"] > 0


def test_every_integer_engine_gives_the_same_spikes(
    model: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rasters = []
    for target in ("reference", *EVERY_TARGET):
        out = tmp_path / f"{target}.npz"
        command = ["run", str(model), "--target", target, "--precision", "int", "--json"]
        assert main([*command, "--input", str(spikes), "--output", str(out)]) == 0
        rasters.append(np.load(out)["spikes"])
    assert all(np.array_equal(raster, rasters[0]) for raster in rasters)
    capsys.readouterr()


@pytest.mark.parametrize("target", ["reference", *EVERY_TARGET])
def test_cost_names_profiles_and_adds_up(
    target: str, model: Path, spikes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", str(model), "--target", target, "--input", str(spikes), "--json"]) == 0
    report = answer(capsys)
    for figure in ("memory_bits", "synaptic_operations"):
        breakdown = report[figure]
        assert isinstance(breakdown, dict)
        assert breakdown["total"] == pytest.approx(sum(breakdown["parts"].values()))
    energy = report["energy_pj"]
    assert isinstance(energy, dict) and energy
    for estimate in energy.values():
        assert estimate["source"] and estimate["basis"]


@pytest.mark.parametrize("target", ["reference", *EVERY_TARGET])
def test_compile_writes_graphs_that_can_be_read_back(
    target: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "build"
    assert main(["compile", str(model), "--target", target, "--out", str(out), "--json"]) == 0
    capsys.readouterr()
    names = {"integer"} | ({target} - {"reference"})
    assert {path.stem for path in out.glob("*.axonc")} == names
    assert read_graph(out / "integer.axonc").nodes["synapses"].kind == "IntegerAffine"
    assert (out / "integer.txt").read_text().startswith("graph ")


def test_a_net_file_goes_where_a_nir_file_goes(
    model: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "build" / "network.net"
    command = ["compile", str(model), "--target", "loihi", "--format", "net", "--json"]
    assert main([*command, "--out", str(written.parent)]) == 0
    rasters = []
    for path, target in ((model, "loihi"), (written, "loihi"), (written, "reference")):
        out = tmp_path / "out.npz"
        command = ["run", str(path), "--target", target, "--precision", "int", "--json"]
        assert main([*command, "--input", str(spikes), "--output", str(out)]) == 0
        rasters.append(np.load(out)["spikes"])
    assert rasters[0].any()
    assert all(np.array_equal(raster, rasters[0]) for raster in rasters)
    assert main(["cost", str(written), "--target", "loihi", "--input", str(spikes)]) == 0
    capsys.readouterr()
    assert main(["check", str(written), "--target", "loihi", "--json"]) == 0
    report = answer(capsys)
    assert report["lowerable"] and report["assumed"] is None
    assert main(["check", str(written), "--dt", "1e-3"]) == 1
    assert "the file holds integers and leaves nothing open" in capsys.readouterr().err
    written.write_bytes(b"no HDF5")
    assert main(["check", str(written)]) == 1
    assert "expected a netx .net file of lava-dl" in capsys.readouterr().err


def test_doctor_names_engines_and_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = answer(capsys)
    engines = report["engines"]
    assert isinstance(engines, list)
    assert {"emulator", "lava", "cycle"} <= {engine["engine"] for engine in engines}


@pytest.mark.parametrize(
    "command", ["check", "lower", "run", "cost", "compile", "train", "export", "demo"]
)
def test_every_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert "usage: axonc" in capsys.readouterr().out


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: axonc" in capsys.readouterr().err


def test_human_readable_output_of_each_command(
    model: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--input", str(spikes)]
    assert main(["check", str(model)]) == 0
    assert main(["cost", str(model), "--target", "binary_synapse", *files]) == 0
    assert main(["run", str(model), *files, "--output", str(tmp_path / "o.npz")]) == 0
    assert main(["doctor"]) == 0
    printed = capsys.readouterr()
    assert "1 sign bit a synapse" in printed.out
    assert "horowitz-45nm" in printed.out
    assert "read with dt = 0.001, euler integration, hard reset" in printed.err


def test_the_zoo_is_there_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "zoo:mnist5k-mlp", "--target", "binary_synapse", "--json"]) == 0
    rows = answer(capsys)["nodes"]
    assert isinstance(rows, list)
    assert all(row["verdict"] in ("exact", "approximate") for row in rows)
    with pytest.raises(SystemExit) as stop:
        main(["check", "zoo:nothing"])
    assert stop.value.code == 2
    assert "no network 'nothing' in the zoo, which has" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["reference", *EVERY_TARGET])
def test_a_report_holds_all_tables(
    target: str, model: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--input", str(spikes), "--output", str(tmp_path / "o.npz")]
    run = ["run", str(model), "--target", target, *files, "--report"]
    assert main([*run, str(tmp_path / "run.html")]) == 0
    page = (tmp_path / "run.html").read_text()
    assert "synaptic operations" in page and "<script" not in page
    assert main([*run, str(tmp_path / "run.json")]) == 0
    tables = json.loads((tmp_path / "run.json").read_text())["tables"]
    if target == "binary_synapse":
        assert list(tables) == ["run", "steps", "layers", "cores", "links", "memories"]
        assert {"core", "memory", "read_bits", "write_bits"} == set(tables["memories"][0])
    capsys.readouterr()
    assert main([*run, str(tmp_path / "nowhere" / "run.html")]) == 1
    assert "nowhere/run.html: got No such file or directory" in capsys.readouterr().err


def test_pictures_traces_and_files_of_other_tools(
    model: Path, spikes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = ["compile", str(model), "--target", "loihi", "--out", str(tmp_path), "--json"]
    assert main([*build, "--format", "net", "--picture"]) == 0
    assert (tmp_path / "network.net").stat().st_size > 0
    assert "<svg" in (tmp_path / "chip.svg").read_text()
    run = ["run", str(model), "--target", "binary_synapse", "--input", str(spikes), "--json"]
    trace, picture = tmp_path / "trace.json", tmp_path / "mesh.svg"
    files = ["--output", str(tmp_path / "o.npz"), "--trace", str(trace), "--picture", str(picture)]
    assert main([*run, *files]) == 0
    assert json.loads(trace.read_text())["traceEvents"]
    assert "<svg" in picture.read_text()
    capsys.readouterr()
    assert main([*build, "--format", "exe"]) == 1
    assert capsys.readouterr().err == (
        "axonc: format of target loihi: got exe, expected what the target offers: net. Leave the "
        "option out.\n"
    )
