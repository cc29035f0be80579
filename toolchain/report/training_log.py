"""The metrics of a training as its folder holds them, whichever columns there are."""

from __future__ import annotations

import csv
import math
from pathlib import Path

_LARGEST_BYTES = 64 << 20


def read_metrics(folder: Path) -> dict[str, list[float]]:
    """Return the numeric columns of `folder`/metrics.csv, empty where there is no such file.

    A column counts as numeric when every cell of it is a number or empty (read as NaN).
    """
    path = folder / "metrics.csv"
    if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
        return {}
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    columns: dict[str, list[float]] = {}
    for name in rows[0] if rows else ():
        try:
            columns[name] = [float(row[name]) if row[name] else math.nan for row in rows]
        except (TypeError, ValueError):
            continue
    return columns
