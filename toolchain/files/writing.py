"""Write a file or folder under a temporary name beside its place, then rename it.

Whoever reads the place finds the old content or the new one, never a part. The temporary file is
locked (flock) while its writer lives, and the kernel drops the lock however the writer ends: so a
later writer into the same folder knows which temporary files belong to nobody, and removes them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from ..errors import InputError

_MARK = ".axonc-part"
_ATTEMPTS = 20


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield an empty file to write to, of the same suffix; afterwards it takes the place of `path`.

    If the block raises, nothing is left of it and `path` is as before. The content reaches the disk
    before the name does (fsync). Leftovers of killed writers in the same folder are removed.

    Raises:
        InputError: `path` cannot be written, the disk is full, or `path` is a folder or a device.
    """
    try:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise OSError("no regular file")
        remove_leftovers(path.parent)
        temporary, descriptor = _locked_file(path)
        try:
            yield temporary
            os.fsync(descriptor)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
            os.close(descriptor)
    except OSError as error:
        raise unwritable(path, error) from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file; see `new_file`."""
    with new_file(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a file of text in UTF-8; see `new_file`."""
    write_bytes(path, text.encode())


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; afterwards it takes the place of `path`.

    A folder that is at `path` already is removed. As with `new_file`, nothing is left of a block
    that raises, and leftovers of killed writers are removed.

    Raises:
        OSError: the folder cannot be made, filled or renamed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked_folder(path.parent, f".{path.name}.", "") as temporary:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        temporary.rename(path)


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Yield a new folder in the system's place for temporary files, and remove it afterwards.

    Those of the same prefix whose owners were killed are removed, too.

    Raises:
        InputError: it cannot be made, or the block has no room to write.
    """
    place = Path(tempfile.gettempdir())
    try:
        with _locked_folder(place, prefix, prefix) as folder:
            yield folder
    except OSError as error:
        raise unwritable(place, error) from None


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where there are none, and see that it can be written to.

    Raises:
        InputError: it cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        temporary, descriptor = _locked_file(path / "try")
        temporary.unlink()
        os.close(descriptor)
    except OSError as error:
        raise unwritable(path, error) from None


def remove_leftovers(folder: Path, prefix: str = "") -> None:
    """Remove the temporary files and folders in `folder` whose writers are gone."""
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if _MARK in entry.name and entry.name.startswith(prefix):
                with suppress(OSError):
                    _remove_if_free(Path(entry.path))


def _remove_if_free(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where the writer lives
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    finally:
        os.close(descriptor)


def _locked_file(path: Path) -> tuple[Path, int]:
    """Create a temporary file for `path` and lock it; return it and its open descriptor."""
    while True:
        temporary = path.with_name(f".{path.name[:100]}.{token_hex(6)}{_MARK}{path.suffix[:50]}")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if _locked(descriptor, temporary):
            return temporary, descriptor
        os.close(descriptor)  # another process took it for a leftover before it was locked


@contextmanager
def _locked_folder(parent: Path, start: str, prefix: str) -> Iterator[Path]:
    remove_leftovers(parent, prefix)
    while True:
        folder = parent / f"{start}{token_hex(6)}{_MARK}"
        folder.mkdir(mode=0o700)
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            if _locked(descriptor, folder):
                break
            os.close(descriptor)
    try:
        yield folder
    finally:
        _remove_tree(folder)
        os.close(descriptor)


def _remove_tree(folder: Path) -> None:
    """Remove a folder into which a process that was just killed may still write."""
    for _ in range(_ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


def _locked(descriptor: int, path: Path) -> bool:
    """Lock an open file; say whether `path` still is this file."""
    with suppress(OSError):  # a file system without locks: then nobody removes leftovers either
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    return False


def unwritable(path: Path, error: OSError) -> InputError:
    """Return the error to raise when an output cannot be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return InputError(
        f"output {path}",
        got=error.strerror or str(error),
        expected="room on its disk" if full else "a place that can be written",
        remedy="make room, or choose a folder on another disk"
        if full
        else "choose another folder, or make this one writable",
    )
