import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from axonc.models import (
    TrainingConfig,
    TrainingProgress,
    dataset,
    encode,
    load_network,
    predict,
    run_network,
    train,
)
from axonc.models.adali import AdaLiConfig
from axonc.models.batches import Batch
from axonc.models.config import (
    Augmentation,
    DataConfig,
    EncoderConfig,
    NetworkConfig,
    OptimizerConfig,
    OptimizerKind,
    SurrogateConfig,
    SurrogateKind,
)
from axonc.models.errors import CheckpointError, DivergenceError, TrainingInputError

TINY = TrainingConfig(
    epochs=3,
    batch_size=20,
    data=DataConfig(train_limit=100, validation=40, augmentation=Augmentation.SHIFT),
    encoder=EncoderConfig(steps=4),
    network=NetworkConfig(hidden=(32,)),
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_network(folder / "checkpoint.pt")[0].state_dict()


def assert_equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("unbroken")
    train(TINY, folder)
    return folder


def test_a_run_leaves_checkpoint_and_metrics(unbroken: Path) -> None:
    rows = (unbroken / "metrics.csv").read_text().splitlines()
    assert len(rows) == 4
    columns = rows[0].split(",")
    assert columns[:4] == ["epoch", "loss", "train_accuracy", "validation_accuracy"]
    assert {"flips/hidden1", "firing_rate/output", "gradient_variance/hidden1"} <= set(columns)
    assert sorted(path.name for path in unbroken.iterdir()) == ["checkpoint.pt", "metrics.csv"]


def test_training_learns_and_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    result = train(replace(TINY, epochs=6, data=replace(TINY.data, train_limit=400)), tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert result.test_accuracy > 0.3  # ten classes: chance is 0.1
    test = dataset(TINY).test
    spikes = encode(result.config, test.images, "test")
    counts = run_network(result.network, spikes)["output"].sum(1)
    assert (predict(counts) == test.labels).mean() == result.test_accuracy


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
# takes 40 ms longer than it would, so that every other child can be killed in the midst of it.
KILLED_OVER_AND_OVER = """
import os, random, signal, sys, time, torch
torch.set_num_threads(1)
from pathlib import Path
from axonc.models import TrainingConfig, dataset, train, training
config, out = TrainingConfig.from_toml(sys.argv[1]), Path(sys.argv[2])
data = dataset(config)
training.dataset = lambda config: data
fsync = os.fsync
os.fsync = lambda file: (time.sleep(0.04), fsync(file))
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
    end = time.monotonic() + moments.uniform(0, 0.6 * whole_s)
    while runs(child):
        time.sleep(0.001)
        writing = (out / f".checkpoint.pt.{child}.partial").exists()
        if time.monotonic() > end and (writing or attempt % 2 == 0):
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


def test_divergence_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from axonc.models import training

    calls = 0
    loss = training.batch_loss

    def explode(*arguments: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return loss(*arguments) * (torch.nan if calls == 8 else 1)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "batch_loss", explode)
    with pytest.raises(DivergenceError) as error:
        train(TINY, tmp_path)
    assert str(error.value) == (
        "training, epoch 2, batch 3: got a loss of nan, first in the gradient of layer 'output', "
        f"expected a finite loss. Lower optimizer.learning_rate; {tmp_path}/checkpoint.pt holds "
        "the last good weights."
    )
    assert all(torch.isfinite(value).all() for value in weights(tmp_path).values())


def test_weights_that_break_without_the_loss_are_found_before_they_are_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from axonc.models import training

    telemetry_observe = training.Telemetry.observe
    calls = 0

    def break_a_gradient(self: Any, record: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 7:
            self._network.layer("hidden1").norm.weight.grad.fill_(torch.nan)
        telemetry_observe(self, record)

    monkeypatch.setattr(training.Telemetry, "observe", break_a_gradient)
    with pytest.raises(DivergenceError) as error:
        train(TINY, tmp_path)
    assert "in the gradient of layer 'hidden1', expected" in str(error.value)
    assert all(torch.isfinite(value).all() for value in weights(tmp_path).values())


def test_data_that_cannot_be_read_leave_no_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingInputError):
        train(replace(TINY, data=DataConfig("cifar10", str(tmp_path))), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingInputError) as error:
        train(TINY, tmp_path / "file" / "out")
    assert "expected a folder that can be written to. Choose another with --out." in str(
        error.value
    )


def test_spikes_of_another_shape(unbroken: Path) -> None:
    network, _ = load_network(unbroken / "checkpoint.pt")
    with pytest.raises(TrainingInputError) as error:
        run_network(network, np.zeros((2, 4, 5), bool))
    assert str(error.value) == (
        "input spikes: got shape (2, 4, 5), expected (batch, time, 784). Encode the images with "
        "the network's own configuration."
    )


def test_predict_lets_groups_of_neurons_vote() -> None:
    assert predict([[1, 3, 3], [0, 0, 0]]).tolist() == [1, 0]
    assert predict([[1, 0, 2, 4]], classes=2).tolist() == [1]


def test_accumulation_cuts_a_batch_into_even_parts(tmp_path: Path) -> None:
    whole = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(0))
    batch = Batch(whole, torch.arange(6), seed=0, samples=6)
    parts = list(batch.parts(4))
    assert torch.equal(torch.cat([spikes for spikes, _ in parts], 1), whole)
    assert [len(labels) for _, labels in parts] == [2, 2, 1, 1]
    result = train(replace(TINY, epochs=1, accumulate=2), tmp_path)
    row = result.history[0]
    assert 0 < row["firing_rate/hidden1"] < 1
    assert row["gradient_variance/hidden1"] > 0


def test_workers_change_nothing(unbroken: Path, tmp_path: Path) -> None:
    train(TINY, tmp_path, workers=2)
    assert_equal(weights(tmp_path), weights(unbroken))


SHARED_RUN = """
import sys, torch
torch.set_num_threads(1)
from axonc.models import TrainingConfig, train
train(TrainingConfig.from_toml(sys.argv[1]), sys.argv[2])
"""


def test_two_processes_give_the_result_of_one(tmp_path: Path) -> None:
    # A single epoch: a weight near 0 that rounding turns over would set the runs on two ways.
    config = replace(TINY, epochs=1, optimizer=OptimizerConfig(learning_rate=0.01))
    (tmp_path / "run.toml").write_text(config.to_toml())
    (tmp_path / "run.py").write_text(SHARED_RUN)
    train(config, tmp_path / "one")
    port = 20_000 + os.getpid() % 20_000
    command = [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "run.toml")]
    processes = [
        subprocess.Popen(
            [*command, str(tmp_path / "two")],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "WORLD_SIZE": "2",
                "RANK": str(number),
            },
        )
        for number in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for key, value in one.items():
        # Five steps of sums in another order: a few units in the last place of float32.
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5, msg=key)


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, axonc.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
