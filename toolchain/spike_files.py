"""Spikes on disk: `.npz`, key `spikes`, shape (batch, time, *node shape), bool or counts.

For a network of several inputs one key for each: `spikes/NODE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .files import FileKind, ZippedArrays, new_file
from .reference import Spikes

_LARGEST_BYTES = 8 << 30
_OF_NODE = "spikes/"
_FILE = FileKind(
    "spike file",
    expected="an .npz file with an array 'spikes'",
    remedy="write it with numpy.savez(path, spikes=array); of a network of several inputs, "
    "with a key spikes/NODE for each",
    most_bytes=_LARGEST_BYTES,
)


def read_spikes(path: Path) -> Spikes:
    """Return the spikes of an `.npz` file; see `read_labelled_spikes`."""
    return read_labelled_spikes(path)[0]


def read_raster(path: Path) -> np.ndarray:
    """Return the array `spikes` of an `.npz` file; see `read_labelled_spikes` for its errors."""
    spikes = read_spikes(path)
    if isinstance(spikes, Mapping):
        got = f"spikes of several nodes: {', '.join(spikes)}"
        raise _FILE.fault(path, got, "one array 'spikes'")
    return spikes


def read_labelled_spikes(path: Path) -> tuple[Spikes, np.ndarray | None]:
    """Return the spikes of an `.npz` file and, where it is there, `labels` (one a sample).

    The spikes are the array `spikes`; without it, all arrays `spikes/NODE` by node.

    Raises:
        InputError: no such file, not an `.npz`, no such key, anything but finite numbers inside,
            labels that are no row of integers, or more than 8 GiB when unpacked.
    """
    with _FILE.opened(path) as file:
        archive = ZippedArrays(file, _LARGEST_BYTES)
        names = list(archive)
        keys = ["spikes"] if "spikes" in names else [n for n in names if n.startswith(_OF_NODE)]
        if not keys:
            raise _FILE.fault(
                path, f"keys {sorted(names)[:20]}", "a key 'spikes', or 'spikes/NODE' of each"
            )
        found = {key: archive.array(key) for key in keys}
        labels = archive.array("labels") if "labels" in names else None
    for key, spikes in found.items():
        _require_spikes(path, key, spikes)
    if labels is not None:
        _require_labels(path, labels)
    if "spikes" in found:
        return found["spikes"], labels
    return {key.removeprefix(_OF_NODE): spikes for key, spikes in found.items()}, labels


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays to an `.npz` file, which appears whole or not at all.

    Raises:
        InputError: `path` cannot be written.
    """
    with new_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _require_labels(path: Path, labels: np.ndarray) -> None:
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise _FILE.fault(
            path,
            f"'labels', an array of shape {labels.shape} and type {labels.dtype}",
            "one integer for each sample",
        )


def _require_spikes(path: Path, key: str, spikes: np.ndarray) -> None:
    if spikes.ndim < 3 or spikes.size == 0:
        raise _FILE.fault(
            path,
            f"{key!r}, an array of shape {spikes.shape} and type {spikes.dtype}",
            "numbers of shape (batch, time, *node shape)",
        )
    if spikes.dtype.kind == "f" and not np.isfinite(spikes).all():
        wrong = np.argwhere(~np.isfinite(spikes))
        at = tuple(map(int, wrong[0]))
        raise _FILE.fault(
            path, f"{key!r} with {spikes[at]} at {at}, {len(wrong)} in all", "finite numbers"
        )
