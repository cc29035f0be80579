"""Find a Python that an engine runs on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from axonc.toolchain.errors import EngineError

from .requirements import Environment


def find_python(wanted: Environment) -> Path:
    """Return an interpreter that an environment can be made with, the first supported if possible.

    Looked for in this order: the environment's variable, python3.10 on PATH, pyenv's versions, uv,
    the interpreter that runs axonc, python3.11 and python3.12 on PATH. Each is started to see that
    it works, because a pyenv shim on PATH may have no version behind it.

    Raises:
        EngineError: there is none.
    """
    if named := os.environ.get(wanted.variable):
        if found := _real_interpreter(named, wanted):
            return found
        raise EngineError(
            f"{wanted.variable}: got {named!r}, expected a working Python {wanted.pythons}. "
            "Correct or unset the variable."
        )
    for candidate in _candidates():
        if found := _real_interpreter(candidate, wanted):
            return found
    raise EngineError(
        f"{wanted.title}: got no Python that it runs on. To mend this, {wanted.remedy}."
    )


def _candidates() -> Iterator[str]:
    yield "python3.10"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob("versions/3.10.*/bin/python3.10"), reverse=True))
    if uv := shutil.which("uv"):
        with suppress(OSError, subprocess.SubprocessError):
            yield output_of([uv, "python", "find", "3.10"])
    yield from (sys.executable, "python3.11", "python3.12")


def _real_interpreter(candidate: str, wanted: Environment) -> Path | None:
    """Return the interpreter behind a name, outside of any virtual environment, if supported."""
    program = shutil.which(candidate)
    question = (
        "import sys, venv; print(getattr(sys, '_base_executable', sys.executable)); "
        "print(*sys.version_info[:2])"
    )
    if program is None:
        return None
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        executable, version = output_of([program, "-I", "-c", question]).splitlines()
        if tuple(map(int, version.split())) in wanted.supported:
            return Path(executable)
    return None


def named_environment(wanted: Environment) -> Path | None:
    """Return the interpreter that the variable names, if the engine is installed for it."""
    program = shutil.which(os.environ.get(wanted.variable, ""))
    package = wanted.requirements[0].partition("==")[0]
    if program is None:
        return None
    with suppress(OSError, subprocess.SubprocessError):
        question = f"import importlib.metadata as m; m.version({package!r})"
        output_of([program, "-I", "-c", question])
        return Path(program)
    return None


def output_of(command: list[str]) -> str:
    """Return what a command prints, which must not fail or take over a minute."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()
