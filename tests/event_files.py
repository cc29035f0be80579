"""Small event recordings in the formats that their publishers ship, made for tests."""

from __future__ import annotations

import struct

import numpy as np

Rows = np.ndarray
"""Integers (events, 4): x, y, microseconds, polarity, in the order of time."""


def random_events(seed: int, side: int, count: int = 300, longest_us: int = 300_000) -> Rows:
    """Draw events in the order of time."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, longest_us, count))
    place = rng.integers(0, side, (2, count))
    return np.stack([*place, t, rng.integers(0, 2, count)], 1)


def nmnist(events: Rows) -> bytes:
    """Write 40 bits an event: x, y, polarity and 23 bits of time."""
    return b"".join(
        bytes([x, y, polarity << 7 | t >> 16, t >> 8 & 0xFF, t & 0xFF])
        for x, y, t, polarity in events.tolist()
    )


def aedat2(events: Rows) -> bytes:
    """Write a DVS128's AER-DAT 2.0: address and microseconds, big-endian."""
    header = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
    return header + b"".join(
        struct.pack(">2I", (127 - x) << 8 | (127 - y) << 1 | (1 - polarity), t)
        for x, y, t, polarity in events.tolist()
    )


def aedat3(events: Rows, packet: int = 100, spare: int = 3) -> bytes:
    """Write AEDAT 3.1: packets of polarity events, each behind one of special events."""
    content = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"
    for start in range(0, len(events), packet):
        part = events[start : start + packet].tolist()
        content += struct.pack("<2H6I", 0, 1, 8, 4, 0, 2, 2, 2) + bytes(16)
        content += struct.pack("<2H6I", 1, 1, 8, 4, 0, len(part), len(part), len(part))
        for x, y, t, polarity in part:
            content += struct.pack("<2I", x << 17 | y << 2 | polarity << 1 | 1, t)
    return content
