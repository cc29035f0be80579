"""Training in bfloat16 and with torch.compile: it learns, and resumes bit for bit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from axonc.models import TrainingConfig, TrainingProgress, load_network, train
from axonc.models.config import (
    DataConfig,
    EncoderConfig,
    NetworkConfig,
    Precision,
    SurrogateConfig,
    SurrogateKind,
)
from axonc.models.errors import CheckpointError, TrainingInputError
from axonc.models.networks.registry import build_network

TINY = TrainingConfig(
    epochs=2,
    batch_size=20,
    data=DataConfig(train_limit=60, validation=20),
    encoder=EncoderConfig(steps=2),
    network=NetworkConfig("mlp", hidden=(16,)),
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_network(folder / "checkpoint.pt")[0].state_dict()


def broken_and_resumed(config: TrainingConfig, folder: Path) -> dict[str, torch.Tensor]:
    """Stop a run in the middle of its first epoch, resume it, return its weights."""

    def stop(progress: TrainingProgress) -> None:
        if (progress.epoch, progress.batch) == (1, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, folder, progress=stop)
    train(config, folder, resume=True)
    return weights(folder)


@pytest.mark.parametrize(
    "network",
    [NetworkConfig("mlp", hidden=(16,)), NetworkConfig("conv", hidden=(16,), channels=(4, 8))],
)
def test_bfloat16_learns_and_resumes_bit_for_bit(network: NetworkConfig, tmp_path: Path) -> None:
    float32 = replace(TINY, epochs=3, data=replace(TINY.data, train_limit=200), network=network)
    config = replace(float32, precision=Precision.BFLOAT16)
    result = train(config, tmp_path / "whole")
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    whole = weights(tmp_path / "whole")
    assert all(value.dtype is torch.float32 for value in whole.values())
    again = broken_and_resumed(config, tmp_path / "broken")
    assert all(torch.equal(again[key], whole[key]) for key in whole)
    train(float32, tmp_path / "float32")
    full = weights(tmp_path / "float32")
    assert any(not torch.equal(full[key], whole[key]) for key in whole)


def test_precision_belongs_to_the_run(tmp_path: Path) -> None:
    train(replace(TINY, epochs=1), tmp_path)
    with pytest.raises(CheckpointError) as error:
        train(replace(TINY, epochs=1, precision=Precision.BFLOAT16), tmp_path, resume=True)
    assert "got a run with other settings (precision = float32, not bfloat16)" in str(error.value)


def test_settings_of_older_files_are_written_as_they_were() -> None:
    assert "precision" not in TINY.to_toml()
    changed = replace(TINY, precision=Precision.BFLOAT16, compile=True)
    assert TrainingConfig.from_text(changed.to_toml()) == changed


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, inside its compiler
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_compiled_network_trains_alike_and_resumes_bit_for_bit(tmp_path: Path) -> None:
    config = replace(TINY, compile=True)
    result = train(config, tmp_path / "whole")
    eager = train(TINY, tmp_path / "eager")
    # Kernels add in another order; a first epoch of three batches is too short to diverge.
    assert result.history[0]["loss"] == pytest.approx(eager.history[0]["loss"], rel=1e-3)
    whole = weights(tmp_path / "whole")
    again = broken_and_resumed(config, tmp_path / "broken")
    assert all(torch.equal(again[key], whole[key]) for key in whole)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_a_training_step_compiles_whole(architecture: str) -> None:
    """Nothing is left to the interpreter. Seen by tracing alone: backend eager builds nothing."""
    config = replace(TINY, network=NetworkConfig(architecture, (16,), (4, 8)))
    network = build_network(config, (1, 8, 8), 10)
    traced = torch.compile(network, fullgraph=True, dynamic=False, backend="eager")
    shape = (64,) if architecture == "mlp" else (1, 8, 8)
    traced(torch.ones(2, 3, *shape)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_compiling_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(TrainingInputError) as error:
        train(replace(TINY, compile=True), tmp_path)
    assert str(error.value) == (
        "setting compile: got no C++ compiler no-such-compiler, expected one to build with. "
        "apt-get install g++, or name one in CXX; or train with compile = false."
    )


def test_compiling_what_changes_from_epoch_to_epoch(tmp_path: Path) -> None:
    change: dict[str, Any] = {"surrogate": SurrogateConfig(SurrogateKind.ADALI)}
    with pytest.raises(TrainingInputError) as error:
        train(replace(TINY, compile=True, **change), tmp_path)
    assert str(error.value) == (
        "setting compile: got a surrogate whose boundaries move, expected a network that stays "
        "the same over the epochs. Train with compile = false."
    )
