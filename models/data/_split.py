"""What every data set looks like once it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

Labels = NDArray[np.int64]


class LazyImages:
    """Images that are read from their files when they are asked for, by index or slice.

    files: one a sample, or what else says where it lies. read: turns that into uint8 values of
    `shape`.
    """

    def __init__(
        self, files: Sequence[Any], shape: tuple[int, ...], read: Callable[[Any], NDArray[np.uint8]]
    ):
        self._files, self._read = files, read
        self.shape = (len(files), *shape)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, chosen: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        indices = np.arange(len(self))[chosen]
        images = np.empty((len(indices), *self.shape[1:]), np.uint8)
        for out, index in zip(images, indices, strict=True):
            out[:] = self._read(self._files[index])
        return images

    def subset(self, chosen: NDArray[np.int64]) -> LazyImages:
        """Return some of the images, still unread."""
        return LazyImages([self._files[i] for i in chosen], self.shape[1:], self._read)


Images = NDArray[np.uint8] | LazyImages


def take(images: Images, chosen: NDArray[np.int64]) -> Images:
    """Return some of the images, without reading those that lie in files."""
    return images.subset(chosen) if isinstance(images, LazyImages) else images[chosen]


@dataclass(frozen=True)
class Split:
    """images: uint8 (samples, channels, height, width), or (samples, steps, ...) for events.

    labels: int64 (samples,), from 0.
    """

    name: str
    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Dataset:
    """Three disjoint splits of one data set."""

    name: str
    classes: int
    train: Split
    validation: Split
    test: Split

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.train.images.shape[1:]


@dataclass(frozen=True)
class RawDataset:
    """A data set as its publisher splits it."""

    classes: int
    train: tuple[Images, Labels]
    test: tuple[Images, Labels]

    def check(self, name: str) -> None:
        """Refuse splits whose images and labels do not belong together."""
        for split, (images, labels) in (("train", self.train), ("test", self.test)):
            if not len(images) or min(images.shape[1:], default=0) < 1:
                raise DataError(
                    f"data set {name}, {split}",
                    got=f"images of shape {tuple(images.shape)}",
                    expected="at least one image of at least one pixel",
                    remedy="give every split its images",
                )
            if len(images) != len(labels):
                raise DataError(
                    f"data set {name}, {split}",
                    got=f"{len(images)} images and {len(labels)} labels",
                    expected="one label an image",
                    remedy="get the files again; they do not belong together",
                )
            if len(labels) and not 0 <= labels.min() <= labels.max() < self.classes:
                raise DataError(
                    f"data set {name}, {split}",
                    got=f"labels from {labels.min()} to {labels.max()}",
                    expected=f"labels from 0 to {self.classes - 1}",
                    remedy="check the label file",
                )
        shapes = [tuple(images.shape[1:]) for images, _ in (self.train, self.test)]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"data set {name}, test",
                got=f"images of shape {shapes[1]}",
                expected=f"{shapes[0]}, as in train",
                remedy="bring all images to one size",
            )


def classes_of(what: str, *labels: Labels) -> int:
    """Return the number of classes that labels from 0 stand for.

    Raises:
        DataError: more than half of the numbers up to the highest label are nobody's label.
    """
    used = np.unique(np.concatenate(labels))
    count = int(used[-1]) + 1 if len(used) else 1
    if count > 2 * max(len(used), 1):
        raise DataError(
            f"{what}, labels",
            got=f"{len(used)} different ones from {used[0]} to {used[-1]}",
            expected="classes numbered from 0 without large gaps",
            remedy="number the classes from 0, as numpy.unique(labels, return_inverse=True) does",
        )
    return count
