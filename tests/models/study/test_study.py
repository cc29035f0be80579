import json
from pathlib import Path

import numpy as np
import pytest
import torch

from axonc.models.config import DataConfig
from axonc.models.study import comparison as study
from axonc.models.study.report import epochs_to, not_worse


def test_every_variant_builds_settings_that_differ() -> None:
    start = study.base(DataConfig(), epochs=1)
    todo = [
        study.configure(start, variant, "sgd", 0.3, seed)
        for variant in study.VARIANTS
        for seed in range(2)
    ]
    assert len({run.digest for run in todo}) == 2 * len(study.VARIANTS)


def test_a_study_of_event_data(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 2, (24, 3, 2, 8, 8), dtype=np.uint8)
    packed, labels = np.packbits(frames.reshape(24, -1), axis=1), np.arange(24) % 3
    file, shape = tmp_path / "events.npz", np.array(frames.shape[1:])
    splits = {"train_frames": packed, "test_frames": packed}
    np.savez(file, **splits, train_label=labels, test_label=labels, shape=shape)
    arguments = f"--out {tmp_path / 'study'} --data npz --path {file} --events 3 --validation 4"
    settings = "--epochs 1 --seeds 1 --variants agmm --adam="
    assert study.main(f"{arguments} {settings}".split()) == 0
    assert (tmp_path / "study/report.md").exists()


def test_adam_trains_only_the_variants_that_it_is_given() -> None:
    variants, optimizers = ["vanilla", "agmm", "bso"], ["sgd", "adam"]
    some = study.pairs(variants, optimizers, ["agmm"])
    assert [variant for variant, optimizer in some if optimizer == "adam"] == ["agmm"]
    every = study.pairs(variants, optimizers)
    assert [variant for variant, o in every if o == "adam"] == ["vanilla", "agmm"]


def test_rates_are_chosen_by_validation_on_seeds_of_their_own(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    arguments = f"--out {tmp_path} --train 60 --validation 40 --epochs 1 --seeds 1 --adam="
    extra = "--variants vanilla --sgd 1e-6,0.5,1e20 --tuning-seeds 1 --channels 4 --hidden 8"
    assert study.main(f"{arguments} {extra}".split()) == 0
    tuning = [json.loads(line) for line in (tmp_path / "tuning.jsonl").read_text().splitlines()]
    assert [(run["seed"], run["learning_rate"]) for run in tuning] == [
        (100, 1e-6),
        (100, 0.5),
        (100, 1e20),
    ]
    (run,) = (json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines())
    scores = {line["learning_rate"]: line["validation_accuracy"] for line in tuning}
    assert run["seed"] == 0 and run["learning_rate"] == max(scores, key=lambda rate: scores[rate])
    assert "## Choice of learning rates" in (tmp_path / "report.md").read_text()


def test_a_study_runs_goes_on_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    arguments = f"--out {tmp_path} --train 60 --validation 40 --epochs 1 --seeds 2 --adam= ".split()
    arguments += ["--variants", "vanilla,agmm"]
    assert study.main(arguments) == 0
    report = (tmp_path / "report.md").read_text()
    assert "| agmm | 0.3 | 2 |" in report
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "accuracy-flips.png",
        "accuracy.png",
        "flips.png",
        "report.md",
        "runs.jsonl",
    ]
    capsys.readouterr()

    def never(run: study.Run) -> dict[str, object]:
        raise AssertionError("a run was made twice")

    monkeypatch.setattr(study, "execute", never)
    assert study.main(arguments) == 0
    assert (tmp_path / "report.md").read_text() == report
    assert "runs 4/4  agmm, sgd 0.3, seed 1: " in capsys.readouterr().out


def test_unknown_variant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study.main(["--out", str(tmp_path), "--variants", "agm"]) == 1
    assert capsys.readouterr().err == (
        "error: --variants: got 'agm', expected variants of the study. Did you mean 'agmm'?\n"
    )


def test_a_loss_is_excluded_only_where_it_is_smaller_than_the_margin() -> None:
    vanilla = np.array([0.90, 0.91, 0.92, 0.90, 0.91])
    noise = 1e-3 * np.array([1, -1, 0, 1, -1])
    assert not_worse(vanilla + noise, vanilla) < 0.001
    # A loss as large as the margin is as likely to be seen as not.
    assert not_worse(vanilla - 0.005 + noise, vanilla) == pytest.approx(0.5)
    assert not_worse(vanilla - 0.02 + noise, vanilla) > 0.999
    assert (not_worse(vanilla, vanilla), not_worse(vanilla - 1, vanilla)) == (0.0, 1.0)


def test_epochs_to_a_target() -> None:
    history = [{"epoch": e, "validation_accuracy": e / 10} for e in (1, 2, 3)]
    assert epochs_to(history, 0.2) == 2
    assert epochs_to(history, 0.9) is None
