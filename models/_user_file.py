"""Running a Python file of the user's own, to take something out of it: FILE.py:NAME."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import TrainingInputError

Error = type[TrainingInputError]


def run(file: Path, error: Error, remedy: str) -> ModuleType:
    """Run a Python file, as `python FILE.py` would, its own folder first where it imports from.

    Raises `error` where the file's code fails, and, with `remedy`, where there is no such file.
    """
    spec = spec_from_file_location(f"axonc_user_{file.stem}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise error(
            str(file), got="no such Python file", expected="a file that ends in .py", remedy=remedy
        )
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    with _running(str(file), file, error):
        spec.loader.exec_module(module)
    return module


def call(function: Callable[[], Any], name: str, file: Path, error: Error) -> Any:
    """Call a function without arguments that a file of the user's defines."""
    with _running(f"{file}:{name}", file, error):
        return function()


def told(error: Exception, file: Path) -> str:
    """Say what went wrong, and in which line of the user's file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == file.name]
    where = f" in line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}{where}: {error}"


@contextmanager
def _running(what: str, file: Path, kind: Error) -> Iterator[None]:
    folder = str(file.parent.resolve())
    sys.path.insert(0, folder)
    try:
        yield
    except Exception as error:  # whatever the user's code raises
        raise kind(
            what,
            got=told(error, file),
            expected="code that runs",
            remedy=f"mend it until `python {file}` runs",
        ) from None
    finally:
        sys.path.remove(folder)
