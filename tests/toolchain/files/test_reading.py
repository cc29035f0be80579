"""The door for files of strangers: what is no regular file, or too large, is refused unread."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from axonc.toolchain.errors import InputError
from axonc.toolchain.files import FileKind

KIND = FileKind("test file", "a text of few letters", "write it again", most_bytes=100)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        KIND.text(path)
    assert error.value.exit_status == 1
    return str(error.value).removeprefix(f"test file {path}: ")


def test_the_content_of_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("hellö")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert KIND.text(tmp_path / "a") == KIND.text(tmp_path / "link") == "hellö"
    assert KIND.bytes(tmp_path / "a") == "hellö".encode()


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        got = {
            name: refusal(tmp_path / name).partition(",")[0]
            for name in ("fifo", "link", "socket", ".", "circle", "none")
        }
    assert got == {
        "fifo": "got a FIFO",
        "link": "got a device",
        "socket": "got No such device or address",
        ".": "got a folder",
        "circle": "got Too many levels of symbolic links",
        "none": "got no such file",
    }
    assert refusal(tmp_path / "fifo") == "got a FIFO, expected a regular file. Write it again."


def test_a_file_that_is_too_large_or_no_text(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 40)
    assert refusal(tmp_path / "sparse") == (
        "got 1099511627776 bytes, expected at most 100. Write it again."
    )
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert "codec can't decode byte 0xff" in refusal(tmp_path / "bytes")


def test_whatever_a_parser_raises_is_a_fault_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="got RecursionError: deep, expected a text of few"):
        with KIND.opened(tmp_path / "a"):
            raise RecursionError("deep")
    with pytest.raises(KeyboardInterrupt), KIND.opened(tmp_path / "a"):
        raise KeyboardInterrupt
