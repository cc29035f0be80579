"""DVS-Gesture (Amir et al. 2017): as IBM ships it, or as tonic cuts it.

IBM's folder holds one AEDAT 3.1 recording a person and lighting, a table of the gestures in it, and
the lists of recordings to train and to test on. tonic's holds one NumPy file a gesture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._files import open_regular
from ..config import DataConfig
from ..errors import DataError
from ._split import Labels, LazyImages, RawDataset
from .events import MAX_BYTES, Events, corrupt, in_order, lazy_frames, read_bytes

_GESTURES, _SENSOR = 11, (128, 128)
_POLARITY_EVENTS = 1
_MAX_TABLE_BYTES = 1 << 24
_LONGEST_MS = 1e12
_PACKET = np.dtype(
    [
        ("type", "<u2"),
        ("source", "<u2"),
        ("size", "<u4"),
        ("offset", "<u4"),
        ("overflow", "<u4"),
        ("capacity", "<u4"),
        ("number", "<u4"),
        ("valid", "<u4"),
    ]
)
_REMEDY = (
    "get DvsGesture.tar.gz from IBM (research.ibm.com/interactive/dvsgesture), or use "
    "tonic.datasets.DVSGesture(save_to=...), and set data.path to the unpacked folder"
)

T = TypeVar("T")


class Gesture(NamedTuple):
    """A part of a recording, from start_us up to, not including, end_us."""

    path: Path
    start_us: int
    end_us: int


def dvs_gesture(config: DataConfig) -> RawDataset:
    """Read eleven gestures, 128x128 pixels, from IBM's folder or from tonic's."""
    root = Path(config.path)
    if (root / "trials_to_train.txt").is_file():
        train, test = (_of_trials(config, root / f"trials_to_{s}.txt") for s in ("train", "test"))
    else:
        train, test = (_of_tonic(config, root / f"ibmGesture{s}") for s in ("Train", "Test"))
    return RawDataset(_GESTURES, train, test)


def read_aedat3(path: Path) -> Events:
    """Read the polarity events of an AEDAT 3.1 file: packets of (data, microseconds) pairs."""
    content = read_bytes(path).tobytes()
    end = b"#!END-HEADER\r\n"
    place = content.find(end) + len(end)
    if not content.startswith(b"#!AER-DAT3") or place < len(end):
        raise corrupt(path, "no header of AER-DAT3", "a recording in AEDAT 3.1")
    parts = []
    while place < len(content):
        header = content[place : place + _PACKET.itemsize]
        if len(header) < _PACKET.itemsize:
            raise corrupt(path, f"a packet header of {len(header)} bytes", "28 bytes")
        packet = np.frombuffer(header, _PACKET)[0]
        size, count = int(packet["size"]), int(packet["capacity"])
        body = content[place + len(header) : place + len(header) + size * count]
        if len(body) < size * count or size < 8:
            raise corrupt(path, f"a packet of {len(body)} bytes", f"{count} events of {size} bytes")
        place += len(header) + len(body)
        if packet["type"] == _POLARITY_EVENTS:
            words = np.frombuffer(body, np.uint8).reshape(count, size)[:, :8].copy().view("<u4")
            data, t = words.T.astype(np.int64)
            parts.append(np.stack([data, t | int(packet["overflow"]) << 31]))
    data, t = np.concatenate(parts, 1) if parts else np.zeros((2, 0), np.int64)
    return Events(data >> 17 & 0x7FFF, data >> 2 & 0x7FFF, t, data >> 1 & 1)


def _of_trials(config: DataConfig, trials: Path) -> tuple[LazyImages, Labels]:
    gestures: list[Gesture] = []
    labels: list[int] = []
    for name in _parsed(trials, list, "a list of recordings, one a line"):
        recording = trials.parent / Path(name).name  # a list of strangers leads nowhere else
        table = trials.parent / f"{recording.stem}_labels.csv"
        for label, start, end in _parsed(table, _rows, "a table of class, start and end in us"):
            gestures.append(Gesture(recording, start, end))
            labels.append(label - 1)
    return lazy_frames("dvs-gesture", config, gestures, labels, _read_part, _SENSOR, _REMEDY)


def _rows(words: list[str]) -> NDArray[np.int64]:
    """Return (gesture from 1, start, end in microseconds) of each gesture in a recording."""
    return np.array([word.split(",") for word in words[1:]], np.int64).reshape(-1, 3)


def _parsed(path: Path, parse: Callable[[list[str]], T], expected: str) -> T:
    try:
        with open_regular(path, _MAX_TABLE_BYTES) as file:
            return parse(file.read().decode().split())
    except (OSError, ValueError, OverflowError) as error:
        raise DataError(
            f"data set dvs-gesture, {path}", got=str(error), expected=expected, remedy=_REMEDY
        ) from error


def _read_part(gesture: Gesture) -> Events:
    events = read_aedat3(gesture.path)
    chosen = (events.t >= gesture.start_us) & (events.t < gesture.end_us)
    return Events(*(values[chosen] for values in events))


def _of_tonic(config: DataConfig, folder: Path) -> tuple[LazyImages, Labels]:
    files = in_order(folder.glob("*/*.npy"))
    labels = [int(file.stem) if file.stem.isdigit() else -1 for file in files]
    return lazy_frames("dvs-gesture", config, files, labels, read_tonic, _SENSOR, _REMEDY)


def read_tonic(path: Path) -> Events:
    """Read a NumPy array of rows (x, y, polarity, milliseconds)."""
    try:
        with open_regular(path, MAX_BYTES) as file:
            rows = np.load(file, allow_pickle=False)
        finite = bool(np.isfinite(rows).all())
    except Exception as error:  # NumPy raises many kinds on damaged files
        raise corrupt(path, str(error), "a NumPy array of events") from error
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise corrupt(path, f"an array of shape {rows.shape}", "(events, 4)")
    if not finite or np.abs(rows).max(initial=0) > _LONGEST_MS:
        raise corrupt(path, "numbers out of range", "pixels, polarities and milliseconds")
    x, y, polarity, ms = rows.T
    t = np.round(ms * 1000)
    return Events(*(values.astype(np.int64) for values in (x, y, t, polarity)))
