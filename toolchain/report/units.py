"""Numbers with the unit that people read best, and text that is safe to print."""

from __future__ import annotations

import math


def bits_text(bits: float) -> str:
    """Return bits as bit, kbit or Mbit (decimal prefixes), three digits."""
    return _scaled(bits, [(1e6, "Mbit"), (1e3, "kbit"), (1, "bit")])


def energy_text(pj: float) -> str:
    """Return picojoules as pJ, nJ, µJ or mJ, three digits."""
    return _scaled(pj, [(1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1, "pJ")])


def count_text(count: float) -> str:
    """Return a count in three digits with k or M; below 10,000 in four digits as it is."""
    return _scaled(count, [(1e6, "M"), (1e3, "k")]) if count >= 1e4 else f"{count:.4g}"


def share_text(share: float) -> str:
    """Return a share in percent with two digits and no power of ten; `0` for exactly 0."""
    if share == 0:
        return "0"
    decimals = max(0, 1 - math.floor(math.log10(100 * share)))
    return f"{100 * share:.{decimals}f} %"


def duration_text(seconds: float) -> str:
    """Return a duration in ms, s or min, three digits."""
    if seconds < 1:
        return f"{1000 * seconds:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.3g} min"


def time_text(ns: float) -> str:
    """Return nanoseconds as ns, µs, ms or s, three digits."""
    return _scaled(ns, [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")])


def printable(text: str) -> str:
    """Return `text` with every control character but the line break replaced by a mark."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _scaled(value: float, units: list[tuple[float, str]]) -> str:
    for size, unit in units:
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} {units[-1][1]}"
