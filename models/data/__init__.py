"""Data sets by name, split into training, validation and test images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..config import DataConfig
from ..errors import DataError, nearest
from ._split import Dataset as Dataset
from ._split import RawDataset
from ._split import Split as Split
from .mnist import mnist5k

LOADERS: dict[str, Callable[[str], RawDataset]] = {
    "mnist5k": mnist5k,
}


def load(config: DataConfig) -> Dataset:
    """Load a data set and hold its validation images out of the training images.

    The training images are shuffled with `split_seed`; the last `validation` of them are held
    out. The test images are never among them.
    """
    if config.name not in LOADERS:
        raise DataError(
            "data.name",
            got=repr(config.name),
            expected="a known data set",
            remedy=nearest(config.name, LOADERS),
        )
    raw = LOADERS[config.name](config.path)
    raw.check(config.name)
    images, labels = raw.train
    available = len(images)
    if not 0 <= config.validation < available:
        raise DataError(
            "data.validation",
            got=str(config.validation),
            expected=f"fewer than the {available} training images",
            remedy="hold fewer images out",
        )
    order = np.random.default_rng(config.split_seed).permutation(available)
    cut = available - config.validation
    chosen = order[:cut][: config.train_limit or None]
    return Dataset(
        name=config.name,
        classes=raw.classes,
        train=Split("train", images[chosen], labels[chosen]),
        validation=Split("validation", images[order[cut:]], labels[order[cut:]]),
        test=Split("test", *raw.test),
    )
