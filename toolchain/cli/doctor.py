"""`axonc doctor`: what is installed, what works, and how to get the rest."""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ._arguments import add_json, command, print_json

_PACKAGES = {
    "numpy": "core",
    "h5py": "core",
    "nir": "core",
    "numba": "core",
    "pymetis": "core",
    "torch": "train",
    "norse": "train",
    "nirtorch": "train",
    "mlxtend": "train",
}

_EPILOG = """\
examples:
  axonc doctor
  axonc doctor --install lava     make Lava's own environment now, not on first use
  axonc doctor --install netx     make one for lava-dl's netx (Python 3.10, 5.6 GB)
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(
        subparsers, "doctor", execute, "say what works here and how to get the rest", _EPILOG
    )
    parser.add_argument("--install", metavar="ENGINE", help="install an external engine, e.g. lava")
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the state of the installation; 0 also where optional parts are missing."""
    from axonc.targets import load_target, target_names

    from ..report import print_doctor

    targets = {name: load_target(name) for name in target_names()}
    if options.install:
        _install(options.install, targets)
    packages = {name: _version(name) for name in _PACKAGES}
    report = {
        "axonc": version("axonc"),
        "python": platform.python_version(),
        "packages": {
            name: {"extra": _PACKAGES[name], "version": found} for name, found in packages.items()
        },
        "engines": [
            {"target": name, "engine": s.engine, "works": s.works, "detail": s.detail}
            for name, target in targets.items()
            for s in target.engine_status()
        ],
    }
    if options.json:
        print_json(report)
    else:
        print_doctor(report)
    return 0


def _install(engine: str, targets: dict[str, Any]) -> None:
    from ..errors import InputError

    owners = [target for target in targets.values() if engine in target.engines]
    if not owners:
        raise InputError(
            "engine to install",
            got=repr(engine),
            expected=f"one of {sorted({e for t in targets.values() for e in t.engines})}",
            remedy="axonc doctor lists the engines",
        )
    for target in owners:
        target.install_engine(engine)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
