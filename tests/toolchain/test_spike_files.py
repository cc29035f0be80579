"""Spikes and labels on disk: what is written reads back, what is damaged is refused in one line."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutants import byte_mutants, mutants, survives

from axonc.toolchain.errors import InputError
from axonc.toolchain.spike_files import read_labelled_spikes, read_raster, read_spikes, write_arrays

RNG = np.random.default_rng(0)
SPIKES = RNG.random((3, 10, 6)) < 0.5


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_arrays(path, {"spikes": SPIKES, "labels": np.arange(3)})
    spikes, labels = read_labelled_spikes(path)
    assert np.array_equal(spikes, SPIKES) and np.array_equal(labels, [0, 1, 2])
    assert np.array_equal(read_raster(path), SPIKES)
    write_arrays(path, {"spikes/a": SPIKES, "spikes/b": 2.5 * SPIKES})
    several = read_spikes(path)
    assert list(several) == ["a", "b"] and np.array_equal(several["b"], 2.5 * SPIKES)
    with pytest.raises(InputError, match="got spikes of several nodes: a, b, expected one array"):
        read_raster(path)


def with_value(value: float) -> np.ndarray:
    spikes = SPIKES.astype(np.float32)
    spikes[1, 2, 3] = value
    return spikes


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({}, "got keys [], expected a key 'spikes', or 'spikes/NODE' of each"),
        (
            {"spikes": with_value(np.nan)},
            "got 'spikes' with nan at (1, 2, 3), 1 in all, expected finite numbers",
        ),
        (
            {"spikes/a": SPIKES, "spikes/b": with_value(-np.inf)},
            "got 'spikes/b' with -inf at (1, 2, 3), 1 in all, expected finite numbers",
        ),
        (
            {"spikes": SPIKES, "labels": np.arange(3.0)},
            "got 'labels', an array of shape (3,) and type float64, expected one integer for each",
        ),
        ({"spikes": SPIKES.astype(complex)}, "got 'spikes', an array of type complex128"),
        ({"spikes": SPIKES.astype("U3")}, "got 'spikes', an array of type <U3, expected"),
        ({"spikes": SPIKES[:0]}, "got 'spikes', an array of shape (0, 10, 6) and type bool"),
    ],
)
def test_arrays_that_are_no_spikes(arrays: dict[str, Any], fault: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError) as error:
        read_spikes(path)
    assert str(error.value).startswith(f"spike file {path}: {fault}")


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "harm"),)

    np.savez(tmp_path / "a.npz", spikes=np.array([[[Harmful()]]]))
    with pytest.raises(InputError, match="'spikes', an array of type object"):
        read_spikes(tmp_path / "a.npz")
    assert not (tmp_path / "harm").exists()


def with_header(content: bytes, path: Path) -> None:
    """Write an archive whose `spikes.npy` begins with these bytes after NumPy's eight."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("spikes.npy", b"\x93NUMPY\x01\x00" + content + bytes(200))


def headers() -> Iterator[Callable[[Path], object]]:
    """Yield files with mutants of an array's header."""
    stored = io.BytesIO()
    np.save(stored, SPIKES)
    header = stored.getvalue()[8:140]
    return (partial(with_header, mutant) for mutant in byte_mutants(header, seed=1))


def structures() -> Iterator[Callable[[Path], object]]:
    """Yield files of other arrays than spikes."""
    document = {"spikes": SPIKES, "labels": np.arange(3), "spikes/a": SPIKES.astype(np.int16)}

    def save(mutant: Any, path: Path) -> None:
        arrays = {f"{key}": value for key, value in mutant.items() if f"{key}" not in ("", "file")}
        for key, value in arrays.items():
            if isinstance(value, list | dict):
                arrays[key] = np.empty((), object)
                arrays[key][()] = value
        np.savez_compressed(path.with_suffix(".npz"), **arrays)

    return (partial(save, mutant) for mutant in mutants(document, seed=2))


def archives() -> Iterator[Callable[[Path], object]]:
    """Yield files of which any byte may be another."""
    stored = io.BytesIO()
    np.savez_compressed(stored, spikes=SPIKES, labels=np.arange(3))
    content = stored.getvalue()
    return ((lambda path, m=m: path.write_bytes(m)) for m in byte_mutants(content, seed=3))


@pytest.mark.parametrize("files", [headers, structures, archives])
def test_mutants_are_read_or_refused(
    files: Callable[[], Iterator[Callable[[Path], object]]], tmp_path: Path
) -> None:
    accepted, refused = survives(tmp_path / "a.npz", files(), read_labelled_spikes, InputError)
    assert refused and (accepted or files is headers)
