"""Engines' own environments: made in the user's cache folder, never the one axonc runs in."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from axonc.toolchain.errors import EngineError
from axonc.toolchain.files import new_folder

from .interpreters import find_python, named_environment, output_of
from .requirements import Environment
from .supervised import run_supervised

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return axonc's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "axonc"


def environment_folder(wanted: Environment, python: Path) -> Path:
    """Return where the environment for this interpreter and these pins lies, made or not."""
    key = "\n".join([str(python), *wanted.requirements])
    return cache_folder() / f"{wanted.engine}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def engine_python(wanted: Environment) -> Path:
    """Return the interpreter of a complete environment, making it first if that needs no request.

    Raises:
        EngineError: there is no Python for it, it cannot be made, or it must be asked for.
    """
    if named := named_environment(wanted):
        return named
    folder = environment_folder(wanted, find_python(wanted))
    if _is_whole(folder):
        return _interpreter(folder)
    if wanted.made_silently:
        return install(wanted)
    raise EngineError(
        f"{wanted.title}: its environment is not there. {wanted.command}; or name a Python that "
        f"has {wanted.requirements[0]} in {wanted.variable}."
    )


def install(wanted: Environment) -> Path:
    """Make an environment if it is not there and return its interpreter.

    It is built under a temporary name, tested, and renamed, so an incomplete one is never used;
    leftovers of a killed installation are removed by the next. If two processes need it at once,
    one makes it and the other waits.

    Raises:
        EngineError: there is no Python for it, or a step fails; the text ends with its output.
    """
    python = find_python(wanted)
    folder = environment_folder(wanted, python)
    with _locked(folder.with_suffix(".lock")):
        if _is_whole(folder):
            return _interpreter(folder)
        _log.info("making %s's own environment, once (%s)", wanted.title, wanted.size)
        try:
            with new_folder(folder) as beside:
                _fill(wanted, python, beside)
        except OSError as error:
            raise EngineError(
                f"{wanted.title}: its environment could not be made in {folder.parent}: {error}. "
                "Make room, or choose another cache folder with XDG_CACHE_HOME."
            ) from None
    return _interpreter(folder)


def _fill(wanted: Environment, python: Path, folder: Path) -> None:
    _step(wanted, [str(python), "-m", "venv", "--without-pip", "--clear", str(folder)])
    for command in _install_commands(wanted, _interpreter(folder)):
        _step(wanted, command)
    question = [str(_interpreter(folder)), "-E", "-s", str(wanted.worker), "--versions"]
    (folder / "ready.json").write_text(_step(wanted, question).splitlines()[-1])


def status(wanted: Environment) -> dict[str, Any]:
    """Report what is installed, for `axonc doctor`; makes nothing.

    Keys: `installed`; `versions` when axonc made it, `python` alone when the variable names it;
    `problem` and `remedy` when something is missing.
    """
    if named := named_environment(wanted):
        return {"installed": True, "versions": {"python": f"{named}, as {wanted.variable} says"}}
    try:
        folder = environment_folder(wanted, find_python(wanted))
    except EngineError as error:
        return {"installed": False, "problem": str(error), "remedy": wanted.remedy}
    if _is_whole(folder):
        versions = json.loads((folder / "ready.json").read_text())
        return {"installed": True, "versions": versions}
    on_its_own = "; the first run does so too" if wanted.made_silently else ""
    return {
        "installed": False,
        "problem": "its environment has not been made yet",
        "remedy": wanted.command + on_its_own,
    }


def _is_whole(folder: Path) -> bool:
    return (folder / "ready.json").is_file()


def _interpreter(folder: Path) -> Path:
    return folder / "bin" / "python"


def _install_commands(wanted: Environment, target: Path) -> list[list[str]]:
    """Return the commands that install the pins with pip, or with uv where there is no pip.

    lava-nc and lava-dl declare themselves for 3.10 alone, so requirements are installed as they
    are listed and the declarations of the packages are ignored.
    """
    lava = [r for r in wanted.requirements if r.startswith("lava-")]
    others = [r for r in wanted.requirements if r not in lava]
    with suppress(OSError, subprocess.SubprocessError):
        output_of([sys.executable, "-m", "pip", "--version"])
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(target),
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary=:all:",
        ]
        return [[*pip, *others], [*pip, "--ignore-requires-python", *lava]]
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", str(target)]
        wheel = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--python-version",
            "3.10",
            "--target",
            str(next((target.parent.parent / "lib").glob("*/site-packages"))),
            *lava,
        ]
        return [[*command, *others], wheel]
    raise EngineError(
        f"{wanted.title}: got neither pip nor uv to make its environment with. Install one of them."
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that other processes respect and that ends with this process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _step(wanted: Environment, command: list[str]) -> str:
    """Run one step of the installation and return what it printed.

    Raises:
        EngineError: it failed or took more than an hour.
    """
    try:
        status, printed = run_supervised(command, timeout_s=3600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{wanted.title}: its environment could not be made: {error}") from None
    if status:
        tail = "\n".join(printed.strip().splitlines()[-15:])
        raise EngineError(
            f"{wanted.title}: its environment could not be made; `{' '.join(command[:6])} ...` "
            f"ended with {status}:\n{tail}"
        )
    return printed
