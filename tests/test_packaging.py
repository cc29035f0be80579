"""A wheel holds what a checkout holds: an editable install would hide a forgotten file."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
FILES = [
    path.relative_to(ROOT)
    for top in ("toolchain", "targets", "models")
    for path in (ROOT / top).rglob("*")
    if path.is_file() and path.suffix not in (".pyc", ".md") and "__pycache__" not in path.parts
]


def package_of(folder: Path) -> str:
    return ".".join(("axonc", *folder.parts))


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in FILES if path.suffix == ".py"}
    assert sorted(map(package_of, folders)) == sorted(SETTINGS["packages"])


def test_every_data_file_is_shipped() -> None:
    shipped = {
        path.relative_to(ROOT)
        for package in SETTINGS["packages"]
        for owner, patterns in SETTINGS["package-data"].items()
        if owner in ("*", package)
        for pattern in patterns
        for path in (ROOT / Path(*package.split(".")[1:])).glob(pattern)
    }
    forgotten = [str(path) for path in FILES if path.suffix != ".py" and path not in shipped]
    assert forgotten == []
