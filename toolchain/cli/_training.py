"""The door to axonc.models, which the core install does not have the libraries for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..errors import InputError


def require_training() -> Any:
    """Return the module axonc.models.

    Raises:
        InputError: torch or norse is not installed.
    """
    missing = [name for name in ("torch", "norse", "nirtorch") if find_spec(name) is None]
    if missing:
        raise InputError(
            "training",
            got=f"an installation without {', '.join(missing)}",
            expected="axonc with its extra `train`",
            remedy="pip install 'axonc[train]'",
        )
    return import_module("axonc.models")
