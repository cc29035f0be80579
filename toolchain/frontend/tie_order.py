"""An order of nodes that does not depend on their names: by what they are and what is around them.

HDF5 forgets the order of nodes, and the order of branches decides where a chip places them. Two
nodes are compared by a digest of their kind and fields, refined by the digests of their neighbours
until no more nodes differ (Weisfeiler and Leman, 1968). Names decide between nodes alone that are
alike in all of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from .raw import RawNode

MOST_WORK = 1 << 21
"""Edges looked at in all rounds together; strangers' files may be large and alike everywhere."""

Key = tuple[bytes, tuple[tuple[int, int, str], ...]]


@lru_cache(1 << 16)
def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key under which "10" comes after "2"."""
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p)


def tie_keys(nodes: Mapping[str, RawNode], edges: Iterable[tuple[str, str]]) -> dict[str, Key]:
    """Return a sort key of every node."""
    edges = tuple(edges)
    targets: dict[str, list[str]] = {name: [] for name in nodes}
    sources: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in edges:
        targets[source].append(target)
        sources[target].append(source)
    branches = [*targets.values(), *sources.values(), _of_kind(nodes, "Input")]
    if all(len(branch) <= 1 for branch in branches):
        return {name: (b"", natural(name)) for name in nodes}  # nothing to choose
    digests = {name: _digest(node) for name, node in nodes.items()}
    for _ in range(max(4, MOST_WORK // max(1, len(edges)))):
        known = len(set(digests.values()))
        refined = {}
        for name, own in digests.items():
            after = sorted(digests[other] for other in targets[name])
            before = sorted(digests[other] for other in sources[name])
            refined[name] = blake2b(b"".join((own, *after, b"|", *before)), digest_size=16).digest()
        digests = refined
        if len(set(digests.values())) in (known, len(nodes)):
            break
    return {name: (digest, natural(name)) for name, digest in digests.items()}


def _of_kind(nodes: Mapping[str, RawNode], kind: str) -> list[str]:
    return [name for name, node in nodes.items() if node.kind == kind]


def _digest(node: RawNode) -> bytes:
    found = blake2b(node.kind.encode(), digest_size=16)
    for key, value in sorted(node.fields.items()):
        found.update(key.encode())
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            found.update(f"{value.dtype.str}{value.shape}".encode())
            found.update(np.ascontiguousarray(value).tobytes())
        else:
            found.update(repr(value).encode())
    return found.digest()
