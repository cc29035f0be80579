"""What every data set looks like once it is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


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
