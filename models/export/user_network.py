"""A network out of a Python file of the user's own: FILE.py:NAME."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from .. import _user_file
from ..errors import ExportError


def load_user_network(file: Path, name: str) -> nn.Module:
    """Run a Python file, as `python FILE.py` would, and return its network NAME.

    name: a torch module in the file, or a function without arguments that returns one. It is put
    into evaluation mode. The file's own folder is searched first for what it imports.

    Raises ExportError where there is no such file or name, or where the file's code fails.
    """
    remedy = "give FILE.py:NAME, or the path of a checkpoint that axonc train wrote"
    found = getattr(_user_file.run(file, ExportError, remedy), name, None)
    if callable(found) and not isinstance(found, nn.Module):
        found = _user_file.call(found, name, file, ExportError)
    if not isinstance(found, nn.Module):
        raise ExportError(
            f"{file}:{name}",
            got="no such name" if found is None else type(found).__name__,
            expected="a torch module, or a function without arguments that returns one",
            remedy=f"define {name} = SequentialState(...), or a function of that name, in the file",
        )
    return found.eval()
