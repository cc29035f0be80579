"""Run a job in an engine's own interpreter and clean up after it, however it ends.

A job is a folder with `job.json` and `arrays.npz`; the worker script writes its recordings and,
last, `result.json` beside them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import glob
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from axonc.toolchain.errors import EngineError
from axonc.toolchain.files import scratch_folder

from .environment import cache_folder

LONGEST_SOCKET_FOLDER = 70
"""Lava's processes make sockets in their temporary folder; a path of over 107 bytes is refused."""


@contextmanager
def job_folder(engine: str) -> Iterator[Path]:
    """Yield a new folder for a job, and remove it afterwards, as well as those of killed runs."""
    with scratch_folder(f"axonc-{engine.lower()}-") as folder:
        yield folder


def run_job(
    engine: str,
    command: tuple[Path, Path],
    folder: Path,
    description: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    timeout_s: float,
) -> float:
    """Run a job and return the seconds that the engine itself ran, without building or stopping.

    Args:
        engine: its name in messages.
        command: the interpreter and the worker script.

    Raises:
        EngineError: it failed (the text ends with its log) or took over `timeout_s`.
    """
    prefix = f"axonc-{os.getpid()}-{token_hex(4)}-"
    (folder / "job.json").write_text(json.dumps({"shm_prefix": prefix, **description}))
    np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    with _worker(command, folder, prefix) as process:
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise EngineError(
                f"{engine}: did not finish within {timeout_s:g} s and was ended. Run fewer "
                f"samples or raise the limit.{_log_tail(engine, folder)}"
            ) from None
    if status != 0 or not (folder / "result.json").exists():
        raise EngineError(
            f"{engine}: its worker ended with status {status}.{_log_tail(engine, folder)}"
        )
    return float(json.loads((folder / "result.json").read_text())["wall_s"])


@contextmanager
def _worker(
    command: tuple[Path, Path], folder: Path, shm_prefix: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the worker in a session of its own; end its processes and free its shared memory."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONNOUSERSITE": "1"}
    environment.pop("PYTHONPATH", None)
    short = folder
    if len(str(folder)) > LONGEST_SOCKET_FOLDER:
        short = Path("/tmp") / f"axonc-{token_hex(4)}"
        short.symlink_to(folder)
    environment["TMPDIR"] = str(short)
    python, script = command
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), "-s", str(script), str(folder)],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _wait_for_group(process.pid)
        if short is not folder:
            short.unlink(missing_ok=True)
        if process.stdin is not None:
            process.stdin.close()
        for segment in glob(f"/dev/shm/{shm_prefix}*"):
            with suppress(FileNotFoundError):
                os.unlink(segment)


def _wait_for_group(group: int, patience_s: float = 5.0) -> None:
    """Wait until the killed processes of a group have ended: one could still make a segment."""
    deadline = time.monotonic() + patience_s
    while any(_is_living(process, group) for process in Path("/proc").glob("[0-9]*")):
        if time.monotonic() > deadline:
            return
        time.sleep(0.01)


def _is_living(folder: Path, group: int) -> bool:
    try:
        state, _, of_group = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:3]
    except OSError:  # it has ended meanwhile
        return False
    return state not in "ZX" and int(of_group) == group


def _log_tail(engine: str, folder: Path) -> str:
    """Keep the worker's log in the cache folder; return where, and its last lines."""
    kept = cache_folder() / f"{engine.lower()}-worker.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "worker.log", kept)
    lines = kept.read_text(errors="replace").strip().splitlines()[-15:]
    return f" Its log, kept as {kept}, ends with:\n" + "\n".join(lines)
