from pathlib import Path

import numpy as np
import pytest
import torch

from axonc.models import study
from axonc.models.config import DataConfig
from axonc.models.study_report import epochs_to, paired_t_test


def test_every_variant_builds_settings_that_differ() -> None:
    todo = list(
        study.runs(
            study.base(DataConfig(), epochs=1),
            list(study.VARIANTS),
            {"sgd": [0.3], "adam": []},
            range(2),
        )
    )
    assert len(todo) == 2 * len(study.VARIANTS)
    assert len({run.digest for run in todo}) == len(todo)


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
    start, optimizers = study.base(DataConfig(), epochs=1), {"sgd": [0.3], "adam": [1e-3]}
    some = study.runs(start, ["vanilla", "agmm", "bso"], optimizers, [7], ["agmm"])
    assert [(run.variant, run.seed) for run in some if run.optimizer == "adam"] == [("agmm", 7)]
    every = study.runs(start, ["vanilla", "agmm", "bso"], optimizers, [7])
    assert [run.variant for run in every if run.optimizer == "adam"] == ["vanilla", "agmm"]


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
    assert "4/4  agmm, sgd 0.3, seed 1: " in capsys.readouterr().out


def test_unknown_variant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study.main(["--out", str(tmp_path), "--variants", "agm"]) == 1
    assert capsys.readouterr().err == (
        "error: --variants: got 'agm', expected variants of the study. Did you mean 'agmm'?\n"
    )


@pytest.mark.parametrize(
    ("t", "n", "p"),
    [  # from the standard tables of Student's distribution, two-sided
        (2.776, 5, 0.05),
        (4.604, 5, 0.01),
        (12.706, 2, 0.05),
        (2.262, 10, 0.05),
        (2.045, 30, 0.05),
    ],
)
def test_paired_t_test_against_the_tables(t: float, n: int, p: float) -> None:
    noise = np.arange(n) - (n - 1) / 2
    difference = noise + t * noise.std(ddof=1) / np.sqrt(n)
    # The tables give t to four figures.
    measured = paired_t_test(difference + 7.0, np.full(n, 7.0))
    assert measured == pytest.approx((t, p), rel=2e-3)
    assert paired_t_test(np.full(n, 7.0), difference + 7.0) == pytest.approx((-t, p), rel=2e-3)


def test_paired_t_test_of_equal_differences() -> None:
    same = np.arange(3.0)
    assert paired_t_test(same, same) == (0.0, 1.0)
    assert paired_t_test(same - 1, same) == (-np.inf, 0.0)


def test_epochs_to_a_target() -> None:
    history = [{"epoch": e, "validation_accuracy": e / 10} for e in (1, 2, 3)]
    assert epochs_to(history, 0.2) == 2
    assert epochs_to(history, 0.9) is None
