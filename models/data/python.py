"""Event recordings out of a Python file of the user's own, such as the datasets of tonic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _user_file
from ..config import DataConfig
from ..errors import DataError
from ._split import Labels, LazyImages, RawDataset, classes_of
from .events import Events, Size, checked_frames, frame_size

_MAX_SIDE = 1 << 13


def python(config: DataConfig) -> RawDataset:
    """Take two datasets, to train and to test, from data.path = "FILE.py:NAME".

    NAME is a function without arguments that returns (train, test), or that pair. A dataset has a
    length, and at every index (events, label): a NumPy array with the fields x, y, t and p, in any
    order, and an int from 0. `sensor_size` of the first is (width, height, 2). Where it ends in 1,
    there is one channel and no need of p; where the height is 1, no need of y. The file is run.

    Labels come from `targets` where a dataset has it, else each recording is read once for its
    label; the number of classes is that of `classes`, else that of the labels. Both, and
    sensor_size, are also found behind wrappers that keep what they wrap as `dataset`.
    """
    name, _, function = config.path.rpartition(":")
    remedy = "give the file, and the function in it that returns two datasets, (train, test)"
    if not name:
        raise DataError("data.path", got=repr(config.path), expected="FILE.py:NAME", remedy=remedy)
    file = Path(name)
    pair = getattr(_user_file.run(file, DataError, remedy), function, None)
    if callable(pair):
        pair = _user_file.call(pair, function, file, DataError)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise DataError(
            config.path,
            got="no such name" if pair is None else type(pair).__name__,
            expected="a function without arguments that returns two datasets, (train, test)",
            remedy=f"define {function}() in the file",
        )
    parts = [
        _Part(f"{config.path}, {split}", file, part)
        for split, part in zip(("train", "test"), pair, strict=True)
    ]
    sensor, classes = _sensor_size(parts[0]), _attribute(pair[0], "classes")
    splits = [part.lazy(config, *sensor) for part in parts]
    if hasattr(classes, "__len__"):
        return RawDataset(len(classes), *splits)
    return RawDataset(classes_of(config.path, splits[0][1]), *splits)


@dataclass(frozen=True)
class _Part:
    """One of the two datasets. what: names it in errors. file: whose code it is."""

    what: str
    file: Path
    dataset: Any

    def lazy(self, config: DataConfig, sensor: Size, polarities: int) -> tuple[LazyImages, Labels]:
        """Return its recordings as frames that are read when they are asked for, and its labels."""
        try:
            count = len(self.dataset)
        except TypeError:
            count = 0
        if not count or not hasattr(self.dataset, "__getitem__"):
            raise DataError(
                self.what,
                got=f"{type(self.dataset).__name__} without recordings",
                expected="a dataset with len() and [index]",
                remedy="return (train, test), neither of them empty",
            )
        labels, size = self._labels(count), frame_size(config, sensor)

        def read(index: int) -> NDArray[np.uint8]:
            what = f"recording {index} of {self.what}"
            events, label = self._item(index)
            if not np.array_equal(label, labels[index]):
                raise DataError(
                    what,
                    got=f"the label {label}",
                    expected=f"{labels[index]}, as in `targets`",
                    remedy="give the dataset no transform of labels, or no `targets`",
                )
            remedy = "correct sensor_size, or the transforms of the dataset"
            columns = _columns(what, events, sensor, polarities)
            return checked_frames(what, columns, sensor, size, config.bins, remedy, polarities)

        return LazyImages(range(count), (config.bins, polarities, *size[::-1]), read), labels

    def _labels(self, count: int) -> Labels:
        targets = _attribute(self.dataset, "targets")
        if not hasattr(targets, "__len__") or len(targets) != count:
            targets = [self._item(index)[1] for index in range(count)]
        try:
            labels = np.asarray(targets)
        except ValueError:  # rows of different lengths
            labels = np.asarray(None)
        if labels.shape != (count,) or labels.dtype.kind not in "iu":
            raise DataError(
                self.what,
                got=f"labels of type {labels.dtype} and shape {labels.shape}",
                expected="an int a recording",
                remedy="number the classes from 0",
            )
        return labels.astype(np.int64)

    def _item(self, index: int) -> tuple[Any, Any]:
        try:
            events, label = self.dataset[index]
        except Exception as error:  # whatever the user's code raises
            raise DataError(
                f"recording {index} of {self.what}",
                got=_user_file.told(error, self.file),
                expected="(events, label)",
                remedy="mend the dataset, or get its files again",
            ) from error
        return events, label


def _columns(what: str, events: Any, sensor: Size, polarities: int) -> Events:
    """Return the fields of a structured array as integers, 0 for those that say nothing."""
    names = getattr(getattr(events, "dtype", None), "names", None) or ()
    fields = ["x", "t"] + ["y"] * (sensor[1] > 1 or "y" in names) + ["p"] * (polarities > 1)
    if not set(fields) <= set(names) or any(events[f].dtype.kind not in "biu" for f in fields):
        raise DataError(
            what,
            got=f"{type(events).__name__} of {getattr(events, 'dtype', 'no dtype')}",
            expected=f"a NumPy array with the integer fields {', '.join(fields)}",
            remedy="give the dataset no transform into frames: axonc cuts them",
        )
    nothing = np.zeros(len(events), np.int64)
    return Events(*(events[f].astype(np.int64) if f in fields else nothing for f in "xytp"))


def _sensor_size(part: _Part) -> tuple[Size, int]:
    """Return ((width, height), polarities)."""
    size = _attribute(part.dataset, "sensor_size")
    try:
        width, height, polarities = map(int, size)
        valid = 0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE and polarities in (1, 2)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise DataError(
            part.what,
            got=f"sensor_size = {size!r}",
            expected="(width, height, 2), or 1 for one polarity",
            remedy="set the dataset's attribute sensor_size; recordings have one size in all",
        )
    return (width, height), polarities


def _attribute(dataset: Any, name: str) -> Any:
    """Return an attribute of a dataset, or of the dataset that it wraps, or None."""
    found = getattr(dataset, name, None)
    if found is None and hasattr(dataset, "dataset"):
        found = _attribute(dataset.dataset, name)
        if found is not None and name == "targets" and hasattr(dataset, "indices"):
            found = np.asarray(found)[list(dataset.indices)]  # torch's Subset
    return found
