"""A training run's history for TensorBoard."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path


def write_tensorboard(history: Sequence[dict[str, float]], folder: str | Path) -> None:
    """Write every column of a history as a scalar over epochs into an event file in `folder`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tensorboard's own imports
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(folder))
    for row in history:
        for column, value in row.items():
            if column != "epoch":
                writer.add_scalar(column, value, int(row["epoch"]))
    writer.close()
