"""A network out of a Python file of the user's own: FILE.py:NAME."""

from __future__ import annotations

import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from .errors import ExportError


def load_user_network(file: Path, name: str) -> nn.Module:
    """Run a Python file, as `python FILE.py` would, and return its network NAME.

    name: a torch module in the file, or a function without arguments that returns one. It is put
    into evaluation mode. The file's own folder is searched first for what it imports.

    Raises ExportError where there is no such file or name, or where the file's code fails.
    """
    found = getattr(_run(file), name, None)
    if callable(found) and not isinstance(found, nn.Module):
        try:
            found = found()
        except Exception as error:  # whatever the user's code raises
            raise _failed(f"{file}:{name}", error, file) from None
    if not isinstance(found, nn.Module):
        raise ExportError(
            f"{file}:{name}",
            got="no such name" if found is None else type(found).__name__,
            expected="a torch module, or a function without arguments that returns one",
            remedy=f"define {name} = SequentialState(...), or a function of that name, in the file",
        )
    return found.eval()


def _run(file: Path) -> ModuleType:
    spec = spec_from_file_location(f"axonc_user_{file.stem}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise ExportError(
            str(file), got="no such Python file", expected="a file that ends in .py",
            remedy="give FILE.py:NAME, or the path of a checkpoint that axonc train wrote",
        )  # fmt: skip
    module = module_from_spec(spec)
    sys.path.insert(0, str(file.parent.resolve()))
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises
        raise _failed(str(file), error, file) from None
    finally:
        sys.path.remove(str(file.parent.resolve()))
    return module


def _failed(what: str, error: Exception, file: Path) -> ExportError:
    frames: Any = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == file.name]
    where = f" in line {lines[-1]}" if lines else ""
    return ExportError(
        what, got=f"{type(error).__name__}{where}: {error}", expected="code that runs",
        remedy=f"mend it until `python {file}` runs",
    )  # fmt: skip
