"""Engines' own environments: found or made in the user's cache folder, never the one axonc runs in.

lava-nc 0.10.0, the last release, requires Python 3.10 and numpy below 2. On Python 3.11 and 3.12 it
runs after a one-line repair that the worker makes in memory. For 3.13 there is no such numpy.
lava-dl 0.6.0 requires Python 3.10 and torch 2.3 with its CUDA libraries (5.6 GB), so its
environment is made only on request.
"""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axonc.toolchain.errors import EngineError
from axonc.toolchain.files import new_folder

from .supervised import run_supervised

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Environment:
    """What an engine needs: pinned requirements, the first its own package, and a Python.

    variable: the environment variable that may name a Python, one to make the environment with, or
    one that has the engine already. made_silently: whether the first run may make it.
    """

    engine: str
    title: str
    requirements: tuple[str, ...]
    supported: tuple[tuple[int, int], ...]
    worker: Path
    made_silently: bool
    size: str

    @property
    def variable(self) -> str:
        """The environment variable that may name a Python."""
        return f"AXONC_{self.engine.upper()}_PYTHON"

    @property
    def pythons(self) -> str:
        """The supported versions of Python, as text."""
        *most, last = (f"{major}.{minor}" for major, minor in self.supported)
        return f"{', '.join(most)} or {last}" if most else last

    @property
    def remedy(self) -> str:
        """What to do where no supported Python is found."""
        return (
            f"install Python {self.pythons}, name it in {self.variable}, "
            f"and run `axonc doctor --install {self.engine}`"
        )

    @property
    def command(self) -> str:
        """The command that makes it."""
        return f"`axonc doctor --install {self.engine}` makes it ({self.size})"


_LAVA = (
    "lava-nc==0.10.0",
    "numpy==1.26.4",
    "scipy==1.15.3",
    "networkx==2.8.7",
    "asteval==0.9.33",
    "scikit-learn==1.7.2",
    "joblib==1.6.0",
    "threadpoolctl==3.8.0",
    "cloudpickle==3.1.2",
)
_TORCH = (
    "torch==2.3.1",
    "torchvision==0.18.1",
    "triton==2.3.1",
    "filelock==4.1.0",
    "fsspec==2026.9.0",
    "Jinja2==3.1.6",
    "MarkupSafe==3.0.4",
    "mpmath==1.3.0",
    "sympy==1.14.0",
    "typing_extensions==4.16.0",
    "nvidia-cublas-cu12==12.1.3.1",
    "nvidia-cuda-cupti-cu12==12.1.105",
    "nvidia-cuda-nvrtc-cu12==12.1.105",
    "nvidia-cuda-runtime-cu12==12.1.105",
    "nvidia-cudnn-cu12==8.9.2.26",
    "nvidia-cufft-cu12==11.0.2.54",
    "nvidia-curand-cu12==10.3.2.106",
    "nvidia-cusolver-cu12==11.4.5.107",
    "nvidia-cusparse-cu12==12.1.0.106",
    "nvidia-nccl-cu12==2.20.5",
    "nvidia-nvjitlink-cu12==12.9.86",
    "nvidia-nvtx-cu12==12.1.105",
)
_NETX = (
    "lava-dl==0.6.0",
    *_LAVA,
    *_TORCH,
    "h5py==3.16.0",
    "matplotlib==3.10.9",
    "pillow==10.4.0",
    "opencv-python-headless==4.11.0.86",
    "contourpy==1.3.2",
    "cycler==0.12.1",
    "fonttools==4.65.0",
    "kiwisolver==1.5.1",
    "packaging==26.3",
    "pyparsing==3.3.3",
    "python-dateutil==3.0.0",
    "six==1.17.0",
    "ninja==1.13.2",
    "tzdata==2026.6",
    "setuptools==65.5.0",
)

LAVA = Environment(
    "lava",
    "Lava",
    _LAVA,
    ((3, 10), (3, 11), (3, 12)),
    Path(__file__).with_name("_lava_worker.py"),
    made_silently=True,
    size="0.4 GB",
)
"""The whole set was tested on Python 3.10, 3.11 and 3.12."""
NETX = Environment(
    "netx",
    "netx",
    _NETX,
    ((3, 10),),
    Path(__file__).with_name("_netx_worker.py"),
    made_silently=False,
    size="5.6 GB",
)
"""lava-dl's netx; the whole set was tested on Python 3.10."""


def cache_folder() -> Path:
    """Return axonc's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "axonc"


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
            yield _output([uv, "python", "find", "3.10"])
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
        executable, version = _output([program, "-I", "-c", question]).splitlines()
        if tuple(map(int, version.split())) in wanted.supported:
            return Path(executable)
    return None


def _named_environment(wanted: Environment) -> Path | None:
    """Return the interpreter that the variable names, if the engine is installed for it."""
    program = shutil.which(os.environ.get(wanted.variable, ""))
    package = wanted.requirements[0].partition("==")[0]
    if program is None:
        return None
    with suppress(OSError, subprocess.SubprocessError):
        question = f"import importlib.metadata as m; m.version({package!r})"
        _output([program, "-I", "-c", question])
        return Path(program)
    return None


def environment_folder(wanted: Environment, python: Path) -> Path:
    """Return where the environment for this interpreter and these pins lies, made or not."""
    key = "\n".join([str(python), *wanted.requirements])
    return cache_folder() / f"{wanted.engine}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def engine_python(wanted: Environment) -> Path:
    """Return the interpreter of a complete environment, making it first if that needs no request.

    Raises:
        EngineError: there is no Python for it, it cannot be made, or it must be asked for.
    """
    if named := _named_environment(wanted):
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
    if named := _named_environment(wanted):
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
        _output([sys.executable, "-m", "pip", "--version"])
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


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


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
