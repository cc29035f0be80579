"""How the reader process hands a RawFile over: JSON for the tree, raw bytes for the arrays.

Nothing in it can run code, so even a reader compromised by a malicious file can return no more than
wrong numbers.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .raw import RawFile, RawNode, RawValue

_TYPES = frozenset("?bhilqBHILQefd")


def packed(file: RawFile) -> tuple[bytes, list[np.ndarray]]:
    """Return the tree as JSON and the arrays whose bytes follow it, in order."""
    arrays: list[np.ndarray] = []

    def value(item: RawValue) -> Any:
        if isinstance(item, str):
            return item
        arrays.append(item)
        return {"type": item.dtype.char, "shape": item.shape}

    def node(raw: RawNode) -> dict[str, Any]:
        return {
            "kind": raw.kind,
            "fields": [[key, value(item)] for key, item in raw.fields.items()],
            "metadata": dict(raw.metadata),
            "nodes": [[name, node(child)] for name, child in raw.nodes.items()],
            "edges": raw.edges,
            "in_order": raw.in_order,
        }

    return json.dumps({"root": node(file.root), "version": file.version}).encode(), arrays


def unpacked(tree: Any, data: bytearray) -> RawFile:
    """Return the RawFile of a parsed JSON tree and the bytes that followed it.

    Raises:
        ValueError: the bytes do not fit the tree.
    """
    position = 0

    def value(item: Any) -> RawValue:
        nonlocal position
        if isinstance(item, str):
            return item
        if item["type"] not in _TYPES:
            raise ValueError(f"array type {item['type']!r}")
        dtype, shape = np.dtype(item["type"]), tuple(item["shape"])
        count = int(np.prod(shape, dtype=np.int64)) if shape else 1
        flat = np.frombuffer(data, dtype, count, position) if count else np.empty(0, dtype)
        position += flat.nbytes
        return flat.reshape(shape)

    def node(item: Any) -> RawNode:
        return RawNode(
            kind=item["kind"],
            fields={key: value(field) for key, field in item["fields"]},
            metadata=item["metadata"],
            nodes={name: node(child) for name, child in item["nodes"]},
            edges=tuple((source, target) for source, target in item["edges"]),
            in_order=item["in_order"],
        )

    return RawFile(node(tree["root"]), tree["version"])
