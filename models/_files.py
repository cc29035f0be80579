"""The door for files of strangers: regular files only, of a bounded size.

A FIFO would block the reader for ever and a device would fill the memory, also where a link leads
to one. The toolchain has a door of its own (`toolchain/files`), which nothing here may import.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path, most_bytes: int) -> BinaryIO:
    """Open a file for reading, without waiting for anything.

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
