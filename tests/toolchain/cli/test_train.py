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


def test_presets_are_listed_and_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from axonc.models import TrainingConfig, presets
    from axonc.toolchain.cli import main

    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = capsys.readouterr().out
    for name, title in presets.titles().items():
        assert name in told and title in told
    options = ["--data", "here", "--seed", "3", "--precision", "bfloat16"]
    assert main(["train", "--preset", "cifar10-vgg11-bso", *options, "--show"]) == 0
    shown = TrainingConfig.from_text(capsys.readouterr().out)
    assert (shown.data.path, shown.seed, shown.precision) == ("here", 3, "bfloat16")
    assert shown.network == TrainingConfig.preset("cifar10-vgg11-bso").network
    assert main(["train", "--preset", "cifar10-vgg11-bs", "--out", str(tmp_path / "no")]) == 1
    assert capsys.readouterr().err == (
        "axonc: preset: got 'cifar10-vgg11-bs', expected settings that come with axonc. Did you "
        "mean 'cifar10-vgg11-bso'?\n"
    )
    assert not (tmp_path / "no").exists()


def test_torchrun_speaks_once(settings: Path, tmp_path: Path) -> None:
    script = "import sys; from axonc.toolchain.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "train", "--config", str(settings), "--epochs", "1"]
    processes = [
        subprocess.Popen(
            [*command, "--out", str(tmp_path / "out"), "--json"],
            env=os.environ
            | {"OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "RANK": str(rank)}
            | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(20_000 + os.getpid() % 20_000)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    first, second = (process.communicate(timeout=120)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert json.loads(first)["checkpoint"] == str(tmp_path / "out" / "checkpoint.pt")
    assert second == ""


def test_check_tells_what_is_understood_and_trains_nothing(settings: Path) -> None:
    out, err = axonc("--config", str(settings), "--check").communicate(timeout=60)
    found = json.loads(out)
    assert (found["one_sample"], found["last_batch"]) == ("1 channels, 28 height, 28 width", 20)
    assert [row["samples"] for row in found["splits"]] == [400, 40, 1000]
    assert [path.name for path in settings.parent.iterdir()] == ["settings.toml"]
