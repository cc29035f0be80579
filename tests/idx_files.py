"""A small made MNIST in idx files, as its publishers ship it."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RANDOM = np.random.default_rng(0)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def made_mnist(folder: Path, suffix: str = ".gz") -> dict[str, NDArray[np.uint8]]:
    arrays = {}
    for split, n in (("train", 6), ("t10k", 3)):
        arrays[split] = RANDOM.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        write_idx(folder / f"{split}-images-idx3-ubyte{suffix}", arrays[split])
        labels = np.arange(n, dtype=np.uint8)
        write_idx(folder / f"{split}-labels-idx1-ubyte{suffix}", labels)
    return arrays
