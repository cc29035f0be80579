"""Event-camera recordings, in the files that their publishers ship, cut into binary frames.

A recording's time is cut into `bins` equal parts; a frame is 1 where a pixel sent at least one
event of that polarity in that part. Frames are (bins, 2, side, side), channel 1 for brighter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig
from ..errors import DataError
from ._split import LazyImages, RawDataset

_MAX_BYTES = 1 << 28
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
        splits.append(lazy_frames("nmnist", config, files, labels, read_nmnist, 34, remedy))
    return RawDataset(10, *splits)


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
        lazy_frames("cifar10-dvs", config, *train, read_aedat2, 128, remedy),
        lazy_frames("cifar10-dvs", config, *test, read_aedat2, 128, remedy),
    )


def read_nmnist(path: Path) -> Events:
    """Read events of 40 bits: x, y, then one bit polarity and 23 bits microseconds.

    A y of 240 is no event: from there on, 2^13 microseconds are added.
    """
    data = read_bytes(path)
    if len(data) % 5:
        raise corrupt(path, f"{len(data)} bytes", "a multiple of 5")
    x, y, high, middle, low = data.reshape(-1, 5).T.astype(np.int64)
    overflow = y == 240
    t = ((high & 0x7F) << 16 | middle << 8 | low) + (np.cumsum(overflow) << 13)
    return Events(*(values[~overflow] for values in (x, y, t, high >> 7)))


def read_aedat2(path: Path) -> Events:
    """Read AER-DAT 2.0 of a DVS128: lines of comment, then big-endian (address, microseconds).

    Bits 8 to 14 of an address are the column and 1 to 7 the row, both counted from the far corner;
    bit 0 is 1 for darker. Pictures come out upright, as spikingjelly's reader has them.
    """
    data = read_bytes(path).tobytes()
    while data.startswith(b"#"):
        _, _, data = data.partition(b"\n")
    if len(data) % 8:
        raise corrupt(path, f"{len(data)} bytes behind the comments", "a multiple of 8")
    address, t = np.frombuffer(data, ">u4").reshape(-1, 2).T.astype(np.int64)
    return Events(127 - (address >> 8 & 0x7F), 127 - (address >> 1 & 0x7F), t, 1 - (address & 1))


def lazy_frames(
    name: str,
    config: DataConfig,
    files: Sequence[Any],
    labels: list[int],
    read: Callable[[Any], Events],
    sensor: int,
    remedy: str,
) -> tuple[LazyImages, NDArray[np.int64]]:
    """Return recordings as frames that are read when they are asked for, and their labels."""
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
    source: Any, read: Callable[[Any], Events], sensor: int, side: int, bins: int
) -> NDArray[np.uint8]:
    events = read(source)
    path = source if isinstance(source, Path) else source.path
    for name, end in (("x", sensor), ("y", sensor), ("polarity", 2)):
        values = getattr(events, name)
        if len(values) and not 0 <= values.min() <= values.max() < end:
            raise corrupt(path, f"{name} from {values.min()} to {values.max()}", f"0 to {end - 1}")
    return frames(events, sensor, side, bins)


def read_bytes(path: Path) -> NDArray[np.uint8]:
    """Read a recording's bytes."""
    try:
        return np.fromfile(path, np.uint8, count=_MAX_BYTES)
    except OSError as error:
        raise corrupt(path, str(error), "a readable file") from error


def corrupt(path: Path, got: str, expected: str) -> DataError:
    """Return the error of a damaged recording."""
    return DataError(f"recording {path}", got=got, expected=expected, remedy="get the file again")
