"""Data sets in one NumPy file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._files import open_regular
from ..config import DataConfig
from ..errors import DataError
from ._split import RawDataset

_MAX_BYTES = 1 << 36
_PLAIN = ("x_train", "y_train", "x_test", "y_test")
_PACKED = ("train_frames", "train_label", "test_frames", "test_label", "shape")


def npz(config: DataConfig) -> RawDataset:
    """Read a .npz file with arrays of one of two layouts.

    x_train, y_train, x_test, y_test: uint8 images (samples, height, width[, ...]) and labels; three
    axes get a channel axis.
    train_frames, train_label, test_frames, test_label, shape: binary event frames, bits packed by
    `numpy.packbits` along the last axis; `shape` is one sample's (steps, channels, height, width).
    """
    path = Path(config.path)
    try:
        with open_regular(path, _MAX_BYTES) as opened, np.load(opened, allow_pickle=False) as file:
            keys = _PACKED if set(_PACKED) <= set(file.files) else _PLAIN
            arrays = {key: file[key] for key in keys}
    except Exception as error:  # NumPy and zipfile raise a dozen kinds on damaged files
        raise DataError(
            f"data set npz, file {config.path or '(data.path is empty)'}",
            got=str(error),
            expected=f"a .npz file with {', '.join(_PLAIN)}",
            remedy="set data.path to such a file",
        ) from error
    if keys is _PACKED:
        shape = tuple(int(n) for n in arrays["shape"])
        train = (_unpack(arrays["train_frames"], shape), _labels(arrays["train_label"]))
        test = (_unpack(arrays["test_frames"], shape), _labels(arrays["test_label"]))
    else:
        train = (_images(arrays["x_train"]), _labels(arrays["y_train"]))
        test = (_images(arrays["x_test"]), _labels(arrays["y_test"]))
    classes = 1 + max(int(train[1].max(initial=0)), int(test[1].max(initial=0)))
    return RawDataset(classes, train, test)


def _images(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype != np.uint8 or array.ndim < 3:
        raise DataError(
            "data set npz, images",
            got=f"{array.dtype} of shape {array.shape}",
            expected="uint8 of shape (samples, height, width) or more axes",
            remedy="save the images as bytes, 0..255",
        )
    images = array.astype(np.uint8)
    return images[:, None] if images.ndim == 3 else images


def _unpack(packed: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    bits = int(np.prod(shape))
    size = (bits + 7) // 8
    right = packed.dtype == np.uint8 and packed.ndim == 2 and packed.shape[1] == size
    if not right or min(shape, default=0) < 1:
        raise DataError(
            "data set npz, frames",
            got=f"{packed.dtype} of shape {packed.shape}",
            expected=f"uint8 of shape (samples, {size}), packed bits of {shape}",
            remedy="pack the frames with numpy.packbits",
        )
    frames = np.unpackbits(packed.astype(np.uint8), axis=1, count=bits)
    return frames.reshape(-1, *shape)


def _labels(array: NDArray[np.generic]) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise DataError(
            "data set npz, labels",
            got=f"{array.dtype} of shape {array.shape}",
            expected="whole numbers of shape (samples,)",
            remedy="number the classes from 0",
        )
    return array.astype(np.int64)
