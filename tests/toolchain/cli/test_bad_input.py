"""Bad input: one clear message on standard error, the right exit status, nothing half-written."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from axonc.toolchain.cli import main

Run = pytest.CaptureFixture[str]


def refused(arguments: list[str], capsys: Run, status: int = 1) -> str:
    """Run a command that must fail and return its message, which stands alone."""
    assert main(arguments) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("axonc: ")
    assert "Traceback" not in printed.err
    return printed.err.removeprefix("axonc: ").rstrip("\n")


def test_a_file_that_is_not_nir(tmp_path: Path, capsys: Run) -> None:
    path = tmp_path / "text.nir"
    path.write_text("hello")
    message = refused(["check", str(path)], capsys)
    assert str(path) in message and "HDF5" in message


def test_a_file_that_is_not_there(tmp_path: Path, capsys: Run) -> None:
    message = refused(["check", str(tmp_path / "none.nir")], capsys)
    assert "no such file" in message.lower()


def test_a_truncated_file(model: Path, capsys: Run) -> None:
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    message = refused(["check", str(model)], capsys)
    assert str(model) in message


def test_an_unknown_node(model: Path, capsys: Run) -> None:
    with h5py.File(model, "r+") as file:
        del file["node/nodes/neurons/type"]
        file["node/nodes/neurons"].create_dataset("type", data=b"Perceptron")
    message = refused(["check", str(model)], capsys)
    assert "Perceptron" in message and "neurons" in message


def edit(model: Path, node: str, field: str, value: float) -> None:
    with h5py.File(model, "r+") as file:
        dataset = file[f"node/nodes/{node}/{field}"]
        values = dataset[()].astype(np.float32)
        values.flat[0] = value
        del file[f"node/nodes/{node}/{field}"]
        file[f"node/nodes/{node}"].create_dataset(field, data=values)


def test_nan_weights(model: Path, capsys: Run) -> None:
    edit(model, "synapses", "weight", np.nan)
    message = refused(["check", str(model)], capsys)
    assert "synapses" in message and "NaN" in message


def test_a_threshold_of_zero(model: Path, capsys: Run) -> None:
    edit(model, "neurons", "v_threshold", 0.0)
    message = refused(["check", str(model)], capsys)
    assert "neurons" in message and "threshold" in message


def test_an_input_of_the_wrong_shape(model: Path, tmp_path: Path, capsys: Run) -> None:
    spikes = tmp_path / "wrong.npz"
    np.savez(spikes, spikes=np.ones((1, 10, 7), bool))
    command = ["run", str(model), "--input", str(spikes), "--output", str(tmp_path / "o.npz")]
    for target in ("reference", "loihi", "binary_synapse"):
        message = refused([*command, "--target", target, "--json"], capsys)
        assert message == (
            "input spikes for node 'input': got shape (1, 10, 7), expected (batch, time, 6). "
            "Reshape the spikes, or check that they belong to this network."
        )
    assert not (tmp_path / "o.npz").exists()


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"nonsense", "File is not a zip file"),
        ({"other": np.ones(3)}, "keys ['other']"),
        ({"spikes": np.ones(3)}, "'spikes', an array of shape (3,) and type float64"),
        ({"spikes": np.array([[[object()]]])}, "'spikes', an array of type object"),
    ],
)
def test_unusable_spike_files(
    content: bytes | dict[str, np.ndarray], got: str, model: Path, tmp_path: Path, capsys: Run
) -> None:
    spikes = tmp_path / "bad.npz"
    if isinstance(content, bytes):
        spikes.write_bytes(content)
    else:
        np.savez(spikes, **content)
    message = refused(
        ["run", str(model), "--input", str(spikes), "--output", str(tmp_path / "o.npz")], capsys
    )
    assert message.startswith(f"spike file {spikes}: got {got}")
    assert message.endswith("with a key spikes/NODE for each.")


def test_a_target_that_does_not_exist(
    model: Path, spikes: Path, tmp_path: Path, capsys: Run
) -> None:
    files = ["--input", str(spikes), "--output", str(tmp_path / "o.npz")]
    for command in (["check", str(model)], ["run", str(model), *files], ["cost", str(model)]):
        message = refused([*command, "--target", "brain"], capsys)
        assert message == (
            "target: got 'brain', expected one of reference, binary_synapse, loihi. A package can "
            "add a target by the entry point group axonc.targets."
        )


def test_an_engine_that_does_not_exist(
    model: Path, spikes: Path, tmp_path: Path, capsys: Run
) -> None:
    files = ["--input", str(spikes), "--output", str(tmp_path / "o.npz")]
    message = refused(["run", str(model), *files, "--target", "loihi", "--engine", "x"], capsys)
    assert message.startswith("engine of target loihi: got 'x', expected one of emulator, lava")


def test_a_probe_that_does_not_exist(
    model: Path, spikes: Path, tmp_path: Path, capsys: Run
) -> None:
    files = ["--input", str(spikes), "--output", str(tmp_path / "o.npz"), "--probe", "nobody"]
    for target in ("reference", "loihi", "binary_synapse"):
        message = refused(["run", str(model), *files, "--target", target, "--json"], capsys)
        assert message.startswith("probe: got 'nobody', expected ")


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("compile", ["--picture"], "--picture on target reference: got the reference"),
        (
            "compile",
            ["--target", "binary_synapse", "--picture"],
            "picture of target binary_synapse: got a program without a run, expected what the "
            "target offers: the load of a run. Leave the option out.",
        ),
        (
            "compile",
            ["--target", "loihi", "--format", "vhdl"],
            "format of target loihi: got vhdl, expected what the target offers: net.",
        ),
        ("run", ["--picture", "p.svg"], "--picture on target reference: got the reference"),
        (
            "run",
            ["--target", "loihi", "--trace", "t.json"],
            "trace of target loihi: got a request for one, expected what the target offers: none.",
        ),
        (
            "run",
            ["--target", "loihi", "--precision", "float32"],
            "--precision on target loihi: got 'float32', expected none: a chip computes its own",
        ),
    ],
)
def test_what_a_target_does_not_offer_is_refused_before_files_are_written(
    command: str, options: list[str], message: str, model: Path, spikes: Path, capsys: Run
) -> None:
    folder = model.parent
    before = set(folder.iterdir())
    files = ["--out", str(folder / "build")]
    if command == "run":
        files = ["--input", str(spikes), "--output", str(folder / "out.npz")]
    assert refused([command, str(model), *files, *options], capsys).startswith(message)
    assert set(folder.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_without_permission(
    model: Path, spikes: Path, tmp_path: Path, capsys: Run
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    files = ["--input", str(spikes), "--output", str(folder / "o.npz")]
    assert "Permission denied" in refused(["run", str(model), *files, "--json"], capsys)


def test_an_output_folder_that_cannot_be(
    model: Path, spikes: Path, tmp_path: Path, capsys: Run
) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "o.npz"
    run = ["run", str(model), "--input", str(spikes), "--output", str(out), "--json"]
    assert refused(run, capsys) == (
        f"output {out}: got Not a directory, expected a place that can be written. Choose another "
        "folder, or make this one writable."
    )
    compile_ = ["compile", str(model), "--out", str(out), "--json"]
    assert refused(compile_, capsys).startswith(f"output {out}: got Not a directory")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (
            "--weight-bits",
            "0",
            "--weight-bits: got 0, expected a whole number from 1 to 16. Leave it out to have "
            "it chosen.",
        ),
        (
            "--fraction-bits",
            "99",
            "--fraction-bits: got 99, expected a whole number from 0 to 24. Leave it out to have "
            "it chosen.",
        ),
    ],
)
def test_options_out_of_range(
    option: str, value: str, message: str, model: Path, capsys: Run
) -> None:
    assert refused(["check", str(model), option, value], capsys) == message


def test_wrong_usage_is_status_2(capsys: Run) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["run", "model.nir"])
    assert stop.value.code == 2
    assert "--input" in capsys.readouterr().err


def test_a_fault_of_our_own_is_status_3(
    model: Path, capsys: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("axonc.toolchain.driver.verdicts", broken)
    message = refused(["check", str(model), "--json"], capsys, status=3)
    assert message.startswith("internal error: ZeroDivisionError: oops\nThis is a fault of axonc")


def test_training_overwrites_nothing_unasked(tmp_path: Path, capsys: Run) -> None:
    (tmp_path / "checkpoint.pt").touch()
    assert refused(["train", "--out", str(tmp_path), "--json"], capsys) == (
        f"folder {tmp_path}: got a folder that holds a checkpoint already, expected a new folder. "
        "--resume goes on with it, --overwrite starts anew."
    )


def test_an_overflow_where_none_is_allowed(tmp_path: Path, capsys: Run) -> None:
    layer = {"shape": [1], "inFeatures": 2000, "weight": np.full((1, 2000), -2)}
    neuron = {"iDecay": 4096, "vDecay": 0, "vThMant": 5}
    with h5py.File(tmp_path / "a.net", "w") as file:
        group = file.create_group("layer/0")
        for name, value in layer.items():
            group[name] = value
        for name, number in neuron.items():
            group[f"neuron/{name}"] = number
        group["type"], group["neuron/type"] = np.array([b"dense"]), np.array([b"CUBA"])
    np.savez(tmp_path / "in.npz", spikes=np.ones((1, 70, 2000), bool))
    files = ["--input", str(tmp_path / "in.npz"), "--output", str(tmp_path / "out.npz")]
    command = ["run", str(tmp_path / "a.net"), "--target", "loihi", *files]
    message = refused([*command, "--strict"], capsys)
    assert "overflows of integer states, expected none, since --strict is set" in message
    assert not (tmp_path / "out.npz").exists()
    assert main(command) == 0
    assert "overflows" in capsys.readouterr().out
