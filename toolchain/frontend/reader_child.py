"""The loop of the process that opens untrusted HDF5 files, and its resource limits."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

import numpy as np

from ..errors import InputError
from .hdf5 import Hdf5Reader, most_data_bytes, read_file
from .nir_file import NirReader
from .raw import DATA_BYTES_PER_SECOND, Limits
from .wire import packed

_WORKING_BYTES = 128 << 20
"""Address space for the library's own buffers, over what it takes before any file is opened."""


_READERS: dict[str, type[Hdf5Reader]] = {"nir": NirReader, "tree": Hdf5Reader}


def serve() -> None:
    """Answer questions on standard input until it closes.

    A question is a line of JSON; an answer is two sizes of 8 bytes, a tree as JSON, and arrays.
    """
    # output of libraries must not mix with the answers
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    own_bytes = _address_space()
    for line in sys.stdin.buffer:
        question = json.loads(line)
        path, limits = question["path"], Limits(**question["limits"])
        _cap_address_space(own_bytes + _WORKING_BYTES + 3 * most_data_bytes(path, limits))
        watchdog = Watchdog(limits.cpu_seconds)
        arrays: list[np.ndarray] = []
        try:
            found = read_file(path, limits, _READERS[question["form"]], watchdog.allow)
            watchdog.stop()
            tree, arrays = packed(found)
        except InputError as error:
            watchdog.stop()
            refused = {key: getattr(error, key) for key in ("what", "got", "expected", "remedy")}
            tree = json.dumps({"refused": refused}).encode()
        answers.write(len(tree).to_bytes(8, "little"))
        answers.write(sum(array.nbytes for array in arrays).to_bytes(8, "little"))
        answers.write(tree)
        for array in arrays:
            answers.write(array.reshape(-1).view(np.uint8).data)
        answers.flush()


class Watchdog:
    """Ends the process (by SIGPROF) when it makes no progress for `cpu_s` of processor time."""

    def __init__(self, cpu_s: float) -> None:
        self._cpu_s = cpu_s
        self.allow(0)

    def allow(self, size: int) -> None:
        """Restart the timer, with extra time to read `size` bytes."""
        signal.setitimer(signal.ITIMER_PROF, self._cpu_s + size / DATA_BYTES_PER_SECOND)

    def stop(self) -> None:
        """Stop the timer."""
        signal.setitimer(signal.ITIMER_PROF, 0)


def _address_space() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux: allow the most that Python with NumPy and HDF5 takes
        return 1 << 30


def _cap_address_space(size: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        size = min(size, most)
    resource.setrlimit(resource.RLIMIT_AS, (size, most))
