"""`axonc train` as a process: Ctrl-C leaves a checkpoint, --resume reaches the same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra `train`")

SETTINGS = """
epochs = 6
batch_size = 20
[data]
train_limit = 400
validation = 40
[encoder]
steps = 4
[network]
hidden = [32]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS)
    return path


def axonc(*arguments: str) -> subprocess.Popen[str]:
    script = "import sys; from axonc.toolchain.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", script, "train", *arguments, "--json"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from axonc.models import load_network

    state: dict[str, torch.Tensor] = load_network(folder / "checkpoint.pt")[0].state_dict()
    return state


def test_interrupted_training_resumes_to_the_same_weights(settings: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    out, err = axonc("--config", str(settings), "--out", str(whole), "--plots").communicate(
        timeout=120
    )
    assert json.loads(out)["checkpoint"] == str(whole / "checkpoint.pt"), err
    assert (whole / "training.png").stat().st_size > 0

    process = axonc("--config", str(settings), "--out", str(broken))
    metrics = broken / "metrics.csv"
    deadline = time.monotonic() + 120
    while not metrics.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert out == ""
    assert err == (
        f"axonc: interrupted: {broken / 'checkpoint.pt'} holds the run so far, axonc train "
        "--resume goes on with it\n"
    )

    out, err = axonc("--out", str(broken), "--resume").communicate(timeout=120)
    assert json.loads(out), err
    one, other = weights(whole), weights(broken)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
