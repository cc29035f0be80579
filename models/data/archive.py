"""Data sets in one NumPy file."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import Channels, DataConfig
from ..errors import DataError
from ._split import RawDataset, classes_of
from ._zipped import read_arrays

_MAX_BYTES = 1 << 36
_MOST_CHANNELS = 4
"""Of an image whose channel axis is told by its length."""
_PLAIN = ("x_train", "y_train", "x_test", "y_test")
_PACKED = ("train_frames", "train_label", "test_frames", "test_label", "shape")


def npz(config: DataConfig) -> RawDataset:
    """Read a .npz file with arrays of one of two layouts.

    x_train, y_train, x_test, y_test: uint8 images and labels. The axes of images are (samples,
    height, width), or (samples[, steps], channels, height, width), or the same with the channels
    last: `data.channels` says which. Left out, the one of the two outer axes that has 1 to 4
    entries is the channels', else the one beside two equal axes.
    train_frames, train_label, test_frames, test_label, shape: binary event frames, bits packed by
    `numpy.packbits` along the last axis; `shape` is one sample's (steps, channels, height, width).
    """
    path = Path(config.path)
    try:
        arrays = read_arrays(path, _layout, _MAX_BYTES)
    except Exception as error:  # NumPy and zipfile raise a dozen kinds on damaged files
        raise DataError(
            f"data set npz, file {config.path or '(data.path is empty)'}",
            got=str(error),
            expected=f"a .npz file with {', '.join(_PLAIN)}",
            remedy="set data.path to such a file, written by numpy.savez",
        ) from error
    if "shape" in arrays:
        shape = tuple(int(n) for n in arrays["shape"].ravel()[:8])
        train = (_unpack(arrays["train_frames"], shape), _labels(arrays["train_label"]))
        test = (_unpack(arrays["test_frames"], shape), _labels(arrays["test_label"]))
    else:
        train = (_images(arrays["x_train"], config), _labels(arrays["y_train"]))
        test = (_images(arrays["x_test"], config), _labels(arrays["y_test"]))
    return RawDataset(classes_of("data set npz", train[1], test[1]), train, test)


def _layout(names: set[str]) -> tuple[str, ...]:
    return _PACKED if set(_PACKED) <= names else _PLAIN


def _images(array: NDArray[np.generic], config: DataConfig) -> NDArray[np.uint8]:
    if array.dtype != np.uint8 or not 3 <= array.ndim <= 5:
        raise DataError(
            "data set npz, images",
            got=f"{array.dtype} of shape {array.shape}",
            expected="uint8 of shape (samples[, steps][, channels], height, width)",
            remedy="save the images as bytes, 0..255",
        )
    images = array.astype(np.uint8, copy=False)
    if images.ndim == 3:
        return images[:, None]
    last = config.channels is Channels.LAST
    if config.channels is Channels.AUTO:
        last = _channels_are_last(images.shape)
    return np.ascontiguousarray(np.moveaxis(images, -1, -3)) if last else images


def _channels_are_last(shape: tuple[int, ...]) -> bool:
    first, middle, last = shape[-3:]
    few = [1 <= length <= _MOST_CHANNELS for length in (first, last)]
    if few[0] != few[1]:
        return few[1]
    if (first == middle) != (middle == last):
        return first == middle
    raise DataError(
        "data set npz, images",
        got=f"the shape {shape}, whose channels may be its axis of {first} or that of {last}",
        expected="channels that the shape tells from height and width",
        remedy='say it: data.channels = "first" or "last"',
    )


def _unpack(packed: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    bits = prod(shape)
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
