"""The process that opens strangers' HDF5 files, so that the HDF5 library can harm no other.

The library loops, rarely crashes, and allocates without asking on damaged files. So a child with
a cap on memory and on processor time reads them and hands over plain arrays; when it dies, the
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
from typing import IO, Any

from ..errors import EngineError, InputError, InternalError
from .raw import Limits, RawFile
from .wire import packed, unpacked

_FILE_BYTES_PER_SECOND = 4_000_000
_DATA_BYTES_PER_SECOND = 20_000_000
"""How fast the structure and the decompressed data must come at least; slower is a file that fights
its reader. A file of 3,000 nodes came at 15 MB/s (HDF5 2.0, one core of 2026)."""
_WALL_PER_CPU = 30.0
"""Wall-clock allowance per second of processor time, for machines that are busy."""
_OVERHEAD_BYTES = 1 << 30
"""Address space that the interpreter and its libraries take before any file is opened."""
_ENDED = b"\n"


class ReaderProcess:
    """A child that reads files one after another; started on first use, restarted when it dies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._owner = 0

    def read(self, path: str, limits: Limits) -> RawFile:
        """Return what the child read from the file at `path`.

        Raises:
            InputError: the file is refused, or the library did not survive it.
            EngineError: the child cannot be started.
        """
        with self._lock:
            child = self._running()
            cpu_s = limits.cpu_seconds + os.path.getsize(path) / _FILE_BYTES_PER_SECOND
            question = {"path": path, "limits": asdict(limits), "cpu_s": cpu_s}
            longest_s = cpu_s + limits.data_bytes / _DATA_BYTES_PER_SECOND
            deadline = time.monotonic() + _WALL_PER_CPU * longest_s
            try:
                assert child.stdin is not None
                child.stdin.write(json.dumps(question).encode() + _ENDED)
                child.stdin.flush()
                sizes = self._receive(child, 16, deadline)
                tree_bytes = int.from_bytes(sizes[:8], "little")
                data_bytes = int.from_bytes(sizes[8:], "little")
                tree = json.loads(self._receive(child, tree_bytes, deadline))
                data = self._receive(child, data_bytes, deadline)
            except (BrokenPipeError, EOFError, TimeoutError) as error:
                raise self._post_mortem(child, timed_out=isinstance(error, TimeoutError)) from None
        if "refused" in tree:
            raise InputError(**tree["refused"])
        return unpacked(tree, data)

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
        command = [sys.executable, "-P", "-c", f"from {__name__} import serve; serve()"]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
                env=environment, start_new_session=True,  # Ctrl-C is the parent's to answer
            )  # fmt: skip
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
        if timed_out:
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
            expected="a NIR file",
            remedy="the file is damaged: copy or export it again",
        )


_READER = ReaderProcess()
atexit.register(_READER.close)


def read_isolated(path: str, limits: Limits) -> RawFile:
    """Return the content of the NIR file at `path`, read by the child of this program."""
    return _READER.read(path, limits)


class _Watchdog:
    """Ends the process (by SIGPROF) when it has used more processor time than it was granted."""

    def __init__(self, cpu_s: float) -> None:
        self._until_s = time.process_time() + cpu_s
        self._arm()

    def allow(self, size: int) -> None:
        """Grant the time that reading `size` bytes may take."""
        self._until_s += size / _DATA_BYTES_PER_SECOND
        if size > _DATA_BYTES_PER_SECOND // 100:  # each arming rounds up by a tick of the kernel
            self._arm()

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _arm(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, max(self._until_s - time.process_time(), 1e-3))


def serve() -> None:
    """Answer requests on standard input until it closes: the child's main loop."""
    import resource

    from .hdf5 import read_file

    # whatever a library prints must not get between the answers
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        request = json.loads(line)
        limits = Limits(**request["limits"])
        memory = _OVERHEAD_BYTES + 4 * limits.data_bytes
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory, most))
        arrays: list[Any] = []
        watchdog = _Watchdog(request["cpu_s"])
        try:
            tree, arrays = packed(read_file(request["path"], limits, watchdog.allow))
        except InputError as error:
            refused = {key: getattr(error, key) for key in ("what", "got", "expected", "remedy")}
            tree = json.dumps({"refused": refused}).encode()
        watchdog.stop()
        answers.write(len(tree).to_bytes(8, "little"))
        answers.write(sum(array.nbytes for array in arrays).to_bytes(8, "little"))
        answers.write(tree)
        for array in arrays:
            answers.write(memoryview(array).cast("B") if array.size else b"")
        answers.flush()
