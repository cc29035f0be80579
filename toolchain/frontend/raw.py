"""The unverified content of a NIR file: names, numbers, edges, and nothing derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

DATA_BYTES_PER_SECOND = 20_000_000
"""The lowest rate of decompression; a file that is slower is refused."""

RawValue = np.ndarray | str
Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True, eq=False)
class RawNode:
    """One node as written: `kind` is NIR's type name; a nested graph has `nodes` and `edges`.

    `in_order` says whether the order of `nodes` is the author's (HDF5 forgets it by default).
    """

    kind: str
    fields: Mapping[str, RawValue] = field(default_factory=dict)
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    nodes: Mapping[str, RawNode] = field(default_factory=dict)
    edges: tuple[tuple[str, str], ...] = ()
    in_order: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RawFile:
    """A root node and the version of the `nir` package that wrote it, where the file tells."""

    root: RawNode
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what is read from an untrusted file.

    data_bytes counts all arrays together, decompressed, before any of them is allocated (of a small
    file less is taken: no more than deflate can have packed into it);
    cpu_seconds is what the HDF5 library may spend on its way from one object in the file to the
    next, without the time for the bytes it reads; edges: two a node are many;
    elements bounds the size of any one population or signal.
    """

    file_bytes: int = 1 << 30
    data_bytes: int = 1 << 30
    nodes: int = 10_000
    edges: int = 20_000
    depth: int = 8
    elements: int = 1 << 28
    name_length: int = 256
    cpu_seconds: float = 0.3
