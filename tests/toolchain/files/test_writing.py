"""Files appear whole or not at all, whoever dies while writing them."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from axonc.toolchain.errors import InputError
from axonc.toolchain.files import (
    make_folder,
    new_file,
    new_folder,
    scratch_folder,
    write_bytes,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_with_its_whole_content(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with new_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".txt"
        assert (tmp_path / "a.txt").read_text() == "old"
    assert (tmp_path / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_gets_the_permissions_of_any_new_one(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "a", "")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_nothing_is_left_of_a_block_that_raises(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "b") as folder:
        (folder / "half").touch()
        raise KeyboardInterrupt
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize("place", ["folder", "fifo", "/dev/null"])
def test_only_a_regular_file_is_replaced(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputError, match="got no regular file, expected a place that can be wr"):
        write_text(tmp_path / place, "text")
    assert names(tmp_path) == ["fifo", "folder"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        write_text(tmp_path / "no" / "a", "text")
    assert str(error.value) == (
        f"output {tmp_path / 'no' / 'a'}: got No such file or directory, expected a place that can "
        "be written. Choose another folder, or make this one writable."
    )
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="got Not a directory|got File exists"):
        make_folder(tmp_path / "file" / "below")
    make_folder(tmp_path / "new" / "below")
    assert names(tmp_path / "new" / "below") == []


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # Python ignores SIGXFSZ
    try:
        with pytest.raises(InputError) as error:
            write_bytes(tmp_path / "a.txt", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(error.value) == (
        f"output {tmp_path / 'a.txt'}: got File too large, expected room on its disk. Make room, "
        "or choose a folder on another disk."
    )
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_folder_replaces_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "deep" / "place").mkdir(parents=True)
    (tmp_path / "deep" / "place" / "old").touch()
    with new_folder(tmp_path / "deep" / "place") as folder:
        (folder / "new").touch()
    assert names(tmp_path / "deep") == ["place"]
    assert names(tmp_path / "deep" / "place") == ["new"]


WRITER = """
import sys, time
from pathlib import Path
from axonc.toolchain.files import new_file, new_folder, scratch_folder
out = Path(sys.argv[1])
with new_file(out / "a.txt") as file, new_folder(out / "b") as folder, scratch_folder("job-") as s:
    for place in (folder, s):
        (place / "half").write_text("half")
    file.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_the_next_writer_removes_what_a_killed_one_left_and_only_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == b"writing\n"
    assert len(names(tmp_path)) == 6
    writers[0].send_signal(signal.SIGKILL)
    writers[0].wait()
    assert len(names(tmp_path)) == 6
    write_text(tmp_path / "c.txt", "")
    assert len(names(tmp_path)) == 4  # those of the writer that lives, and c.txt
    writers[1].kill()
    writers[1].wait()
    (tmp_path / "jobs.axonc-part").mkdir()
    with scratch_folder("job-") as folder:  # looks for its own kind alone
        assert len(names(tmp_path)) == 5 and folder.is_dir()
    write_text(tmp_path / "c.txt", "")
    assert names(tmp_path) == ["c.txt"]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
