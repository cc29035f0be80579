"""Event-camera recordings cut into binary frames, and N-MNIST.

A recording's time is cut into `bins` equal parts; a frame is 1 where a pixel sent at least one
event of that polarity in that part. Frames are (bins, 2, height, width), channel 1 for brighter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._files import open_regular
from ..config import DataConfig
from ..errors import DataError
from ._split import Labels, LazyImages, RawDataset

MAX_BYTES = 1 << 28
"""Of one recording, packed and unpacked."""

Size = tuple[int, int]
"""Width and height, in pixels."""


class Events(NamedTuple):
    """Events in the order of time: x, y in pixels, t in microseconds, polarity 0 or 1."""

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    t: NDArray[np.int64]
    polarity: NDArray[np.int64]


def frames(
    events: Events, sensor: Size, size: Size, bins: int, polarities: int = 2
) -> NDArray[np.uint8]:
    """Cut events into frames (bins, polarities, height, width); a smaller size joins pixels."""
    width, height = size
    image = np.zeros((bins, polarities, height, width), np.uint8)
    if len(events.t):
        start = int(events.t.min())
        length = int(events.t.max()) - start + 1
        part = (events.t - start) * bins // length
        x, y = events.x * width // sensor[0], events.y * height // sensor[1]
        image[part, events.polarity, y, x] = 1
    return image


def checked_frames(
    what: str, events: Events, sensor: Size, size: Size, bins: int, remedy: str, polarities: int = 2
) -> NDArray[np.uint8]:
    """Cut events into frames, or refuse those that lie outside of the sensor."""
    for name, end in (("x", sensor[0]), ("y", sensor[1]), ("polarity", polarities)):
        values = getattr(events, name)
        if len(values) and not 0 <= values.min() <= values.max() < end:
            got = f"{name} from {values.min()} to {values.max()}"
            raise DataError(what, got=got, expected=f"0 to {end - 1}", remedy=remedy)
    if len(events.t) and (int(events.t.max()) - int(events.t.min()) + 1) * bins >= 1 << 63:
        got = f"times from {events.t.min()} to {events.t.max()}"
        raise DataError(what, got=got, expected="microseconds", remedy=remedy)
    return frames(events, sensor, size, bins, polarities)


def frame_size(config: DataConfig, sensor: Size) -> Size:
    """Return the width and height that data.side asks for: the sensor's own where it is 0.

    One row stays one row.
    """
    if not config.side:
        return sensor
    return config.side, 1 if sensor[1] == 1 else config.side


def lazy_frames(
    name: str,
    config: DataConfig,
    files: Sequence[Any],
    labels: list[int],
    read: Callable[[Any], Events],
    sensor: Size,
    remedy: str,
) -> tuple[LazyImages, Labels]:
    """Return recordings as frames that are read when they are asked for, and their labels.

    remedy: where to get the data set; it is told where files are missing or damaged.
    """
    if not files:
        raise DataError(
            f"data set {name}",
            got=f"no recordings in {config.path or 'an empty data.path'}",
            expected="the folder of the unpacked data set",
            remedy=remedy,
        )
    size = frame_size(config, sensor)
    load = partial(_load, read=read, sensor=sensor, size=size, bins=config.bins, remedy=remedy)
    return LazyImages(files, (config.bins, 2, *size[::-1]), load), np.array(labels, np.int64)


def _load(
    source: Any, read: Callable[[Any], Events], sensor: Size, size: Size, bins: int, remedy: str
) -> NDArray[np.uint8]:
    try:
        events = read(source)
    except DataError as error:
        raise DataError(
            error.what, got=error.got, expected=error.expected, remedy=remedy
        ) from error
    path = source if isinstance(source, Path) else source.path
    return checked_frames(f"recording {path}", events, sensor, size, bins, remedy)


def in_order(files: Iterable[Path]) -> list[Path]:
    """Sort files by folder, then by the numbers that end their names."""
    return sorted(files, key=lambda file: (file.parent, len(file.name), file.name))


def nmnist(config: DataConfig) -> RawDataset:
    """Read N-MNIST (Orchard et al. 2015): Train/DIGIT/*.bin and Test/DIGIT/*.bin, 34x34 pixels."""
    root = Path(config.path)
    remedy = "get N-MNIST from https://www.garrickorchard.com/datasets/n-mnist and unpack it"
    splits = []
    for split in ("Train", "Test"):
        files = in_order((root / split).glob("[0-9]/*.bin"))
        labels = [int(file.parent.name) for file in files]
        splits.append(lazy_frames("nmnist", config, files, labels, read_nmnist, (34, 34), remedy))
    return RawDataset(10, *splits)


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


def read_bytes(path: Path) -> NDArray[np.uint8]:
    """Read a recording's bytes."""
    try:
        with open_regular(path, MAX_BYTES) as file:
            return np.frombuffer(file.read(), np.uint8)
    except (OSError, ValueError) as error:
        raise corrupt(path, str(error), "a readable file") from error


def corrupt(path: Path, got: str, expected: str) -> DataError:
    """Return the error of a damaged recording."""
    return DataError(f"recording {path}", got=got, expected=expected, remedy="get the file again")
