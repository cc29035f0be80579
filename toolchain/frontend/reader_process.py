"""The process that opens untrusted HDF5 files, so that faults of the library affect no other.

On damaged files the library may loop, crash, or allocate without limit. So a child with limits on
memory and processor time reads them and returns plain arrays; when it dies, the
file is refused and the next one gets a new child. One child serves all files of a program.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Literal, NoReturn

from ..errors import EngineError, InputError, InternalError
from ..files import FileKind
from .raw import DATA_BYTES_PER_SECOND, Limits, RawFile, RawNode
from .wire import unpacked

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
Form = Literal["nir", "tree"]
"""What a file is read as."""
_WALL_PER_CPU = 30.0
"""Wall-clock allowance per second of processor time, for machines that are busy."""


class ReaderProcess:
    """A child that reads files one after another; started on first use, restarted when it dies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._owner = 0

    def read(self, path: str, limits: Limits, form: Form = "nir") -> RawFile:
        """Return what the child read from the file at `path`: a NIR file, or any tree.

        Raises:
            InputError: the file is refused, or the library crashed on it.
            EngineError: the child cannot be started.
        """
        with self._lock:
            child = self._running()
            try:
                tree, data = self._ask(child, path, limits, form)
                return unpacked(tree, data) if "refused" not in tree else _refused(tree)
            except InputError:
                raise
            except (BrokenPipeError, EOFError, TimeoutError, ValueError, LookupError) as error:
                raise self._post_mortem(child, timed_out=isinstance(error, TimeoutError)) from None
            except BaseException:  # a pending answer must not be taken for the next one
                child.kill()
                self.close()
                raise

    def _ask(
        self, child: subprocess.Popen[bytes], path: str, limits: Limits, form: Form
    ) -> tuple[Any, bytearray]:
        file_bytes = os.path.getsize(path) if os.path.exists(path) else 0
        longest_s = limits.cpu_seconds + (limits.data_bytes + file_bytes) / DATA_BYTES_PER_SECOND
        deadline = time.monotonic() + _WALL_PER_CPU * longest_s
        question = {"path": path, "limits": asdict(limits), "form": form}
        assert child.stdin is not None
        child.stdin.write(json.dumps(question).encode() + b"\n")
        child.stdin.flush()
        sizes = self._receive(child, 16, deadline)
        tree_bytes = int.from_bytes(sizes[:8], "little")
        data_bytes = int.from_bytes(sizes[8:], "little")
        tree = json.loads(self._receive(child, tree_bytes, deadline))
        return tree, self._receive(child, data_bytes, deadline)

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is None or os.getpid() != self._owner:
            return
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.close()
        except BrokenPipeError:
            pass
        try:
            child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()
        if self._errors is not None:
            self._errors.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and os.getpid() == self._owner and self._child.poll() is None:
            return self._child
        self.close()
        self._errors = tempfile.TemporaryFile()
        command = [
            sys.executable,
            "-P",
            "-c",
            f"from {__package__}.reader_child import serve; serve()",
        ]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
                start_new_session=True,  # Ctrl-C is the parent's to answer
            )
        except OSError as error:
            raise EngineError(
                f"the process that reads HDF5 files does not start: {error}"
            ) from None
        self._owner = os.getpid()
        return self._child

    def _receive(self, child: subprocess.Popen[bytes], count: int, deadline: float) -> bytearray:
        assert child.stdout is not None
        pipe = child.stdout.fileno()
        received = bytearray()
        while len(received) < count:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(pipe, min(count - len(received), 1 << 20))
            if not part:
                raise EOFError
            received += part
        return received

    def _post_mortem(self, child: subprocess.Popen[bytes], timed_out: bool) -> Exception:
        try:
            status = child.wait(timeout=0 if timed_out else 1)
        except subprocess.TimeoutExpired:
            child.kill()
            status = child.wait()
        assert self._errors is not None
        self._errors.seek(0)
        last_words = self._errors.read()[-2000:].decode("utf-8", "replace").strip()
        self.close()
        if status > 0:
            return InternalError(f"the process that reads HDF5 files failed: {last_words}")
        slow = timed_out or status == -signal.SIGPROF
        name = signal.Signals(-status).name if status < 0 else "a closed pipe"
        return InputError(
            "the file",
            got="a structure that keeps the HDF5 library busy without end"
            if slow
            else f"a structure that the HDF5 library does not survive ({name})",
            expected="a file that it reads",
            remedy="the file is damaged: copy or export it again",
        )


def _refused(tree: Any) -> NoReturn:
    raise InputError(**tree["refused"])


_READER = ReaderProcess()
atexit.register(_READER.close)


def read_isolated(path: str, limits: Limits, form: Form = "nir") -> RawFile:
    """Return the content of the HDF5 file at `path`, read by the child of this program."""
    return _READER.read(path, limits, form)


def require_hdf5(path: Path, kind: FileKind) -> None:
    """Refuse what is no HDF5 file at all, before any library looks at it."""
    with kind.opened(path) as file:
        head = file.read(len(_SIGNATURE))
    if head != _SIGNATURE:
        begins = f"a file that begins with {head!r}" if head else "an empty file"
        raise kind.fault(path, begins)


def read_tree(path: Path, kind: FileKind, limits: Limits | None = None) -> RawNode:
    """Return the groups, arrays and texts of an HDF5 file that is no NIR file.

    Groups are nodes; links, unusual types of data, and what exceeds the limits are refused.

    Raises:
        InputError: the file cannot be used.
    """
    require_hdf5(path, kind)
    try:
        return read_isolated(os.path.abspath(path), limits or Limits(), "tree").root
    except InputError as fault:
        place = "" if fault.what == "the file" else f", {fault.what}"
        what = f"{kind.title} {path}{place}"
        raise InputError(
            what, got=fault.got, expected=fault.expected, remedy=fault.remedy
        ) from None
