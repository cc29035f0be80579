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


def aedat4(events: Rows, packet: int = 100, compression: str = "lz4", stream: int = 0) -> bytes:
    """Write AEDAT 4.0: packets of events, each behind one of triggers, and no table of packets."""
    import lz4.frame
    import zstandard

    method, pack = {
        "none": (0, bytes),
        "lz4": (1, lz4.frame.compress),
        "zstd": (3, zstandard.ZstdCompressor().compress),
    }[compression]
    streams = "".join(
        f'<node name="{name}" path="/outInfo/{name}/">'
        f'<attr key="compression" type="string">{compression.upper()}</attr>'
        f'<attr key="typeIdentifier" type="string">{kind}</attr>'
        f'<node name="info" path="/outInfo/{name}/info/">'
        '<attr key="sizeX" type="int">128</attr><attr key="sizeY" type="int">128</attr>'
        "</node></node>"
        for name, kind in enumerate(["EVTS", "TRIG"], stream)
    )
    info = f'<dv version="2.0"><node name="outInfo" path="/outInfo/">{streams}</node></dv>'.encode()
    # FlatBuffers: root, identifier; sizes and offsets of fields; the fields; what they point to.
    fields = struct.pack("<I4s5H2x", 20, b"IOHE", 10, 20, 4, 8, 16)
    content = fields + struct.pack("<2iqII", 12, method, -1, 4, len(info)) + info + b"\0"
    content = b"#!AER-DAT4.0\r\n" + struct.pack("<I", len(content)) + content
    for start in range(0, len(events), packet):
        part = events[start : start + packet].tolist()
        rows = b"".join(struct.pack("<q2hB3x", t, x, y, p) for x, y, t, p in part)
        for number, kind, count, body in (
            (stream + 1, b"TRIG", 0, b""),
            (stream, b"EVTS", len(part), rows),
        ):
            table = struct.pack("<I4s3H2xiII", 16, kind, 6, 8, 4, 8, 4, count) + body
            packed = pack(struct.pack("<I", len(table)) + table)
            content += struct.pack("<2i", number, len(packed)) + packed
    return content
