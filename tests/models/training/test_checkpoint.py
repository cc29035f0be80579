import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import TINY, assert_equal, weights

from axonc.models import TrainingProgress, load_network, train
from axonc.models.config import (
    NetworkConfig,
    OptimizerConfig,
    OptimizerKind,
    SurrogateConfig,
    SurrogateKind,
)
from axonc.models.errors import CheckpointError
from axonc.models.methods.adali import AdaLiConfig


def test_interruption_by_a_callback_and_resumption(unbroken: Path, tmp_path: Path) -> None:
    def stop(progress: TrainingProgress) -> None:
        if (progress.epoch, progress.batch) == (2, 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TINY, tmp_path, progress=stop)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["position"][:2] == [1, 3]
    train(TINY, tmp_path, resume=True)
    assert_equal(weights(tmp_path), weights(unbroken))
    assert (tmp_path / "metrics.csv").read_bytes() == (unbroken / "metrics.csv").read_bytes()


SCRIPT = """
import sys, time, torch
torch.set_num_threads(1)
from pathlib import Path
from axonc.models import TrainingConfig, train
def slow(progress):
    print(progress.epoch, progress.batch, flush=True)
    time.sleep(0.02)
train(TrainingConfig.from_toml(sys.argv[1]), sys.argv[2], progress=slow)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_real_process_is_stopped_and_resumed(
    number: signal.Signals, unbroken: Path, tmp_path: Path
) -> None:
    settings, out = tmp_path / "tiny.toml", tmp_path / "out"
    settings.write_text(TINY.to_toml())
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(settings), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.split() == ["2", "2"]:
            break
    time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    if number is signal.SIGINT:
        assert "KeyboardInterrupt" in errors
        position = torch.load(out / "checkpoint.pt", weights_only=True)["position"]
        assert position[0] == 1
        assert position[1] >= 2
    train(TINY, out, resume=True)
    assert_equal(weights(out), weights(unbroken))


# Children of one process that has read the data and trained once, so that dying is cheap. Writing
# takes 0.1 s longer than it would, so that every other child can be killed in the midst of it, the
# first one at its very first writing.
KILLED_OVER_AND_OVER = """
import os, random, signal, sys, time, torch
torch.set_num_threads(1)
from pathlib import Path
from axonc.models import TrainingConfig, dataset, train, training
config, out = TrainingConfig.from_toml(sys.argv[1]), Path(sys.argv[2])
data = dataset(config)
training.dataset = lambda config: data
fsync = os.fsync
os.fsync = lambda file: (time.sleep(0.1), fsync(file))
train(config, out.with_name("warm"))
start = time.monotonic()
train(config, out.with_name("whole"))
whole_s = time.monotonic() - start
moments = random.Random(0)

def begin():
    child = os.fork()
    if child:
        return child
    try:
        train(config, out, resume=(out / "checkpoint.pt").exists())
    finally:
        os._exit(0)

def runs(child):
    return not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)

in_writing = 0
for attempt in range(16):
    child = begin()
    end = time.monotonic() + (moments.uniform(0, 0.6 * whole_s) if attempt else 0)
    while runs(child):
        time.sleep(0.001)
        writing = (out / f".checkpoint.pt.{child}.partial").exists()
        if time.monotonic() > end and (writing or attempt % 2 == 1):
            in_writing += writing
            break
    else:
        break
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
os.waitpid(begin(), 0)
print(in_writing)
"""


def test_kill_9_at_any_moment_changes_nothing(unbroken: Path, tmp_path: Path) -> None:
    settings, out = tmp_path / "tiny.toml", tmp_path / "out"
    settings.write_text(TINY.to_toml())
    done = subprocess.run(
        [sys.executable, "-c", KILLED_OVER_AND_OVER, str(settings), str(out)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 1  # killed while it wrote a checkpoint
    assert_equal(weights(out), weights(unbroken))
    assert (out / "metrics.csv").read_bytes() == (unbroken / "metrics.csv").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint.pt", "metrics.csv"]


@pytest.mark.parametrize(
    "change",
    [
        {"surrogate": SurrogateConfig(kind=SurrogateKind.ADALI)},
        {"surrogate": SurrogateConfig(kind=SurrogateKind.MEASURED)},
        {"surrogate": SurrogateConfig(kind=SurrogateKind.MPD_AGL)},
        {"optimizer": OptimizerConfig(kind=OptimizerKind.BSO, learning_rate=0.1)},
        {"optimizer": OptimizerConfig(kind=OptimizerKind.ADAM, learning_rate=1e-3)},
        {"adali": AdaLiConfig(automatic=True), "surrogate": SurrogateConfig(SurrogateKind.ADALI)},
    ],
)
def test_every_method_resumes_bit_for_bit(change: dict[str, Any], tmp_path: Path) -> None:
    config = replace(TINY, epochs=2, **change)
    train(config, tmp_path / "whole")

    def stop(progress: TrainingProgress) -> None:
        if (progress.epoch, progress.batch) == (1, 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "broken", progress=stop)
    train(config, tmp_path / "broken", resume=True)
    assert_equal(weights(tmp_path / "broken"), weights(tmp_path / "whole"))


def test_resuming_with_other_settings(unbroken: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        train(replace(TINY, seed=1), unbroken, resume=True)
    assert str(error.value) == (
        f"checkpoint {unbroken}/checkpoint.pt: got a run with other settings (seed = 0, "
        "not 1), expected the settings of this run. Resume with the configuration that it "
        "was started with."
    )


def test_resuming_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="got no such file, expected a checkpoint"):
        train(TINY, tmp_path, resume=True)


def test_damaged_checkpoints(unbroken: Path, tmp_path: Path) -> None:
    whole = (unbroken / "checkpoint.pt").read_bytes()
    for content in (b"", b"hello", whole[: len(whole) // 2]):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match="got an unreadable file"):
            load_network(tmp_path / "checkpoint.pt")
    torch.save({"weights": 1}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="got a torch file of another kind"):
        load_network(tmp_path / "checkpoint.pt")


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> object:
            return Path.touch, (tmp_path / "owned",)

    torch.save({"network": Attack()}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="got an unreadable file"):
        load_network(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "owned").exists()


def test_a_checkpoint_of_another_network(unbroken: Path, tmp_path: Path) -> None:
    state = torch.load(unbroken / "checkpoint.pt", weights_only=True)
    state["config"] = replace(TINY, network=NetworkConfig(hidden=(16,))).to_toml()
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="got the weights of another network, expected the"):
        load_network(tmp_path / "checkpoint.pt")
