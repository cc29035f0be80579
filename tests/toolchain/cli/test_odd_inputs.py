"""Every file that a command takes: a pipe, a device, a folder, none, or bytes of another kind."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from axonc.toolchain.cli import main

READERS = {
    "model": ("check", "{file}.nir"),
    "lava-dl": ("check", "{file}.net", "--target", "loihi"),
    "input": ("run", "{model}", "--input", "{file}.npz", "--output", "{out}"),
    "labels": ("check", "{model}", "--input", "{file}.npz"),
    "activity": ("cost", "{model}", "--target", "loihi", "--input", "{file}.npz"),
    "calibration": ("check", "{model}", "--calibrate", "{file}.npz"),
    "architecture": ("check", "{model}", "--target", "binary_synapse{{architecture={file}.toml}}"),
    "configuration": ("train", "--config", "{file}.toml", "--out", "{out}"),
    "checkpoint": ("export", "{file}.pt", "--out", "{out}"),
    "sample": ("export", "{user}:network", "--sample", "{file}.npz", "--out", "{out}"),
}


def make(kind: str, path: Path) -> None:
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "garbage":
            path.write_bytes(bytes(range(256)) * 9)
        case "empty":
            path.touch()


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_is_none_is_refused_in_one_line(
    reader: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if reader in ("configuration", "checkpoint", "sample") and not find_spec("torch"):
        pytest.skip("training needs the extra `train`")
    (tmp_path / "user.py").write_text("network = None\n")
    kinds = {"pipe", "device", "folder", "garbage", "empty", "absent"}
    if reader == "configuration":
        kinds -= {"empty"}  # all settings have defaults
    for kind in sorted(kinds):
        places = {
            "file": str(tmp_path / kind),
            "model": str(model),
            "out": str(tmp_path / "out"),
            "user": str(tmp_path / "user.py"),
        }
        command = [word.format(**places) for word in READERS[reader]]
        named = next(word for word in command if kind in word)
        path = Path(named[named.index(str(tmp_path)) :].rstrip("}"))
        make(kind, path)
        status = main([*command, "--json"])
        printed = capsys.readouterr()
        assert status == 1 and printed.out == "", (kind, printed)
        assert printed.err.count("\n") == 1 and printed.err.startswith("axonc: "), (kind, printed)
        assert str(path) in printed.err and ", expected " in printed.err, (kind, printed)
    assert not (tmp_path / "out").exists()
