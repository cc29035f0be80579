"""Trained networks that come with axonc: NIR files to try every target with, without torch.

Each NAME has three files: NAME.nir, the settings NAME.toml that it was trained with, and its card
NAME.md. `python -m axonc.models.zoo.make NAME` trains it again.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import TrainingInputError, nearest

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """List the networks."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def model_path(name: str) -> Path:
    """Return the NIR file of a network."""
    return _file(name, ".nir")


def config_path(name: str) -> Path:
    """Return the settings that a network was trained with."""
    return _file(name, ".toml")


def _file(name: str, suffix: str) -> Path:
    if name not in names():
        raise TrainingInputError(
            "zoo",
            got=f"the network {name!r}",
            expected="a network of the zoo",
            remedy=nearest(name, names()),
        )
    return _FOLDER / (name + suffix)
