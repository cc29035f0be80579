"""Run a command that ends when its caller does, however that happens, with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

_SUPERVISOR = """
import os, signal, subprocess, sys, threading

def end_with_caller():
    os.read(0, 1)  # returns when nobody holds the other end any more
    os.killpg(0, signal.SIGKILL)

child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=end_with_caller, daemon=True).start()
sys.exit(child.wait() % 256)
"""


def run_supervised(command: Sequence[str], timeout_s: float) -> tuple[int, str]:
    """Run a command and return its exit status and what it printed on both outputs.

    It runs in a session of its own below a small process that watches a pipe from here. So after an
    exception the whole session is killed from here, and after SIGKILL by the watcher.

    Raises:
        OSError: no process can be started.
        subprocess.TimeoutExpired: it took longer than `timeout_s`.
    """
    watched, held = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _SUPERVISOR, *command],
            stdin=watched,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=timeout_s)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        os.close(held)
        os.close(watched)
    return process.returncode, printed
