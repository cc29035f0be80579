"""How far two stages agree: the share of spike bins in which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Rasters = Mapping[str, np.ndarray]
"""Spikes of every compared node: bool (batch, time, *node shape)."""


def spike_mismatch(one: Rasters, other: Rasters, nodes: Sequence[str]) -> float:
    """Return the share of all bins (node, sample, step, neuron) in which two recordings differ.

    Where one holds fewer samples, it is compared with the first of the other.
    """
    differing = bins = 0
    for name in nodes:
        samples = min(len(one[name]), len(other[name]))
        unequal = one[name][:samples] != other[name][:samples]
        differing += int(np.count_nonzero(unequal))
        bins += unequal.size
    return differing / bins


def accuracy(output: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of samples whose most active output neuron is the label.

    output: (batch, time, classes) spikes; a tie goes to the lowest class.
    """
    counts = output.sum(axis=1)
    return float(np.mean(counts.argmax(axis=-1) == labels[: len(counts)]))
