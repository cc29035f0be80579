"""Curves of a training run, drawn from its history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_TITLES = {
    "flips": "share of weights that changed sign",
    "firing_rate": "spikes per neuron and step",
    "gradient_variance": "variance of the weights' gradient",
    "window": "share of potentials in the surrogate's window",
    "synaptic_operations": "synaptic operations per sample",
}


def plot_history(history: Sequence[dict[str, float]], path: str | Path) -> None:
    """Draw accuracy and every per-layer figure over the epochs into one image file.

    history: the rows of metrics.csv, as `TrainingResult.history` has them.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(10, 9), layout="constrained")
    axes = figure.subplots(3, 2).flatten()
    for key in ("train_accuracy", "validation_accuracy"):
        axes[0].plot(epochs, [row[key] for row in history], label=key.split("_")[0])
    axes[0].set_title("accuracy")
    for axis, (kind, title) in zip(axes[1:], _TITLES.items(), strict=True):
        for column in history[0]:
            if column.startswith(kind + "/"):
                values = [row[column] for row in history]
                axis.plot(epochs, values, label=column.partition("/")[2])
        axis.set_title(title)
    axes[3].set_yscale("log")
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.legend(fontsize="small")
    figure.savefig(path)
