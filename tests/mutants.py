"""Damaged and hostile files: mutants of a good one, and the test that a reader survives them.

A document is nested dicts, lists, scalars and arrays, as a file holds them. A mutant differs in a
few places: a value of another type, rank or size, a key that is gone, doubled or misspelt, two
parts exchanged; or in the bytes of the file. AXONC_FUZZ_EXAMPLES=10000 makes as many of each.
"""

from __future__ import annotations

import copy
import json
import math
import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

EXAMPLES = int(os.environ.get("AXONC_FUZZ_EXAMPLES", "1000"))
LONGEST_S = 5.0
MOST_MEMORY_KIB = 1 << 20

Document = Any

SCALARS: tuple[Document, ...] = (
    *(0, 1, -1, 2, 3, 255, 1 << 31, 1 << 40, -(1 << 63), (1 << 63) - 1, True, False),
    *(0.5, -0.0, 1e-300, 1e300, float("inf"), float("-inf"), float("nan")),
    *("", "a", "layer", "CUBA", "\N{SNOWMAN}", "x" * 3000),
)
_KEYS = ("a", "", "type", "shape", "weight", "0", "spikes", "spikes/", "labels", "nodes")


def mutants(document: Document, count: int = EXAMPLES, seed: int = 0) -> Iterator[Document]:
    """Yield copies of a document with one to four places changed."""
    rng = random.Random(seed)
    for _ in range(count):
        mutant = copy.deepcopy(document)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            _change_one_place(mutant, rng)
        yield mutant


def byte_mutants(content: bytes, count: int = EXAMPLES, seed: int = 0) -> Iterator[bytes]:
    """Yield copies of a file with one to eight places changed, or cut short."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(content)
        for _ in range(rng.randint(1, 8)):
            at = int(rng.random() ** rng.choice((1, 1, 3)) * len(data))
            match rng.choice(("set", "set", "flip", "copy", "cut", "insert", "number")):
                case "set":
                    data[at : at + 1] = bytes([rng.choice((0, 1, 127, 128, 255))])
                case "flip":
                    data[at : at + 1] = bytes(
                        byte ^ 1 << rng.randrange(8) for byte in data[at : at + 1]
                    )
                case "copy":
                    length, target = rng.randint(1, 64), rng.randrange(len(data) + 1)
                    data[target : target + length] = data[at : at + length]
                case "cut" if rng.random() < 0.3:
                    del data[at:]
                case "insert":
                    data[at:at] = rng.randbytes(rng.randint(1, 16))
                case "number":
                    width = rng.choice((2, 4, 8))
                    value = rng.choice((0, 1, (1 << 8 * width) - 1, 1 << 8 * width - 2))
                    data[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
        yield bytes(data)


def write_hdf5(document: Document, path: Path) -> None:
    """Write a document as an HDF5 file: dicts as groups, bytes as arrays of one text."""

    def store(group: h5py.Group, name: str, value: Document) -> None:
        if isinstance(value, dict | list):
            inner = group.create_group(name)
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if str(key) and str(key) not in inner:
                    store(inner, str(key).strip("/") or "a", item)
        elif isinstance(value, bytes):
            group[name] = np.array([value])
        else:
            group[name] = value

    with h5py.File(path, "w") as file:
        for key, value in document.items() if isinstance(document, dict) else ():
            store(file, key.strip("/") or "a", value)


def write_toml(document: Document, path: Path) -> None:
    """Write a document as a TOML file."""
    path.write_text("".join(f"{_key(k)} = {_toml(v)}\n" for k, v in document.items()))


def _toml(value: Document) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return json.dumps(value)


def _key(key: Document) -> str:
    return json.dumps(str(key))


def survives(
    path: Path,
    files: Iterator[Callable[[Path], object]],
    read: Callable[[Path], object],
    refusals: type[Exception] | tuple[type[Exception], ...],
) -> tuple[int, int]:
    """Write each file to `path` and read it; return how many were accepted and refused.

    Anything but a return or a refusal in one line within the limits of time and memory fails.
    """
    before_kib = _most_memory_kib()
    accepted = refused = 0
    for number, write in enumerate(files):
        path.unlink(missing_ok=True)
        write(path)
        start = time.perf_counter()
        try:
            read(path)
            accepted += 1
        except refusals as error:
            assert "\n" not in str(error), f"mutant {number}: {error}"
            assert getattr(error, "exit_status", None) == 1, f"mutant {number}: {error!r}"
            refused += 1
        except Exception as error:
            error.add_note(f"mutant {number}, kept as {path}")
            raise
        taken_s = time.perf_counter() - start
        assert taken_s < LONGEST_S, f"mutant {number} took {taken_s:.1f} s"
    grown_kib = _most_memory_kib() - before_kib
    assert grown_kib < MOST_MEMORY_KIB, f"{grown_kib} KiB of memory"
    return accepted, refused


def _most_memory_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _change_one_place(document: Document, rng: random.Random) -> None:
    places = list(_places(document))
    if not places:
        return
    holder, key = rng.choice(places)
    value = holder[key]
    match rng.choice(("value", "value", "value", "array", "drop", "rename", "exchange", "nest")):
        case "value":
            holder[key] = _other_value(value, rng)
        case "array" if isinstance(value, np.ndarray):
            holder[key] = _other_array(value, rng)
        case "drop":
            del holder[key]
        case "rename" if isinstance(holder, dict):
            holder[rng.choice((*_KEYS, str(key) + "x"))] = holder.pop(key)
        case "exchange":
            other, other_key = rng.choice(places)
            holder[key], other[other_key] = copy.deepcopy(other[other_key]), copy.deepcopy(value)
        case "nest":
            holder[key] = rng.choice(([value], {"a": value}, [], {}, [value, value]))


def _places(document: Document) -> Iterator[tuple[Any, Any]]:
    if isinstance(document, dict):
        items: Any = document.items()
    elif isinstance(document, list):
        items = enumerate(document)
    else:
        return
    for key, value in items:
        yield document, key
        yield from _places(value)


def _other_value(value: Document, rng: random.Random) -> Document:
    is_numbers = isinstance(value, np.ndarray) and value.size and value.dtype.kind in "biuf"
    if is_numbers and rng.random() < 0.5:
        number = rng.choice([s for s in SCALARS if isinstance(s, int | float)])
        wide = value.astype(np.float64)
        wide.flat[rng.randrange(value.size)] = number
        return wide
    return rng.choice(SCALARS)


def _other_array(value: np.ndarray, rng: random.Random) -> np.ndarray:
    value = np.atleast_1d(value)
    changes: tuple[Callable[[], np.ndarray], ...] = (
        lambda: value[None],
        lambda: value.reshape(-1),
        lambda: value.T.copy(),
        lambda: value[:0],
        lambda: np.concatenate([value.reshape(-1), value.reshape(-1)]),
        lambda: value.reshape(-1)[:1],
        lambda: value.reshape(-1)[0] if value.size else value,
        lambda: np.zeros((1,) * 9),
        lambda: np.zeros((2,) * 7, np.int8),
        lambda: value.astype(rng.choice(["?", "i1", "u8", "f2", "f4", "f8", ">i4"])),
        lambda: value.astype("S3"),
        lambda: np.full((300, 300), 1),
    )
    with np.errstate(all="ignore"), suppress(ValueError):  # a text is no number
        return np.asarray(rng.choice(changes)())
    return value
