"""How far two stages agree: the share of spike bins in which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Measurement:
    """What rounding to integers did to a network on given spikes.

    mismatch: per spiking node, the share of its bins that differ between the discrete and the
    integer graph. agreement: share of samples with the same most active output. float_accuracy,
    int_accuracy: where labels were given.
    """

    mismatch: Mapping[str, float]
    agreement: float
    float_accuracy: float | None = None
    int_accuracy: float | None = None

    @property
    def alarm(self) -> str | None:
        """A sentence for when the integers no longer do what the network did, else None."""
        if self.float_accuracy is not None and self.int_accuracy is not None:
            if self.float_accuracy - self.int_accuracy > _TOLERATED_LOSS:
                return (
                    f"rounding destroys this network: accuracy falls from "
                    f"{100 * self.float_accuracy:.1f} % to {100 * self.int_accuracy:.1f} %"
                )
        elif self.agreement < 1 - _TOLERATED_LOSS:
            return (
                f"rounding destroys this network: only {100 * self.agreement:.1f} % of the samples "
                "keep their most active output"
            )
        return None


_TOLERATED_LOSS = 0.05


def measured(
    one: Rasters, other: Rasters, nodes: Sequence[str], output: str, labels: np.ndarray | None
) -> Measurement:
    """Compare a discrete and an integer recording node by node, and what they decide."""
    decisions = [r[output].reshape(*r[output].shape[:2], -1).sum(axis=1) for r in (one, other)]
    same = decisions[0].argmax(axis=1) == decisions[1].argmax(axis=1)
    return Measurement(
        mismatch={name: spike_mismatch(one, other, [name]) for name in nodes},
        agreement=float(np.mean(same)),
        float_accuracy=None if labels is None else accuracy(one[output], labels),
        int_accuracy=None if labels is None else accuracy(other[output], labels),
    )
