"""Spikes on disk: `.npz`, key `spikes`, shape (batch, time, *node shape), bool or counts.

For a network of several inputs one key for each: `spikes/NODE`.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from .errors import InputError
from .reference import Spikes

_LARGEST_BYTES = 8 << 30
_OF_NODE = "spikes/"


def read_spikes(path: Path) -> Spikes:
    """Return the spikes of an `.npz` file; see `read_labelled_spikes`."""
    return read_labelled_spikes(path)[0]


def read_raster(path: Path) -> np.ndarray:
    """Return the array `spikes` of an `.npz` file; see `read_labelled_spikes` for its errors."""
    spikes = read_spikes(path)
    if isinstance(spikes, Mapping):
        raise _bad(path, f"spikes of several nodes: {', '.join(spikes)}", "one array 'spikes'")
    return spikes


def read_labelled_spikes(path: Path) -> tuple[Spikes, np.ndarray | None]:
    """Return the spikes of an `.npz` file and, where it is there, `labels` (one a sample).

    The spikes are the array `spikes`; without it, all arrays `spikes/NODE` by node.

    Raises:
        InputError: no such file, not an `.npz`, no such key, pickled objects inside, or more than
            8 GiB when unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _LARGEST_BYTES:
            raise _bad(path, f"{size} bytes unpacked", f"at most {_LARGEST_BYTES}")
        with np.load(path, allow_pickle=False) as file:
            keys = ["spikes"] if "spikes" in file else [k for k in file if k.startswith(_OF_NODE)]
            if not keys:
                raise _bad(path, f"keys {sorted(file)}", "a key 'spikes', or 'spikes/NODE' of each")
            found = {key: file[key] for key in keys}
            labels: np.ndarray | None = file["labels"] if "labels" in file else None
    except InputError:
        raise
    except FileNotFoundError:
        raise _bad(path, "no such file", "an .npz file") from None
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise _bad(path, f"{error}", "an .npz file with an array 'spikes'") from None
    for key, spikes in found.items():
        if spikes.ndim < 3 or spikes.size == 0 or spikes.dtype.kind not in "biuf":
            got = f"{key!r}, an array of shape {spikes.shape} and type {spikes.dtype}"
            raise _bad(path, got, "numbers of shape (batch, time, *node shape)")
    if "spikes" in found:
        return found["spikes"], labels
    return {key.removeprefix(_OF_NODE): spikes for key, spikes in found.items()}, labels


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays to an `.npz` file: beside it first, then renamed.

    Raises:
        InputError: the folder cannot be written.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise unwritable(path, error) from None


def write_text(path: Path, text: str) -> None:
    """Write a file of text; nothing half-written is left.

    Raises:
        InputError: `path` cannot be written.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text)
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> InputError:
    """Return the error to raise when an output cannot be written."""
    return InputError(
        f"output {path}",
        got=error.strerror or str(error),
        expected="a place that can be written",
        remedy="choose another folder, or make this one writable",
    )


def _bad(path: Path, got: str, expected: str) -> InputError:
    return InputError(
        f"spike file {path}",
        got=got,
        expected=expected,
        remedy="write it with numpy.savez(path, spikes=array); of a network of several inputs, "
        "with a key spikes/NODE for each",
    )
