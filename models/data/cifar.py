"""CIFAR-10 and CIFAR-100 in their binary version (no pickles are read)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._files import open_regular
from ..config import DataConfig
from ..errors import DataError
from ._split import RawDataset

_MAX_BYTES = 1 << 30
_PIXELS = 3 * 32 * 32
_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"


def cifar10(config: DataConfig) -> RawDataset:
    """Read CIFAR-10, 50,000 and 10,000 images, from the folder of its binary version."""
    batches = [f"data_batch_{i}.bin" for i in range(1, 6)]
    return RawDataset(
        classes=10,
        train=_read("cifar10", config.path, batches, label_bytes=1),
        test=_read("cifar10", config.path, ["test_batch.bin"], label_bytes=1),
    )


def cifar100(config: DataConfig) -> RawDataset:
    """Read CIFAR-100 with its fine labels, from the folder of its binary version."""
    return RawDataset(
        classes=100,
        train=_read("cifar100", config.path, ["train.bin"], label_bytes=2),
        test=_read("cifar100", config.path, ["test.bin"], label_bytes=2),
    )


def _read(
    name: str, folder: str, files: list[str], label_bytes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read records of label bytes (the last one counts) and 3072 pixels, red-green-blue planes."""
    record = label_bytes + _PIXELS
    parts = []
    for file in files:
        path = Path(folder) / file
        try:
            with open_regular(path, _MAX_BYTES) as opened:
                content = np.frombuffer(opened.read(), np.uint8)
        except OSError as error:
            raise DataError(
                f"data set {name}",
                got=f"no readable file {path}",
                expected=f"the files {', '.join(files)} in data.path",
                remedy=f"get the binary version from {_HOME} and unpack it",
            ) from error
        if len(content) == 0 or len(content) % record:
            raise DataError(
                f"data set {name}, {path}",
                got=f"{len(content)} bytes",
                expected=f"a multiple of {record}",
                remedy=f"get the binary version from {_HOME} again",
            )
        parts.append(content.reshape(-1, record))
    rows = np.concatenate(parts)
    images = rows[:, label_bytes:].reshape(-1, 3, 32, 32)
    return images, rows[:, label_bytes - 1].astype(np.int64)
