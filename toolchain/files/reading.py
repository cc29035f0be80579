"""The door for files that strangers wrote: regular files only, of a bounded size.

A FIFO would block the reader for ever and a device would fill the memory, also where a link leads
to one; so a file is opened without blocking, and examined before a byte of it is read.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import AxoncError, InputError


@dataclass(frozen=True)
class FileKind:
    """What files of one kind are called in messages, how large they may be, and what to do.

    title: stands in front of the path. expected: what such a file is. most_bytes: its own size.
    remedy_of_size: what to do about one that is larger, if not the same.
    """

    title: str
    expected: str
    remedy: str
    most_bytes: int
    remedy_of_size: str | None = None

    @contextmanager
    def opened(self, path: Path) -> Iterator[BinaryIO]:
        """Open a file for reading; whatever the block raises means that its content is unusable.

        Raises:
            InputError: there is none, it is no regular file or too large, or the block raised.
        """
        with self.parsing(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                self._require_bounded(path, os.fstat(descriptor))
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    yield file
            finally:
                os.close(descriptor)

    @contextmanager
    def parsing(self, path: Path) -> Iterator[None]:
        """Turn whatever the block raises into an error about the content of this file.

        Raises:
            InputError: the block raised.
        """
        try:
            yield
        except AxoncError:
            raise
        except FileNotFoundError:
            raise self.fault(path, "no such file") from None
        except OSError as error:
            raise self.fault(path, error.strerror or str(error)) from None
        except Exception as error:  # damaged content breaks parsers in any of a dozen ways
            text = " ".join(str(error).split())[:300]
            if not isinstance(error, ValueError | zipfile.BadZipFile) or not text:
                text = f"{type(error).__name__}: {text}".rstrip(": ")
            raise self.fault(path, text) from None

    def bytes(self, path: Path) -> bytes:
        """Return the content of a file; see `opened` for the errors."""
        with self.opened(path) as file:
            content = file.read(self.most_bytes + 1)
            if len(content) > self.most_bytes:  # it grew
                raise self._too_large(path, len(content))
        return content

    def text(self, path: Path) -> str:
        """Return the content of a file of UTF-8; see `opened` for the errors."""
        content = self.bytes(path)
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise self.fault(path, str(error)) from None

    def fault(self, path: Path | str, got: str, expected: str | None = None) -> InputError:
        """Return the error to raise for what is wrong with a file of this kind."""
        return InputError(
            f"{self.title} {path}".lstrip(),
            got=got,
            expected=self.expected if expected is None else expected,
            remedy=self.remedy,
        )

    def _require_bounded(self, path: Path, found: os.stat_result) -> None:
        for is_kind, name in _OTHER_KINDS:
            if is_kind(found.st_mode):
                raise self.fault(path, name, "a regular file")
        if found.st_size > self.most_bytes:
            raise self._too_large(path, found.st_size)

    def _too_large(self, path: Path, size: int) -> InputError:
        fault = self.fault(path, f"{size} bytes", f"at most {self.most_bytes}")
        remedy = self.remedy_of_size or fault.remedy
        return InputError(fault.what, got=fault.got, expected=fault.expected, remedy=remedy)


_OTHER_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
