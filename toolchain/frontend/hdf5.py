"""Read the HDF5 of a NIR file into a RawFile, trusting nothing in it.

Run this in the reader process (`reader_process.py`): the HDF5 library itself can loop or crash on
a damaged file, which no check made here can prevent.
Refused before any allocation: links other than hard ones, an object reached twice, external and
virtual storage, filters that a NIR writer does not use, types other than numbers and strings, and
whatever exceeds the Limits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import h5py
import numpy as np

from ..errors import InputError
from .raw import Limits, RawFile, RawNode, RawValue, Scalar

_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 32000: "lzf"}
_NUMBERS = "biuf"
_MAX_RANK = 8
_MOST_COMPRESSION = 1032
"""What deflate reaches at most, on constant bytes (RFC 1951: 258 bytes in 2 bits)."""
_SMALL_BYTES = 1 << 20
_SLOWER_AS_TEXT = 10
"""Strings of variable length come one by one."""

Allowance = Callable[[int], None]
"""Called at every object with the number of bytes about to be read: a watchdog grants time."""


def read_file(path: str, limits: Limits, allow: Allowance = lambda _: None) -> RawFile:
    """Return the content of the NIR file at `path`.

    Raises:
        InputError: not HDF5, damaged, not NIR, or over a limit; `what` names the place in the file.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            return _Reader(limits, most_data_bytes(path, limits), allow).file(file)
    except InputError:
        raise
    except MemoryError:
        raise InputError(
            "the file",
            got="data that does not fit the memory granted to the reader",
            expected=f"at most {most_data_bytes(path, limits)} bytes in all its arrays",
            remedy="check the file: such a ratio of compression is no network's",
        ) from None
    except Exception as error:  # h5py raises nearly everything on damaged files
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            "the file",
            got=f"a damaged HDF5 file ({text})",
            expected="a NIR file",
            remedy="copy or export it again",
        ) from None


def most_data_bytes(path: str, limits: Limits) -> int:
    """Return how many bytes of arrays the file at `path` may hold, decompressed."""
    file_bytes = os.path.getsize(path) if os.path.exists(path) else 0
    return min(limits.data_bytes, _SMALL_BYTES + _MOST_COMPRESSION * file_bytes)


