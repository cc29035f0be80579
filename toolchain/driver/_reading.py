"""Networks in files of other tools, read by the target that knows the tool."""

from __future__ import annotations

from pathlib import Path

from axonc.targets import ForeignNetwork, load_target, target_names


def read_foreign(path: Path) -> ForeignNetwork | None:
    """Return the network in a file whose suffix a target reads; None where none does.

    Raises:
        InputError: the file is not what its suffix says.
    """
    for name in target_names():
        target = load_target(name)
        if path.suffix[1:] in target.formats_read:
            return target.read_format(path.suffix[1:], path)
    return None
