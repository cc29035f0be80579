"""Files of training appear whole or not at all, and pipes are not waited for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from axonc.models import TrainingInputError
from axonc.models._files import open_regular, write_atomically

WRITER = """
import sys, time
from pathlib import Path
from axonc.models._files import write_atomically
def write(file):
    file.write(b"half")
    print("writing", flush=True)
    time.sleep(60)
write_atomically(Path(sys.argv[1]), write)
"""


def test_the_next_writer_removes_what_a_killed_one_left_and_only_that(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "a.nir")], stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == b"writing\n"
    writers[0].kill()
    writers[0].wait()
    write_atomically(tmp_path / "b.nir", lambda file: file.write(b"whole"))
    names = [f".a.nir.{writers[1].pid}.partial", "b.nir"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    writers[1].kill()
    writers[1].wait()
    write_atomically(tmp_path / "b.nir", lambda file: file.write(b"whole again"))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"whole again"]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    def fill(file: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(TrainingInputError, match="No space left on device, expected a place"):
        write_atomically(tmp_path / "a.nir", fill)
    assert list(tmp_path.iterdir()) == []


def test_only_regular_files_of_a_bounded_size_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "file").write_bytes(bytes(100))
    for name in ("pipe", "link", "."):
        with pytest.raises(OSError, match="no regular file"):
            open_regular(tmp_path / name, 1000)
    with pytest.raises(OSError, match="100 bytes, more than 99"):
        open_regular(tmp_path / "file", 99)
    with open_regular(tmp_path / "file", 100) as file:
        assert file.read() == bytes(100)