class _Reader:
    def __init__(self, limits: Limits, most_bytes: int, allow: Allowance) -> None:
        self.limits, self.allow = limits, allow
        self.bytes_left = self.most_bytes = most_bytes
        self.nodes_left = limits.nodes
        self.edges_left = limits.edges
        self.seen: set[int] = set()

    def file(self, file: h5py.File) -> RawFile:
        members = dict(self.members(file, "/"))
        if not isinstance(members.get("node"), h5py.Group):
            raise InputError(
                "the file",
                got=f"HDF5 with {_listed(members)} at its root",
                expected="a NIR file: a group 'node' at the root",
                remedy="write it with nir.write, or check that it is the right file",
            )
        version = members.get("version")
        told = isinstance(version, h5py.Dataset) and _is_text(version.dtype)
        written_by = self.text(version) if told else None
        return RawFile(self.node(members["node"], "", depth=0), written_by)

    def members(self, group: h5py.Group, where: str) -> Iterator[tuple[str, Any]]:
        """Yield the members of a group, in order of creation if the file tracks it."""
        if group.id.get_num_objs() > self.limits.nodes:
            raise _over(where, f"{group.id.get_num_objs()} members", f"{self.limits.nodes}")
        tracked = _tracks_order(group)
        names: list[bytes] = []
        index = h5py.h5.INDEX_CRT_ORDER if tracked else h5py.h5.INDEX_NAME
        group.id.links.iterate(names.append, idx_type=index)
        for encoded in names:
            name = self.name(encoded, where)
            if group.id.links.get_info(encoded).type != h5py.h5l.TYPE_HARD:
                raise InputError(
                    f"{where!r}",
                    got=f"a soft or external link {name!r}",
                    expected="data in the file itself",
                    remedy="write the file with nir.write",
                )
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if address in self.seen:
                raise InputError(
                    f"{where!r}",
                    got=f"{name!r} linked from two places or into a cycle",
                    expected="a tree of groups",
                    remedy="write the file with nir.write",
                )
            self.seen.add(address)
            self.allow(0)
            yield name, member

    def name(self, encoded: bytes, where: str) -> str:
        try:
            name = encoded.decode("utf-8")
        except UnicodeDecodeError:
            name = ""
        if not name.isprintable() or not 0 < len(name) <= self.limits.name_length:
            raise InputError(
                f"{where!r}",
                got=f"a member named {encoded[:40]!r}",
                expected=f"1 to {self.limits.name_length} printable characters",
                remedy="rename it in the program that wrote the file",
            )
        return name

    def node(self, group: h5py.Group, where: str, depth: int) -> RawNode:
        if depth > self.limits.depth:
            raise _over(where, "graphs nested deeper", f"{self.limits.depth} levels")
        members = dict(self.members(group, where))
        kind = members.pop("type", None)
        if not isinstance(kind, h5py.Dataset):
            raise InputError(
                f"node {where!r}",
                got="no field 'type'",
                expected="the name of a NIR node",
                remedy="write the file with nir.write",
            )
        type_name = self.text(kind)
        metadata = members.pop("metadata", None)
        notes = self.metadata(metadata, where) if isinstance(metadata, h5py.Group) else {}
        if type_name != "NIRGraph":
            fields = {key: self.value(member, where, key) for key, member in members.items()}
            return RawNode(type_name, fields, notes)
        nodes, edges = members.pop("nodes", None), members.pop("edges", None)
        if not isinstance(nodes, h5py.Group) or not isinstance(edges, h5py.Dataset):
            raise InputError(
                f"graph {where!r}",
                got=f"a NIRGraph with {_listed(members)}",
                expected="a group 'nodes' and a list 'edges'",
                remedy="write the file with nir.write",
            )
        children = {
            name: self.child(member, f"{where}.{name}" if where else name, depth + 1)
            for name, member in self.named(nodes, where)
        }
        return RawNode(
            type_name, {}, notes, children, self.edges(edges, where), _tracks_order(nodes)
        )

    def named(self, nodes: h5py.Group, where: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the nodes of a graph; of a name with slashes HDF5 has made groups in groups."""
        for name, member in self.members(nodes, where):
            full = prefix + name
            if len(full) < self.limits.name_length and _holds_groups_alone(member):
                yield from self.named(member, where, f"{full}/")
            else:
                yield full, member

    def child(self, member: Any, where: str, depth: int) -> RawNode:
        if not isinstance(member, h5py.Group):
            raise InputError(
                f"node {where!r}",
                got="a bare data set",
                expected="a group of fields",
                remedy="write the file with nir.write",
            )
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise _over(where, f"more than {self.limits.nodes} nodes", f"{self.limits.nodes}")
        return self.node(member, where, depth)

    def edges(self, dataset: h5py.Dataset, where: str) -> tuple[tuple[str, str], ...]:
        if dataset.size == 0:  # an empty list has lost its second axis
            return ()
        if dataset.ndim != 2 or dataset.shape[1] != 2 or not _is_text(dataset.dtype):
            raise InputError(
                f"edges of graph {where!r}",
                got=f"{dataset.dtype} of shape {dataset.shape}",
                expected="pairs of node names",
                remedy="write the file with nir.write",
            )
        self.edges_left -= dataset.shape[0]
        if self.edges_left < 0:
            raise _over(where, f"more than {self.limits.edges} edges", f"{self.limits.edges}")
        rows = self.load(dataset, f"edges of graph {where!r}")
        return tuple((self.name(_raw(a), where), self.name(_raw(b), where)) for a, b in rows)

    def metadata(self, group: h5py.Group, where: str) -> dict[str, Scalar]:
        """Return the single numbers and strings; the rest of the metadata is nobody's business."""
        found: dict[str, Scalar] = {}
        for name, member in self.members(group, where):
            if isinstance(member, h5py.Dataset) and member.shape == ():
                value = self.value(member, where, name)
                found[name] = value if isinstance(value, str) else value.item()
        return found

    def value(self, member: Any, where: str, key: str) -> RawValue:
        if not isinstance(member, h5py.Dataset) or member.shape is None:
            raise InputError(
                f"node {where!r}, field {key!r}",
                got="a group or an empty data set",
                expected="an array or a text",
                remedy="write the file with nir.write",
            )
        if member.size == 1 and _is_text(member.dtype):
            return self.text(member)
        if member.dtype.kind not in _NUMBERS or member.dtype.itemsize > 8:
            raise InputError(
                f"node {where!r}, field {key!r}",
                got=f"elements of type {_typed(member.dtype)}",
                expected="booleans, integers or floats of at most 64 bits",
                remedy="convert the array before it is exported",
            )
        array = self.load(member, f"node {where!r}, field {key!r}")
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).reshape(array.shape)

    def text(self, dataset: h5py.Dataset) -> str:
        where = str(dataset.name)
        value = self.load(dataset, where) if dataset.size == 1 else None
        value = value.item() if isinstance(value, np.ndarray) else value
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str) or len(text) > 4096:
            raise InputError(
                where,
                got=f"{_typed(dataset.dtype)} of shape {dataset.shape}",
                expected="one text",
                remedy="write the file with nir.write",
            )
        return text

    def load(self, dataset: h5py.Dataset, what: str) -> Any:
        """Return the whole of a data set whose storage and size have been checked."""
        layout = dataset.id.get_create_plist()
        filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
        foreign = layout.get_external_count() or layout.get_layout() == h5py.h5d.VIRTUAL
        if foreign or any(number not in _FILTERS for number in filters):
            raise InputError(
                what,
                got="data stored outside the file or by an unknown filter",
                expected=f"data in the file, filtered by {', '.join(_FILTERS.values())} or not",
                remedy="write the file with nir.write",
            )
        chunk = prod(dataset.chunks) if dataset.chunks else 0
        size = max(prod(dataset.shape), chunk) * max(dataset.dtype.itemsize, 1)
        if size > self.bytes_left or len(dataset.shape) > _MAX_RANK:
            raise _over(
                what,
                f"an array of shape {dataset.shape}, {size} bytes in memory",
                f"{self.most_bytes} bytes in all arrays of this file and {_MAX_RANK} axes",
            )
        self.bytes_left -= size
        self.allow(size * (_SLOWER_AS_TEXT if dataset.dtype.kind == "O" else 1))
        return dataset[()]


def _over(what: str, got: str, most: str) -> InputError:
    return InputError(
        what or "the graph",
        got=got,
        expected=f"at most {most}",
        remedy="if the file can be trusted, raise the limit: load_graph(..., limits=Limits(...))",
    )


def _tracks_order(group: h5py.Group) -> bool:
    order = group.id.get_create_plist().get_link_creation_order()
    return bool(order & h5py.h5p.CRT_ORDER_TRACKED)


def _holds_groups_alone(member: Any) -> bool:
    if not isinstance(member, h5py.Group):
        return False
    names: list[bytes] = []
    member.id.links.iterate(names.append)
    return bool(names) and all(
        member.id.links.get_info(name).type == h5py.h5l.TYPE_HARD  # others could lead anywhere
        and h5py.h5o.get_info(member.id, name).type == h5py.h5o.TYPE_GROUP
        for name in names
    )


def _is_text(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "S" or h5py.check_string_dtype(dtype) is not None


def _typed(dtype: np.dtype[Any]) -> str:
    return "text" if _is_text(dtype) else "object" if dtype.kind == "O" else str(dtype)


def _raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def _listed(members: dict[str, Any]) -> str:
    return ", ".join(repr(name) for name in list(members)[:8]) or "nothing"
