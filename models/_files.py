"""Files: written whole or not at all, and read only where they are regular and of a bounded size.

The toolchain has its own (`toolchain/files`), which nothing here may import.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO

from .errors import TrainingInputError


def open_regular(path: Path, most_bytes: int) -> BinaryIO:
    """Open a file for reading, without waiting for anything.

    A FIFO would block the reader for ever and a device would fill the memory, also where a link
    leads to one.

    Raises:
        OSError: there is none, it is no regular file, or it has more than `most_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("a folder, FIFO or device, no regular file")
        if found.st_size > most_bytes:
            raise OSError(f"{found.st_size} bytes, more than {most_bytes}")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside its place and rename it, so that a reader never sees half of one.

    It is locked meanwhile: what killed writers left in the folder is known by its lock, which the
    kernel has dropped, and removed.

    Raises:
        TrainingInputError: `path` cannot be written; nothing is left there then.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        remove_leftovers(path.parent)
        with _locked(partial) as file:
            try:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                os.replace(partial, path)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise TrainingInputError(
            f"file {path}",
            got=str(error),
            expected="a place that can be written to",
            remedy="choose another output folder",
        ) from error


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while they wrote have left in a folder."""
    for partial in folder.glob(".*.partial"):
        with suppress(OSError), partial.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where the writer lives
            partial.unlink()


def _locked(path: Path) -> IO[bytes]:
    """Create a file that no other process takes for a leftover."""
    while True:
        file = path.open("wb")
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()
