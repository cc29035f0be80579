"""Lava's own environment: found or made in the user's cache folder, never the one axonc runs in.

lava-nc 0.10.0, the last release, wants Python 3.10 and numpy below 2. On Python 3.11 and 3.12 it
runs after a one-line repair that the worker makes in memory. On 3.13 there is no numpy for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from axonc.toolchain.errors import EngineError

REQUIREMENTS = (
    "lava-nc==0.10.0", "numpy==1.26.4", "scipy==1.15.3", "networkx==2.8.7", "asteval==0.9.33",
    "scikit-learn==1.7.2", "joblib==1.6.0", "threadpoolctl==3.8.0", "cloudpickle==3.1.2",
)  # fmt: skip
"""Everything that is installed, pinned: the whole set was tested on Python 3.10, 3.11 and 3.12."""

SUPPORTED = ((3, 10), (3, 11), (3, 12))
PYTHON_VARIABLE = "AXONC_LAVA_PYTHON"
WORKER = Path(__file__).with_name("_lava_worker.py")
REMEDY = (
    f"install Python 3.10, 3.11 or 3.12, name it in {PYTHON_VARIABLE}, "
    "and run `axonc doctor --install lava`"
)


def cache_folder() -> Path:
    """Return axonc's folder for things that can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "axonc"


def find_python() -> Path:
    """Return an interpreter that Lava can run on: 3.10 where there is one, else 3.11 or 3.12.

    Looked for in this order: the variable AXONC_LAVA_PYTHON, python3.10 on PATH, pyenv's versions,
    uv, the interpreter that runs axonc, python3.11 and python3.12 on PATH. Each is started to see
    that it works, for a pyenv shim may stand on PATH without a version behind it.

    Raises:
        EngineError: there is none.
    """
    if named := os.environ.get(PYTHON_VARIABLE):
        if found := _real_interpreter(named):
            return found
        raise EngineError(
            f"{PYTHON_VARIABLE}: got {named!r}, expected a working Python 3.10, 3.11 or 3.12. "
            "Correct or unset the variable."
        )
    for candidate in _candidates():
        if found := _real_interpreter(candidate):
            return found
    raise EngineError(f"Lava: got no Python that it runs on. To mend this, {REMEDY}.")


def _candidates() -> Iterator[str]:
    yield "python3.10"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob("versions/3.10.*/bin/python3.10"), reverse=True))
    if uv := shutil.which("uv"):
        with suppress(OSError, subprocess.SubprocessError):
            yield _output([uv, "python", "find", "3.10"])
    yield from (sys.executable, "python3.11", "python3.12")


def _real_interpreter(candidate: str) -> Path | None:
    """Return the interpreter behind a name, outside of any virtual environment, if it will do."""
    program = shutil.which(candidate)
    question = (
        "import sys, venv; print(getattr(sys, '_base_executable', sys.executable)); "
        "print(*sys.version_info[:2])"
    )
    if program is None:
        return None
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        executable, version = _output([program, "-I", "-c", question]).splitlines()
        if tuple(map(int, version.split())) in SUPPORTED:
            return Path(executable)
    return None


def environment_folder(python: Path) -> Path:
    """Return where the environment for this interpreter and these pins lies, made or not."""
    key = "\n".join([str(python), *REQUIREMENTS])
    return cache_folder() / f"lava-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def lava_python() -> Path:
    """Return the interpreter of a whole Lava environment, making it first where there is none.

    Raises:
        EngineError: there is no Python for it, or it cannot be made.
    """
    folder = environment_folder(find_python())
    return _interpreter(folder) if _is_whole(folder) else install_lava()


def install_lava() -> Path:
    """Make the Lava environment if it is not there and return its interpreter.

    It is built beside its place, tried, and renamed: a half-made one is never taken for a whole
    one. Of two processes that want it at once, one makes it and the other waits.

    Raises:
        EngineError: there is no Python for it, or a step fails; the text ends with its output.
    """
    python = find_python()
    folder = environment_folder(python)
    with _locked(folder.with_suffix(".lock")):
        if _is_whole(folder):
            return _interpreter(folder)
        shutil.rmtree(folder, ignore_errors=True)
        beside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.new-", dir=folder.parent))
        try:
            _step([str(python), "-m", "venv", "--without-pip", "--clear", str(beside)])
            for command in _install_commands(_interpreter(beside)):
                _step(command)
            versions = _step([str(_interpreter(beside)), "-I", str(WORKER), "--versions"])
            (beside / "ready.json").write_text(versions.splitlines()[-1])
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return _interpreter(folder)


def lava_status() -> dict[str, Any]:
    """Say what there is, without making anything: for `axonc doctor`.

    Keys: `installed`, `folder`, `python` (the one it uses or would use), `versions` when
    installed, `problem` and `remedy` when something is missing.
    """
    try:
        python = find_python()
    except EngineError as error:
        return {"installed": False, "python": None, "problem": str(error), "remedy": REMEDY}
    folder = environment_folder(python)
    status: dict[str, Any] = {"installed": _is_whole(folder), "python": str(python)}
    status["folder"] = str(folder)
    if status["installed"]:
        return status | {"versions": json.loads((folder / "ready.json").read_text())}
    return status | {
        "problem": "the environment has not been made yet",
        "remedy": "`axonc doctor --install lava` makes it; the first run on Lava does so too",
    }


def _is_whole(folder: Path) -> bool:
    return (folder / "ready.json").is_file()


def _interpreter(folder: Path) -> Path:
    return folder / "bin" / "python"


def _install_commands(target: Path) -> list[list[str]]:
    """Return the commands that install the pins with pip, or with uv where there is no pip.

    lava-nc declares itself for 3.10 alone, so its requirements are installed as they are listed
    and its own declaration is passed over.
    """
    lava, *others = REQUIREMENTS
    with suppress(OSError, subprocess.SubprocessError):
        _output([sys.executable, "-m", "pip", "--version"])
        pip = [sys.executable, "-m", "pip", "--python", str(target), "install", "--quiet",
               "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]  # fmt: skip
        return [[*pip, *others], [*pip, "--ignore-requires-python", lava]]
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", str(target)]
        wheel = [uv, "pip", "install", "--quiet", "--no-deps", "--python-version", "3.10",
                 "--target", str(next((target.parent.parent / "lib").glob("*/site-packages"))),
                 lava]  # fmt: skip
        return [[*command, *others], wheel]
    raise EngineError(
        "Lava: got neither pip nor uv to make its environment with. Install one of the two."
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that other processes respect and that ends with this process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def _step(command: list[str]) -> str:
    """Run one step of the installation and return what it printed.

    Raises:
        EngineError: it failed or took more than 15 minutes.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"Lava: its environment could not be made: {error}") from None
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise EngineError(
            f"Lava: its environment could not be made; `{' '.join(command[:6])} ...` ended with "
            f"{done.returncode}:\n{tail}"
        )
    return done.stdout
