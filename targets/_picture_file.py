"""Pictures on disk: written whole, in the format that the name's ending says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from axonc.toolchain.errors import InputError
from axonc.toolchain.files import new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMATS = (".svg", ".png", ".pdf")


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure to `path`; its ending says the format (svg, png, pdf).

    Raises:
        InputError: the file cannot be written, or its ending names no format.
    """
    if path.suffix.lower() not in _FORMATS:
        raise InputError(
            f"picture {path}",
            got=f"a name ending in {path.suffix!r}",
            expected=f"an ending of {', '.join(_FORMATS)}",
            remedy="choose another name",
        )
    with new_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower())
