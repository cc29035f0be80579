"""Data sets by name, split into training, validation and test images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..config import DataConfig
from ..errors import DataError, nearest
from ._split import Dataset as Dataset
from ._split import RawDataset, take
from ._split import Split as Split
from .archive import npz
from .cifar import cifar10, cifar100
from .cifar10_dvs import cifar10_dvs
from .digits import mnist5k
from .events import nmnist
from .folder import image_folder
from .gesture import dvs_gesture
from .idx import fashion_mnist, mnist
from .python import python

LOADERS: dict[str, Callable[[DataConfig], RawDataset]] = {
    "mnist5k": mnist5k,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "image-folder": image_folder,
    "npz": npz,
    "nmnist": nmnist,
    "dvs-gesture": dvs_gesture,
    "cifar10-dvs": cifar10_dvs,
    "python": python,
}
"""Data sets by the name that a configuration calls them by."""


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
    raw = LOADERS[config.name](config)
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
        train=Split("train", take(images, chosen), labels[chosen]),
        validation=Split("validation", take(images, order[cut:]), labels[order[cut:]]),
        test=Split("test", *raw.test),
    )
