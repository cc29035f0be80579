"""The tables and plots of a study, from its runs alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._files import write_atomically

_Line = dict[str, Any]
BASELINE = "vanilla"
_NAMES = {"sgd": "SGD", "adam": "Adam"}
MARGIN = 0.005
"""The loss of accuracy, 0..1, that a variant must be shown to stay within to count as none."""

_LEGEND = (
    "Mean and sample standard deviation over seeds. t, p: two-sided paired t-test against "
    f"{BASELINE} over equal seeds; t > 0 where the variant's is larger. Loss excluded: p of the "
    "one-sided paired test that the variant loses {margin:g} points or more. Flips: sum over "
    "epochs of the share of binary weights whose sign changed, mean over binary layers. Firing "
    "rate: spikes per neuron and step in the last epoch's training, mean over layers. Epochs: to a "
    "validation accuracy of {target:g} %, over the runs that reach it (how many)."
)


def best_rates(tuned: Sequence[_Line]) -> dict[tuple[str, str], float]:
    """Return, by variant and optimiser, the learning rate of the best mean validation accuracy."""
    best: dict[tuple[str, str], float] = {}
    score: dict[tuple[str, str], float] = {}
    for (variant, optimizer, rate), runs in _grouped(tuned).items():
        accuracy = _validation(runs)
        if accuracy > score.get((variant, optimizer), -1.0):
            best[variant, optimizer], score[variant, optimizer] = rate, accuracy
    return best


def write_report(lines: Sequence[_Line], tuned: Sequence[_Line], out: Path, target: float) -> None:
    """Write `report.md` and the plots into the folder `out`.

    tuned: the runs that chose learning rates. target: the validation accuracy, 0..1, that epochs
    are counted to.
    """
    chosen = {
        (variant, optimizer): sorted(runs, key=lambda run: int(run["seed"]))
        for (variant, optimizer, _), runs in _grouped(lines).items()
    }
    text = ["# Training methods compared", ""]
    for optimizer in dict.fromkeys(optimizer for _, optimizer in chosen):
        groups = {variant: runs for (variant, o), runs in chosen.items() if o == optimizer}
        text += [f"## {_NAMES[optimizer]}", "", *_table(groups, target), ""]
    text += [_LEGEND.format(target=100 * target, margin=100 * MARGIN), ""]
    if tuned:
        text += ["## Choice of learning rates", "", *_tuning_table(tuned), ""]
        text += ["Mean validation accuracy, %, and flips over the tuning seeds.", ""]
    text += [f"![{name}]({name}.png)" for name in _plot(chosen, tuned, out)] + [""]
    write_atomically(out / "report.md", lambda file: file.write("\n".join(text).encode()))


def _grouped(lines: Sequence[_Line]) -> dict[tuple[str, str, float], list[_Line]]:
    groups: dict[tuple[str, str, float], list[_Line]] = defaultdict(list)
    for line in lines:
        groups[line["variant"], line["optimizer"], line["learning_rate"]].append(line)
    return groups


def _validation(runs: Sequence[_Line]) -> float:
    return float(np.mean([run["validation_accuracy"] for run in runs]))


def _table(groups: dict[str, list[_Line]], target: float) -> list[str]:
    rows = [
        "| variant | rate | n | test accuracy, % | t, p | loss excluded, p | flips | t, p "
        "| firing rate | t, p | epochs |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    baseline = groups.get(BASELINE)
    for variant, runs in groups.items():
        compared = paired(runs, baseline) if baseline not in (None, runs) else None
        flips = total_flips(runs)
        epochs = [reached for run in runs if (reached := epochs_to(run["history"], target))]
        cells = [
            variant,
            f"{runs[0]['learning_rate']:g}",
            str(len(runs)),
            _mean(100 * test_accuracies(runs), 2),
            _test(compared, test_accuracies),
            _excluded(compared),
            _mean(flips, 3) if flips.size else "",
            _test(compared, total_flips) if flips.size else "",
            _mean(firing_rates(runs), 3),
            _test(compared, firing_rates),
            f"{np.mean(epochs):.1f} ({len(epochs)})" if epochs else "",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _tuning_table(tuned: Sequence[_Line]) -> list[str]:
    groups, best = _grouped(tuned), best_rates(tuned)
    columns = sorted({(optimizer, rate) for _, optimizer, rate in groups})
    columns.sort(key=lambda column: column[0], reverse=True)
    rows = [
        "| variant | " + " | ".join(f"{_NAMES[o]} {rate:g}" for o, rate in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for variant in dict.fromkeys(variant for variant, _, _ in groups):
        cells = []
        for optimizer, rate in columns:
            runs = groups.get((variant, optimizer, rate))
            text = f"{100 * _validation(runs):.1f}" if runs else ""
            if runs and (flips := total_flips(runs)).size:
                text += f" ({flips.mean():.2f})"
            cells.append(f"**{text}**" if best.get((variant, optimizer)) == rate else text)
        rows.append(f"| {variant} | " + " | ".join(cells) + " |")
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


def paired(one: Sequence[_Line], two: Sequence[_Line]) -> tuple[list[_Line], list[_Line]] | None:
    """Return the runs of both at the seeds that both have; None with fewer than two such seeds."""
    seeds = {run["seed"] for run in one} & {run["seed"] for run in two}
    if len(seeds) < 2:
        return None
    return [r for r in one if r["seed"] in seeds], [r for r in two if r["seed"] in seeds]


def not_worse(one: NDArray[np.float64], two: NDArray[np.float64], margin: float = MARGIN) -> float:
    """Return the p of a one-sided paired t-test that `one` is less than `margin` below `two`."""
    from scipy.stats import ttest_1samp

    difference = one - two
    if np.ptp(difference) == 0:
        return 0.0 if difference[0] > -margin else 1.0
    return float(ttest_1samp(difference, -margin, alternative="greater").pvalue)


def _test(
    compared: tuple[list[_Line], list[_Line]] | None,
    measure: Callable[[Sequence[_Line]], NDArray[np.float64]],
) -> str:
    """Return t and the two-sided p of the paired t-test, as text."""
    from scipy.stats import ttest_1samp

    if compared is None:
        return ""
    one, two = map(measure, compared)
    if not one.size or np.ptp(one - two) == 0:
        return "equal" if one.size and one[0] == two[0] else ""
    result = ttest_1samp(one - two, 0.0)
    return f"{result.statistic:+.2f}, {_p(float(result.pvalue))}"


def _excluded(compared: tuple[list[_Line], list[_Line]] | None) -> str:
    if compared is None:
        return ""
    one, two = compared
    return _p(not_worse(test_accuracies(one), test_accuracies(two)))


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _mean(values: NDArray[np.float64], digits: int) -> str:
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def _plot(
    chosen: dict[tuple[str, str], list[_Line]], tuned: Sequence[_Line], out: Path
) -> list[str]:
    """Draw the curves over epochs, accuracy against flips, and against the rate; return names."""
    variants = list(dict.fromkeys(variant for variant, _ in chosen))
    drawn = {
        "accuracy": ("epoch", "validation accuracy"),
        "flips": ("epoch", "share of signs flipped"),
        "accuracy-flips": ("flips over the whole training", "test accuracy, %"),
    }
    for name, labels in drawn.items():
        with _figure(chosen, labels, out / f"{name}.png") as axes:
            for (variant, optimizer), runs in chosen.items():
                look = _look(variants.index(variant))
                if name == "accuracy-flips":
                    _plot_point(axes[optimizer], runs, variant, look)
                elif (curve := _curve(runs, name)) is not None:
                    epochs = range(1, len(curve) + 1)
                    axes[optimizer].plot(epochs, curve, label=variant, **look | {"marker": ""})
            if name == "flips":
                for axis in axes.values():
                    axis.set_yscale("log")
    if not tuned:
        return list(drawn)
    with _figure(chosen, ("learning rate", "validation error"), out / "rates.png") as axes:
        scores: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for (variant, optimizer, rate), runs in _grouped(tuned).items():
            scores[variant, optimizer].append((rate, 1 - _validation(runs)))
        for (variant, optimizer), points in scores.items():
            if (variant, optimizer) in chosen:
                look = _look(variants.index(variant))
                axes[optimizer].plot(*zip(*sorted(points), strict=True), label=variant, **look)
        for axis in axes.values():
            axis.set(xscale="log", yscale="log")
    return [*drawn, "rates"]


@contextmanager
def _figure(
    chosen: dict[tuple[str, str], list[_Line]], labels: tuple[str, str], path: Path
) -> Iterator[dict[str, Any]]:
    """Make one axis an optimiser, and one legend for all; save the figure at the end."""
    from matplotlib.figure import Figure

    optimizers = list(dict.fromkeys(optimizer for _, optimizer in chosen))
    figure = Figure(figsize=(5.5 * len(optimizers) + 2, 4.5), layout="constrained")
    axes = dict(zip(optimizers, figure.subplots(1, len(optimizers), squeeze=False)[0], strict=True))
    for optimizer, axis in axes.items():
        axis.set(title=_NAMES[optimizer], xlabel=labels[0], ylabel=labels[1])
    yield axes
    shown: dict[str, Any] = {}
    for axis in axes.values():
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            shown.setdefault(label, handle)
    figure.legend(list(shown.values()), list(shown), loc="outside right upper", fontsize="small")
    write_atomically(path, lambda file: figure.savefig(file))


def _look(number: int) -> dict[str, Any]:
    """Give every variant a colour, line and mark of its own, the same in all plots."""
    again = number // 10 % 3
    return {
        "color": f"C{number % 10}",
        "linestyle": ("-", "--", ":")[again],
        "marker": ("o", "s", "^")[again],
        "markersize": 4,
    }


def _plot_point(axis: Any, runs: Sequence[_Line], variant: str, look: dict[str, Any]) -> None:
    """Mark a variant's mean, with the standard deviations over seeds."""
    flips, accuracy = total_flips(runs), 100 * test_accuracies(runs)
    if flips.size:
        spread = {"xerr": flips.std(ddof=1), "yerr": accuracy.std(ddof=1)} if flips.size > 1 else {}
        look = look | {"linestyle": ""}
        axis.errorbar(flips.mean(), accuracy.mean(), **spread, label=variant, **look)


def _curve(runs: Sequence[_Line], name: str) -> NDArray[np.float64] | None:
    """Average one figure over the runs, epoch by epoch."""
    prefix = "flips/" if name == "flips" else "validation_accuracy"
    columns = [key for key in runs[0]["history"][0] if key.startswith(prefix)]
    if not columns:
        return None
    table = [[np.mean([row[key] for key in columns]) for row in run["history"]] for run in runs]
    return np.asarray(np.mean(table, axis=0), np.float64)
