"""Settings that come with axonc: the papers' for their data sets, as TOML files.

A file is named DATA-NETWORK-METHOD. Its first line says what it trains and whose settings it
follows; the comment below, where it differs.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import TrainingInputError, nearest

_FOLDER = Path(__file__).parent


def titles() -> dict[str, str]:
    """Return what each file trains, its paper named, by name."""
    files = sorted(_FOLDER.glob("*.toml"))
    return {file.stem: file.read_text("utf-8").splitlines()[0].lstrip("# ") for file in files}


def path(name: str) -> Path:
    """Return the file of a name; an unknown one is an error that suggests the nearest."""
    file = _FOLDER / f"{name}.toml"
    if name not in titles():
        raise TrainingInputError(
            "preset",
            got=repr(name),
            expected="settings that come with axonc",
            remedy=nearest(name, titles()),
        )
    return file
