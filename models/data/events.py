"""Event-camera recordings, in the files that their publishers ship, cut into binary frames.

A recording's time is cut into `bins` equal parts; a frame is 1 where a pixel sent at least one
event of that polarity in that part. Frames are (bins, 2, side, side), channel 1 for brighter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig
from ..errors import DataError
from ._split import LazyImages, RawDataset

_MAX_BYTES = 1 << 28
_GESTURES = 11
_CIFAR_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


class Events(NamedTuple):
    """Events in the order of time: x, y in pixels, t in microseconds, polarity 0 or 1."""

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    t: NDArray[np.int64]
    polarity: NDArray[np.int64]


def frames(events: Events, sensor: int, side: int, bins: int) -> NDArray[np.uint8]:
    """Cut events into binary frames (bins, 2, side, side); a smaller side joins pixels."""
    image = np.zeros((bins, 2, side, side), np.uint8)
    if len(events.t):
        start = int(events.t.min())
        length = int(events.t.max()) - start + 1
        part = (events.t - start) * bins // length
        image[part, events.polarity, events.y * side // sensor, events.x * side // sensor] = 1
    return image


def nmnist(config: DataConfig) -> RawDataset:
    """Read N-MNIST (Orchard et al. 2015): Train/DIGIT/*.bin and Test/DIGIT/*.bin, 34x34 pixels."""
    root = Path(config.path)
    remedy = "get N-MNIST from https://www.garrickorchard.com/datasets/n-mnist and unpack it"
    splits = []
    for split in ("Train", "Test"):
        files = sorted((root / split).glob("[0-9]/*.bin"))
        labels = [int(file.parent.name) for file in files]
        splits.append(_lazy("nmnist", config, files, labels, read_nmnist, 34, remedy))
    return RawDataset(10, *splits)


def dvs_gesture(config: DataConfig) -> RawDataset:
    """Read DVS-Gesture (Amir et al. 2017) as cut by tonic: ibmGestureTrain/PERSON/LABEL.npy."""
    root = Path(config.path)
    remedy = "get it with tonic.datasets.DVSGesture(save_to=...) and name the DVSGesture folder"
    splits = []
    for split in ("ibmGestureTrain", "ibmGestureTest"):
        files = sorted((root / split).glob("*/*.npy"))
        labels = [int(file.stem) if file.stem.isdigit() else -1 for file in files]
        splits.append(_lazy("dvs-gesture", config, files, labels, read_gesture, 128, remedy))
    return RawDataset(_GESTURES, *splits)


def cifar10_dvs(config: DataConfig) -> RawDataset:
    """Read CIFAR10-DVS (Li et al. 2017): CLASS/*.aedat, of each class nine tenths to train."""
    root = Path(config.path)
    remedy = "get CIFAR10-DVS from https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671"
    train: tuple[list[Path], list[int]] = ([], [])
    test: tuple[list[Path], list[int]] = ([], [])
    for label, name in enumerate(_CIFAR_CLASSES):
        files = sorted((root / name).glob("*.aedat"), key=lambda file: (len(file.name), file.name))
        cut = len(files) * 9 // 10
        for (part, labels), chosen in ((train, files[:cut]), (test, files[cut:])):
            part.extend(chosen)
            labels.extend([label] * len(chosen))
    return RawDataset(
        10,
        _lazy("cifar10-dvs", config, *train, read_aedat2, 128, remedy),
        _lazy("cifar10-dvs", config, *test, read_aedat2, 128, remedy),
    )


def read_nmnist(path: Path) -> Events:
    """Read events of 40 bits: x, y, then one bit polarity and 23 bits microseconds."""
    data = _bytes(path)
    if len(data) % 5:
        raise _corrupt(path, f"{len(data)} bytes", "a multiple of 5")
    x, y, high, middle, low = data.reshape(-1, 5).T.astype(np.int64)
    return Events(x, y, (high & 0x7F) << 16 | middle << 8 | low, high >> 7)


def read_aedat2(path: Path) -> Events:
    """Read AER-DAT 2.0 of a DVS128: lines of comment, then big-endian (address, microseconds)."""
    data = _bytes(path).tobytes()
    while data.startswith(b"#"):
        _, _, data = data.partition(b"\n")
    if len(data) % 8:
        raise _corrupt(path, f"{len(data)} bytes behind the comments", "a multiple of 8")
    address, t = np.frombuffer(data, ">u4").reshape(-1, 2).T.astype(np.int64)
    return Events((address >> 1) & 0x7F, (address >> 8) & 0x7F, t, address & 1)


def read_gesture(path: Path) -> Events:
    """Read a NumPy array of rows (x, y, polarity, milliseconds)."""
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _corrupt(path, str(error), "a NumPy array of events") from error
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise _corrupt(path, f"an array of shape {rows.shape}", "(events, 4)")
    x, y, polarity, ms = rows.T
    return Events(
        x.astype(np.int64),
        y.astype(np.int64),
        np.round(ms * 1000).astype(np.int64),
        polarity.astype(np.int64),
    )


def _lazy(
    name: str,
    config: DataConfig,
    files: list[Path],
    labels: list[int],
    read: Callable[[Path], Events],
    sensor: int,
    remedy: str,
) -> tuple[LazyImages, NDArray[np.int64]]:
    if not files:
        raise DataError(
            f"data set {name}",
            got=f"no recordings in {config.path or 'an empty data.path'}",
            expected="the folder of the unpacked data set",
            remedy=remedy,
        )
    side = config.side or sensor
    load = partial(_load, read=read, sensor=sensor, side=side, bins=config.bins)
    return LazyImages(files, (config.bins, 2, side, side), load), np.array(labels, np.int64)


def _load(
    path: Path, read: Callable[[Path], Events], sensor: int, side: int, bins: int
) -> NDArray[np.uint8]:
    events = read(path)
    for axis, values, end in (("x", events.x, sensor), ("y", events.y, sensor)):
        if len(values) and not 0 <= values.min() <= values.max() < end:
            raise _corrupt(path, f"{axis} up to {values.max()}", f"pixels below {end}")
    return frames(events, sensor, side, bins)


def _bytes(path: Path) -> NDArray[np.uint8]:
    try:
        return np.fromfile(path, np.uint8, count=_MAX_BYTES)
    except OSError as error:
        raise _corrupt(path, str(error), "a readable file") from error


def _corrupt(path: Path, got: str, expected: str) -> DataError:
    return DataError(f"recording {path}", got=got, expected=expected, remedy="get the file again")
