"""The tables and plots of a study, from its runs alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checkpoint import write_atomically

_Line = dict[str, Any]
_BASELINE = "vanilla"


def write_report(lines: Sequence[_Line], out: Path, target: float) -> None:
    """Write `report.md`, `accuracy.png` and `flips.png` into the folder `out`.

    target: the validation accuracy, 0..1, that epochs are counted to.
    """
    chosen = _choose_rates(lines)
    text = ["# Training methods compared", ""]
    for optimizer in sorted({optimizer for _, optimizer in chosen}):
        groups = {variant: runs for (variant, o), runs in chosen.items() if o == optimizer}
        text += [f"## {optimizer}", "", *_table(groups, target), ""]
    text += [
        "Mean and sample standard deviation over seeds. Flips: sum over epochs of the share of "
        "binary weights whose sign changed, mean over binary layers. Firing rate: spikes per "
        "neuron and step in the last epoch's training, mean over layers. t, p: two-sided paired "
        f"t-test against {_BASELINE} over equal seeds; t > 0 where the variant's is larger. "
        f"Epochs: to a validation accuracy of {100 * target:g} %, over the runs that reach it "
        "(how many).",
        "",
        "![accuracy](accuracy.png)",
        "![sign flips](flips.png)",
        "",
    ]
    write_atomically(out / "report.md", lambda file: file.write("\n".join(text).encode()))
    _plot_curves(chosen, out)


def _choose_rates(lines: Sequence[_Line]) -> dict[tuple[str, str], list[_Line]]:
    """Keep, by variant and optimiser, the learning rate of the best mean validation accuracy."""
    groups: dict[tuple[str, str, float], list[_Line]] = defaultdict(list)
    for line in lines:
        groups[line["variant"], line["optimizer"], line["learning_rate"]].append(line)
    chosen: dict[tuple[str, str], list[_Line]] = {}
    for (variant, optimizer, _), runs in groups.items():
        best = chosen.get((variant, optimizer))
        if best is None or _validation(runs) > _validation(best):
            chosen[variant, optimizer] = sorted(runs, key=lambda run: int(run["seed"]))
    return chosen


def _validation(runs: Sequence[_Line]) -> float:
    return float(np.mean([run["validation_accuracy"] for run in runs]))


def _table(groups: dict[str, list[_Line]], target: float) -> list[str]:
    rows = [
        "| variant | rate | n | test accuracy, % | t, p | flips | t, p | firing rate | t, p "
        "| epochs |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for variant, runs in groups.items():
        accuracy = 100 * test_accuracies(runs)
        flips, rates = total_flips(runs), firing_rates(runs)
        epochs = [reached for run in runs if (reached := epochs_to(run["history"], target))]
        cells = [
            variant,
            f"{runs[0]['learning_rate']:g}",
            str(len(runs)),
            _mean(accuracy, 2),
            _against_baseline(groups, runs, test_accuracies),
            _mean(flips, 3) if flips.size else "",
            _against_baseline(groups, runs, total_flips) if flips.size else "",
            _mean(rates, 3),
            _against_baseline(groups, runs, firing_rates),
            f"{np.mean(epochs):.1f} ({len(epochs)})" if epochs else "",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def test_accuracies(runs: Sequence[_Line]) -> NDArray[np.float64]:
    """Return each run's accuracy on the test images after the last epoch, 0..1."""
    return np.array([run["test_accuracy"] for run in runs])


def total_flips(runs: Sequence[_Line]) -> NDArray[np.float64]:
    """Sum pi_e over the epochs, mean over binary layers, one number a run; empty if none."""
    totals = []
    for run in runs:
        columns = [key for key in run["history"][0] if key.startswith("flips/")]
        if columns:
            totals.append(np.mean([sum(row[key] for row in run["history"]) for key in columns]))
    return np.array(totals)


def firing_rates(runs: Sequence[_Line]) -> NDArray[np.float64]:
    """Average the last epoch's firing rates over the layers, one number a run."""
    return np.array(
        [
            np.mean([v for key, v in run["history"][-1].items() if key.startswith("firing_rate/")])
            for run in runs
        ]
    )


