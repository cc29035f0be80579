"""Numbers with the unit that people read best."""

from __future__ import annotations


def bits_text(bits: float) -> str:
    """Return bits as bit, kbit or Mbit (decimal prefixes), three digits."""
    return _scaled(bits, [(1e6, "Mbit"), (1e3, "kbit"), (1, "bit")])


def energy_text(pj: float) -> str:
    """Return picojoules as pJ, nJ, uJ or mJ, three digits."""
    return _scaled(pj, [(1e9, "mJ"), (1e6, "uJ"), (1e3, "nJ"), (1, "pJ")])


def count_text(count: float) -> str:
    """Return a count in three digits with k or M; below 10,000 in four digits as it is."""
    return _scaled(count, [(1e6, "M"), (1e3, "k")]) if count >= 1e4 else f"{count:.4g}"


def _scaled(value: float, units: list[tuple[float, str]]) -> str:
    for size, unit in units:
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} {units[-1][1]}"
