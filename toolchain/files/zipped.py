"""Arrays in a zip archive (`.npz` and alike), of which nothing is believed before it is bounded.

NumPy's own reader allocates what a header claims, and unpickles on request; this one reads plain
numbers only, and no more of them than the archive holds.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from math import prod
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy

_MOST_DIRECTORY_BYTES = 4 << 20
_FREE_BYTES = 256 << 20
_MOST_COMPRESSION = 100
_CHUNK_BYTES = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ZippedArrays:
    """An open archive; all of it unpacked is at most `most_bytes`.

    What is packed to less than a hundredth is refused from 256 MiB on: a small file cannot make
    its reader allocate gigabytes.

    Raises:
        ValueError, BadZipFile: it is no archive, or over a limit.
    """

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        guarded = _SmallReads(file)
        self._archive = zipfile.ZipFile(cast(BinaryIO, guarded))
        guarded.most_bytes = None
        entries = self._archive.infolist()
        size = sum(entry.file_size for entry in entries)
        file_bytes = os.fstat(file.fileno()).st_size
        allowed = min(most_bytes, max(_FREE_BYTES, _MOST_COMPRESSION * file_bytes))
        if size > allowed:
            raise ValueError(f"{size} bytes unpacked, more than the {allowed} allowed for its size")
        if any(entry.compress_type not in _METHODS for entry in entries):
            raise ValueError("a compression method other than deflate")

    def __iter__(self) -> Iterator[str]:
        """Return the names of the arrays."""
        names = self._archive.namelist()
        return (name.removesuffix(".npy") for name in names if name.endswith(".npy"))

    def bytes(self, name: str, most_bytes: int) -> bytes:
        """Return the content of a file in the archive.

        Raises:
            KeyError: there is none.
            ValueError, BadZipFile: it is damaged, or larger than `most_bytes`.
        """
        entry = self._archive.getinfo(name)
        if entry.file_size > most_bytes:
            raise ValueError(f"{name} of {entry.file_size} bytes, more than {most_bytes}")
        return self._archive.read(entry)

    def array(self, name: str) -> np.ndarray:
        """Return an array of booleans or numbers, in the machine's byte order.

        Raises:
            KeyError: there is none.
            ValueError, BadZipFile: it is damaged, or of another type.
        """
        entry = self._archive.getinfo(f"{name}.npy")
        with self._archive.open(entry) as file:
            shape, by_columns, dtype = _header(name, cast(BinaryIO, file))
            size = prod(shape) * dtype.itemsize
            stored = entry.file_size - file.tell()
            if size != stored:
                raise ValueError(f"{name!r}, an array of shape {shape} in {stored} bytes")
            raw = np.empty(size, np.uint8)
            for start in range(0, size, _CHUNK_BYTES):
                part = file.read(min(size - start, _CHUNK_BYTES))
                raw[start : start + len(part)] = np.frombuffer(part, np.uint8)
        if dtype.kind == "b":  # any byte may be stored, NumPy wants 0 and 1
            flat: np.ndarray = raw != 0
        else:
            flat = raw.view(dtype).astype(dtype.newbyteorder("="), copy=False)
        return flat.reshape(shape, order="F" if by_columns else "C")


def _header(name: str, file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"{name!r} in version {version} of NumPy's format")
    try:
        shape, by_columns, dtype = readers[version](file)
    except Exception as error:  # the header is a literal of Python: any kind of error
        raise ValueError(f"{name!r} with a damaged header ({error})") from None
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise ValueError(f"{name!r}, an array of type {dtype}")
    if any(length < 0 for length in shape):
        raise ValueError(f"{name!r}, an array of shape {shape}")
    return shape, by_columns, dtype


class _SmallReads:
    """A file of which `most_bytes` are read at once at most, while the list of entries is read.

    Each entry of a list takes ten times its bytes as a Python object.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.most_bytes: int | None = _MOST_DIRECTORY_BYTES
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if self.most_bytes is not None and size > self.most_bytes:
            raise ValueError(f"a list of entries of {size} bytes")
        return self._file.read(size)
