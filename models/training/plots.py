"""Curves of a training run, drawn from its history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .._files import write_atomically

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
    from matplotlib import colormaps
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    epochs = [row["epoch"] for row in history]
    layers = list(dict.fromkeys(key.partition("/")[2] for key in history[0] if "/" in key))
    colours = colormaps["turbo"](np.linspace(0.1, 0.9, len(layers)))
    figure = Figure(figsize=(12, 9), layout="constrained")
    axes = figure.subplots(3, 2).flatten()
    for key in ("train_accuracy", "validation_accuracy"):
        axes[0].plot(epochs, [row[key] for row in history], label=key.split("_")[0])
    axes[0].legend()
    axes[0].set_title("accuracy")
    drawn = {}
    for axis, (kind, title) in zip(axes[1:], _TITLES.items(), strict=True):
        for layer, colour in zip(layers, colours, strict=True):
            if (column := f"{kind}/{layer}") in history[0]:
                values = [row[column] for row in history]
                (drawn[layer],) = axis.plot(epochs, values, color=colour)
        axis.set_title(title)
    axes[3].set_yscale("log")
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(drawn.values(), drawn.keys(), loc="outside right upper", fontsize="small")
    path = Path(path)
    kind = path.suffix[1:] or "png"
    write_atomically(path, lambda file: figure.savefig(file, format=kind))