def epochs_to(history: Sequence[dict[str, float]], target: float) -> int | None:
    """Return the first epoch whose validation accuracy reaches a target, or None."""
    reached = (row["epoch"] for row in history if row["validation_accuracy"] >= target)
    return next((int(epoch) for epoch in reached), None)


def _against_baseline(groups: dict[str, list[_Line]], runs: list[_Line], measure: Any) -> str:
    baseline = groups.get(_BASELINE)
    if baseline is None or baseline is runs:
        return ""
    seeds = {run["seed"] for run in baseline} & {run["seed"] for run in runs}
    one = measure([run for run in runs if run["seed"] in seeds])
    two = measure([run for run in baseline if run["seed"] in seeds])
    if not len(one) == len(two) > 1:
        return ""
    t, p = paired_t_test(one, two)
    return f"{t:+.2f}, {p:.3f}" if p >= 0.001 else f"{t:+.2f}, < 0.001"


def paired_t_test(one: NDArray[np.float64], two: NDArray[np.float64]) -> tuple[float, float]:
    """Return t and the two-sided p of a paired t-test.

    t = mean(d) / (std(d)/sqrt(n)), d = one - two; Student's density with n-1 degrees of freedom
    is integrated from 0 to |t| by Simpson's rule in the angle x = sqrt(n-1)*tan(a), where it is
    smooth and bounded.
    """
    difference = np.asarray(one, np.float64) - np.asarray(two, np.float64)
    n = len(difference)
    deviation = float(difference.std(ddof=1))
    if deviation == 0:
        mean = float(difference.mean())
        return (0.0, 1.0) if mean == 0 else (math.copysign(math.inf, mean), 0.0)
    t, freedom = float(difference.mean()) / (deviation / math.sqrt(n)), n - 1
    angles = np.linspace(0, math.atan(abs(t) / math.sqrt(freedom)), 2001)
    density = np.cos(angles) ** (freedom - 1)
    weights = np.ones(2001)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    area = float((weights * density).sum()) * (angles[1] - angles[0]) / 3
    whole = math.sqrt(math.pi) * math.exp(math.lgamma(freedom / 2) - math.lgamma(n / 2))
    return t, max(0.0, 1 - 2 * area / whole)


def _mean(values: NDArray[np.float64], digits: int) -> str:
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def _plot_curves(chosen: dict[tuple[str, str], list[_Line]], out: Path) -> None:
    from matplotlib.figure import Figure

    optimizers = sorted({optimizer for _, optimizer in chosen})
    for name, label in (("accuracy", "validation accuracy"), ("flips", "share of signs flipped")):
        figure = Figure(figsize=(7 * len(optimizers), 5), layout="constrained")
        axes = figure.subplots(1, len(optimizers), squeeze=False)[0]
        for axis, optimizer in zip(axes, optimizers, strict=True):
            for (variant, o), runs in chosen.items():
                curve = _curve(runs, name) if o == optimizer else None
                if curve is not None:
                    axis.plot(range(1, len(curve) + 1), curve, label=variant)
            axis.set(title=optimizer, xlabel="epoch", ylabel=label)
            axis.legend(fontsize="x-small")
        if name == "flips":
            for axis in axes:
                axis.set_yscale("log")
        write_atomically(out / f"{name}.png", lambda file, f=figure: f.savefig(file))  # type: ignore[misc]


def _curve(runs: Sequence[_Line], name: str) -> NDArray[np.float64] | None:
    """Average one figure over the runs, epoch by epoch."""
    prefix = "flips/" if name == "flips" else "validation_accuracy"
    columns = [key for key in runs[0]["history"][0] if key.startswith(prefix)]
    if not columns:
        return None
    table = [[np.mean([row[key] for key in columns]) for row in run["history"]] for run in runs]
    return np.asarray(np.mean(table, axis=0), np.float64)
