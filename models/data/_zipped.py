"""Arrays out of a `.npz` file, of which nothing is believed before it is bounded.

NumPy's own reader allocates what a header claims; so headers are compared first with what the
archive says that it holds, and an archive that says too much for its size is refused.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy

from .._files import open_regular

_FREE_BYTES = 256 << 20
_MOST_COMPRESSION = 100
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_arrays(
    path: Path, keys: Callable[[set[str]], tuple[str, ...]], most_bytes: int
) -> dict[str, np.ndarray]:
    """Read the numbers that `keys` chooses of the names in an archive.

    All of it unpacked is at most `most_bytes`, and from 256 MiB on at most 100 times the file.

    Raises:
        OSError, KeyError, ValueError, BadZipFile, zlib.error: it cannot be read, or is over a
            limit.
    """
    with open_regular(path, most_bytes) as file, zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        size = sum(entry.file_size for entry in entries)
        file_bytes = os.fstat(file.fileno()).st_size
        allowed = min(most_bytes, max(_FREE_BYTES, _MOST_COMPRESSION * file_bytes))
        if size > allowed:
            raise ValueError(f"{size} bytes unpacked, more than the {allowed} allowed for its size")
        if any(entry.compress_type not in _METHODS for entry in entries):
            raise ValueError("a compression method other than deflate")
        names = {entry.filename.removesuffix(".npy") for entry in entries}
        return {key: _array(archive, key) for key in keys(names)}


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        shape, dtype = _header(name, cast(BinaryIO, file))
        size = prod(shape) * dtype.itemsize
        stored = entry.file_size - file.tell()
        if size != stored:
            raise ValueError(f"{name!r}, an array of shape {shape} in {stored} bytes")
    with archive.open(entry) as file:
        return npy.read_array(cast(BinaryIO, file), allow_pickle=False)


def _header(name: str, file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"{name!r} in version {version} of NumPy's format")
    try:
        shape, _, dtype = readers[version](file)
    except Exception as error:  # the header is a literal of Python: any kind of error
        raise ValueError(f"{name!r} with a damaged header ({error})") from None
    if dtype.kind not in "biuf" or any(length < 0 for length in shape):
        raise ValueError(f"{name!r}, an array of type {dtype} and shape {shape}")
    return shape, dtype
