"""MNIST and Fashion-MNIST in the idx files that their publishers ship."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._files import open_regular
from ..config import DataConfig
from ..errors import DataError
from ._split import RawDataset

_DEBIAN_FASHION = "/usr/share/datasets/fashion-mnist"
_TORCHVISION = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}
_UNSIGNED_BYTE = 8
_MAX_BYTES = 1 << 28  # the largest of these files, unpacked, has 47 MB


def mnist(config: DataConfig) -> RawDataset:
    """Read the full MNIST, 60,000 and 10,000 digits, from idx files or torchvision's folder."""
    remedy = (
        "get MNIST with torchvision.datasets.MNIST(FOLDER, download=True) and set data.path to "
        "FOLDER, or to the folder of its four idx files"
    )
    return _read_folder("mnist", config.path, remedy)


def fashion_mnist(config: DataConfig) -> RawDataset:
    """Read Fashion-MNIST, 60,000 and 10,000 images, from idx files or torchvision's folder.

    Without a path, the folder of the Debian package dataset-fashion-mnist.
    """
    remedy = "apt-get install dataset-fashion-mnist, or set data.path to the files' folder"
    return _read_folder("fashion-mnist", config.path or _DEBIAN_FASHION, remedy)


def read_idx(path: Path, remedy: str = "get the file again") -> NDArray[np.uint8]:
    """Read one idx file of unsigned bytes, packed with gzip or not."""
    try:
        with open_regular(path, _MAX_BYTES) as packed:
            file = gzip.GzipFile(fileobj=packed) if path.suffix == ".gz" else packed
            content = file.read(_MAX_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise _corrupt(path, str(error), remedy) from error
    if len(content) < 4 or content[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
        raise _corrupt(path, f"a file that begins with {content[:4].hex() or 'nothing'}", remedy)
    axes = content[3]
    header, body = content[4 : 4 + 4 * axes], content[4 + 4 * axes :]
    shape = tuple(int(n) for n in np.frombuffer(header[: len(header) // 4 * 4], ">u4"))
    values = np.frombuffer(body, np.uint8)
    if len(shape) != axes or len(values) != math.prod(shape):
        raise _corrupt(path, f"{len(values)} values for the shape {shape}", remedy)
    return values.reshape(shape).copy()


def _corrupt(path: Path, got: str, remedy: str) -> DataError:
    return DataError(f"file {path}", got=got, expected="an idx file of bytes", remedy=remedy)


def _read_folder(name: str, folder: str, remedy: str) -> RawDataset:
    parts = []
    for split in ("train", "t10k"):
        images = read_idx(_find(name, folder, f"{split}-images-idx3-ubyte", remedy), remedy)
        labels = read_idx(_find(name, folder, f"{split}-labels-idx1-ubyte", remedy), remedy)
        parts.append((images[:, None], labels.astype(np.int64)))
    return RawDataset(classes=10, train=parts[0], test=parts[1])


def _find(name: str, folder: str, stem: str, remedy: str) -> Path:
    for file in (stem, stem + ".gz", stem.replace("-idx", ".idx")):
        for place in (Path(folder), Path(folder) / _TORCHVISION[name]):
            if folder and (path := place / file).is_file():
                return path
    raise DataError(
        f"data set {name}",
        got=f"no file {stem} or {stem}.gz in {folder or 'an empty data.path'}",
        expected="the four idx files in one folder",
        remedy=remedy,
    )
