import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_training import TINY, assert_equal, weights

from axonc.models import dataset, encode, load_network, predict, run_network, train
from axonc.models.config import BSOConfig, DataConfig, OptimizerConfig, OptimizerKind
from axonc.models.data.batches import Batch
from axonc.models.errors import DivergenceError, TrainingInputError


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


def test_divergence_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from axonc.models.training import run as training

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
    from axonc.models.training import run as training

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


def test_the_flip_rule_falls_with_the_epochs(tmp_path: Path) -> None:
    rule = OptimizerConfig(OptimizerKind.BSO, learning_rate=0.1)
    train(replace(TINY, epochs=3, optimizer=rule, bso=BSOConfig(fall_epochs=2)), tmp_path)
    flips, _ = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["optimizers"]
    assert flips["param_groups"][0]["gamma"] == pytest.approx(5e-8)


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
