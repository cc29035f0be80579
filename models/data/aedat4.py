"""AEDAT 4.0, the files of iniVation's DV software: what tonic's copy of CIFAR10-DVS consists of.

A first line, a table that names the compression and where the packets end, then packets: stream,
size, and that many bytes. Unpacked, a packet of events is a FlatBuffers table marked EVTS whose
one field is a vector of 16 bytes an event.

Read here with every bound checked, and not by the package `aedat`, because that one aborts the
whole process on some damaged files.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .events import MAX_BYTES, Events, corrupt, read_bytes

_FIRST_LINE = b"#!AER-DAT4.0\r\n"
_EVENT = np.dtype(
    {
        "names": ["t", "x", "y", "polarity"],
        "formats": ["<i8", "<i2", "<i2", "u1"],
        "offsets": [0, 8, 10, 12],
        "itemsize": 16,
    }
)


def read_aedat4(path: Path) -> Events:
    """Read the events of the first event stream in an AEDAT 4.0 file, as they are written."""
    data = read_bytes(path).tobytes()
    if not data.startswith(_FIRST_LINE):
        raise corrupt(path, f"a file that begins with {data[:14]!r}", "AEDAT 4.0")
    try:
        streams = _streams(data)
    except (struct.error, ValueError, RuntimeError, MemoryError) as error:
        raise corrupt(path, str(error), "an undamaged file in AEDAT 4.0") from error
    events = np.concatenate(streams[min(streams)]) if streams else np.empty(0, _EVENT)
    return Events(*(events[name].astype(np.int64) for name in ("x", "y", "t", "polarity")))


def _streams(data: bytes) -> dict[int, list[NDArray[Any]]]:
    """Collect the packets of events by the number of their stream."""
    place = len(_FIRST_LINE)
    compression, end = _header(data, place)
    place += 4 + _unsigned(data, place)
    if not place <= end <= len(data):  # a recording that was broken off has no table of packets
        end = len(data)
    budget = MAX_BYTES
    streams: dict[int, list[NDArray[Any]]] = {}
    while place < end:
        stream, size = struct.unpack_from("<2i", data, place)
        body = data[place + 8 : place + 8 + size]
        if size < 0 or len(body) < size:
            raise ValueError(f"a packet of {len(body)} bytes instead of {size}")
        place += 8 + size
        unpacked = _unpack(body, compression, budget)
        budget -= len(unpacked)
        if unpacked[8:12] == b"EVTS":
            streams.setdefault(stream, []).append(_vector(unpacked))
    return streams


def _header(data: bytes, place: int) -> tuple[int, int]:
    """Read (compression, end of the packets or -1) from the table behind the first line."""
    compression, end = _field(data, place, 0), _field(data, place, 1)
    return (
        struct.unpack_from("<i", data, compression)[0] if compression else 0,
        struct.unpack_from("<q", data, end)[0] if end else -1,
    )


def _field(data: bytes, start: int, number: int) -> int:
    """Return the place of a field of the FlatBuffers table whose size stands at `start`, or 0."""
    table = start + 4 + _unsigned(data, start + 4)
    fields = table - struct.unpack_from("<i", data, table)[0]
    if fields < 0 or 4 + 2 * number >= struct.unpack_from("<H", data, fields)[0]:
        return 0
    offset = struct.unpack_from("<H", data, fields + 4 + 2 * number)[0]
    return table + offset if offset else 0


def _vector(data: bytes) -> NDArray[Any]:
    """Return the events of an unpacked packet."""
    field = _field(data, 0, 0)
    if not field:
        return np.empty(0, _EVENT)
    vector = field + _unsigned(data, field)
    return np.frombuffer(data, _EVENT, _unsigned(data, vector), vector + 4)


def _unsigned(data: bytes, place: int) -> int:
    return int(struct.unpack_from("<I", data, place)[0])


def _unpack(body: bytes, compression: int, most: int) -> bytes:
    """Undo a packet's compression: 0 none, 1 and 2 LZ4, 3 and 4 Zstandard."""
    match compression:
        case 0:
            unpacked = body
        case 1 | 2:
            import lz4.frame

            frame = lz4.frame.LZ4FrameDecompressor()
            unpacked = frame.decompress(body, max_length=most + 1)
            if not frame.eof and len(unpacked) <= most:
                raise ValueError("an LZ4 frame that breaks off")
        case 3 | 4:
            import zstandard

            try:
                with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body)) as stream:
                    unpacked = stream.read(most + 1)
            except zstandard.ZstdError as error:
                raise ValueError(str(error)) from error
        case _:
            raise ValueError(f"compression {compression}")
    if len(unpacked) > most:
        raise ValueError(f"more than {MAX_BYTES} bytes of packets")
    return unpacked
