"""The last batch of an epoch, and batches that worker processes make."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import TINY, assert_equal, weights

from axonc.models import dataset, train, understood
from axonc.models.data.batches import EpochBatches, iterate
from axonc.models.errors import TrainingInputError

REST = replace(
    TINY, epochs=1, data=replace(TINY.data, train_limit=41), encoder=replace(TINY.encoder, steps=1)
)


def test_a_rest_of_one_sample_joins_the_batch_before(tmp_path: Path) -> None:
    batches = EpochBatches(REST, dataset(REST).train, (784,), 0)
    assert [len(batch.labels) for batch in iterate(batches, 0, 0)] == [20, 21]
    found = train(REST, tmp_path)
    assert 0 < found.history[0]["loss"] < 10
    split = replace(REST, accumulate=10)  # 21 samples in ten parts, none of one sample
    assert min(len(labels) for _, labels in batches[1].parts(split.accumulate)) == 2


def test_a_rest_of_two_samples_stays() -> None:
    config = replace(REST, data=replace(REST.data, train_limit=42))
    batches = EpochBatches(config, dataset(config).train, (784,), 0)
    assert [len(batch.labels) for batch in iterate(batches, 0, 0)] == [20, 20, 2]


def test_two_processes_with_a_rest_of_one_sample(tmp_path: Path) -> None:
    script = tmp_path / "rest.py"
    script.write_text(
        "import sys\n"
        "from axonc.models import TrainingConfig, train\n"
        f"config = TrainingConfig.from_text({REST.to_toml()!r})\n"
        "train(config, sys.argv[1], threads=1)\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, "--master-port", "29517", str(script), str(tmp_path / "two")],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(torch.isfinite(value).all() for value in weights(tmp_path / "two").values())


def test_one_training_image_at_one_step(tmp_path: Path) -> None:
    with pytest.raises(TrainingInputError) as error:
        train(replace(REST, data=replace(REST.data, train_limit=1)), tmp_path)
    assert str(error.value) == (
        "training batches: got batch_size 20 and 1 samples for 1 processes, expected a sample a "
        "process, and two where encoder.steps is 1. "
        "Raise batch_size, give more training images, or start fewer processes."
    )


FULL_DISK = """
import resource
from axonc.models import TrainingConfig, dataset
from axonc.models.data.batches import EpochBatches, iterate
config = TrainingConfig(batch_size=100)
batches = EpochBatches(config, dataset(config).train, (784,), 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
print(sum(len(batch.labels) for batch in iterate(batches, 30, 2)))
"""


def test_workers_write_no_files() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "600\n"), done.stderr[-2000:]


class Killed(EpochBatches):
    def made(self, number: int):  # type: ignore[no-untyped-def]
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_told() -> None:
    before = set(Path("/dev/shm").glob("torch_*"))
    batches = Killed(TINY, dataset(TINY).train, (784,), 0)
    with pytest.raises(TrainingInputError) as error:
        list(iterate(batches, 0, 1))
    assert str(error.value).startswith("1 workers: got DataLoader worker (pid")
    assert str(error.value).endswith(
        "expected processes that prepare batches until the epoch ends. "
        "Use --workers 0, or free memory and disk."
    )
    assert set(Path("/dev/shm").glob("torch_*")) <= before


def test_workers_make_equal_batches() -> None:
    batches = EpochBatches(TINY, dataset(TINY).train, (784,), 0)
    for one, two in zip(iterate(batches, 0, 0), iterate(batches, 0, 2), strict=True):
        assert_equal({"s": one.spikes, "l": one.labels}, {"s": two.spikes, "l": two.labels})


def test_what_is_understood_before_training() -> None:
    found = understood(REST)
    assert found.figures == {
        "data_set": "mnist5k",
        "one_sample": "1 channels, 28 height, 28 width",
        "polarity": "none: images",
        "classes": 10,
        "steps": 1,
        "network": "mlp",
        "network_input": "784",
        "batches_per_epoch": 2,
        "batch_size": 20,
        "last_batch": 21,
        "parameters": found.figures["parameters"],
        "binary_weights": 784 * 32 + 32 * 10,
        "size_bits": found.figures["size_bits"],
    }
    assert [row["samples"] for row in found.splits] == [41, 40, 1000]
    assert found.splits[2] == {
        "split": "test",
        "samples": 1000,
        "classes": 10,
        "values": "0 to 255",
    }
