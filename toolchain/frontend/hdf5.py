"""Read an HDF5 file into a RawFile, trusting nothing in it.

Run this in the reader process (`reader_process.py`): the HDF5 library itself can loop or crash on
a damaged file, which no check made here can prevent.
Refused before any allocation: links other than hard ones, an object reached twice, external and
virtual storage, filters that no writer of networks uses, types other than numbers and strings, and
whatever exceeds the Limits.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import h5py
import numpy as np

from ..errors import InputError
from .raw import Limits, RawFile, RawNode, RawValue

_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 32000: "lzf"}
_NUMBERS = "biuf"
_MAX_RANK = 8
_MOST_COMPRESSION = 1032
"""The highest compression of deflate, on constant bytes (RFC 1951: 258 bytes in 2 bits)."""
_SMALL_BYTES = 1 << 20
_SLOWER_AS_TEXT = 10
"""Strings of variable length come one by one."""

Allowance = Callable[[int], None]
"""Called at every object with the number of bytes about to be read, to extend the time limit."""


def read_file(
    path: str, limits: Limits, kind: type[Hdf5Reader], allow: Allowance = lambda _: None
) -> RawFile:
    """Return the content of the HDF5 file at `path`, as this reader returns it.

    Raises:
        InputError: not HDF5, damaged, not what this reader reads, or over a limit; `what` names
            the place in the file.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            return kind(limits, most_data_bytes(path, limits), allow).file(file)
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
        raise InputError(
            "the file", got=_damage(error), expected=kind.expected, remedy="copy or export it again"
        ) from None


def _damage(error: Exception) -> str:
    text = " ".join(str(error).split())[:200] or type(error).__name__
    if short := re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", text):
        return f"{short[1]} of the {short[2]} bytes that it says it has: half-written or cut short"
    return f"a damaged or half-written HDF5 file ({text})"


def most_data_bytes(path: str, limits: Limits) -> int:
    """Return how many bytes of arrays the file at `path` may hold, decompressed."""
    file_bytes = os.path.getsize(path) if os.path.exists(path) else 0
    return min(limits.data_bytes, _SMALL_BYTES + _MOST_COMPRESSION * file_bytes)


class Hdf5Reader:
    """Reads any tree of groups, arrays and texts; formats of their own are subclasses."""

    expected = "an HDF5 file of groups, numbers and texts"
    remedy = "export it again"

    def __init__(self, limits: Limits, most_bytes: int, allow: Allowance) -> None:
        self.limits, self.allow = limits, allow
        self.bytes_left = self.most_bytes = most_bytes
        self.nodes_left = limits.nodes
        self.edges_left = limits.edges
        self.seen: set[int] = set()

    def file(self, file: h5py.File) -> RawFile:
        """Return the content: groups as nodes of the kind "group", all else as their fields."""
        return RawFile(self.group(file, "", depth=0))

    def group(self, group: h5py.Group, where: str, depth: int) -> RawNode:
        if depth > self.limits.depth:
            raise over_limit(where, "groups nested deeper", f"{self.limits.depth} levels")
        fields: dict[str, RawValue] = {}
        nodes: dict[str, RawNode] = {}
        for name, member in self.members(group, where):
            if isinstance(member, h5py.Group):
                self.count_node(where)
                nodes[name] = self.group(member, f"{where}/{name}", depth + 1)
            else:
                fields[name] = self.value(member, where, name)
        return RawNode("group", fields, nodes=nodes)

    def count_node(self, where: str) -> None:
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise over_limit(where, f"more than {self.limits.nodes} nodes", f"{self.limits.nodes}")

    def members(self, group: h5py.Group, where: str) -> Iterator[tuple[str, Any]]:
        """Yield the members of a group, in order of creation if the file tracks it."""
        if group.id.get_num_objs() > self.limits.nodes:
            raise over_limit(where, f"{group.id.get_num_objs()} members", f"{self.limits.nodes}")
        tracked = tracks_order(group)
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
                    remedy=self.remedy,
                )
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if address in self.seen:
                raise InputError(
                    f"{where!r}",
                    got=f"{name!r} linked from two places or into a cycle",
                    expected="a tree of groups",
                    remedy=self.remedy,
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

    def value(self, member: Any, where: str, key: str) -> RawValue:
        if not isinstance(member, h5py.Dataset) or member.shape is None:
            raise InputError(
                f"node {where!r}, field {key!r}",
                got="a group or an empty data set",
                expected="an array or a text",
                remedy=self.remedy,
            )
        if member.size == 1 and is_text(member.dtype):
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
                remedy=self.remedy,
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
                remedy=self.remedy,
            )
        chunk = prod(dataset.chunks) if dataset.chunks else 0
        size = max(prod(dataset.shape), chunk) * max(dataset.dtype.itemsize, 1)
        if size > self.bytes_left or len(dataset.shape) > _MAX_RANK:
            raise over_limit(
                what,
                f"an array of shape {dataset.shape}, {size} bytes in memory",
                f"{self.most_bytes} bytes in all arrays of this file and {_MAX_RANK} axes",
            )
        self.bytes_left -= size
        self.allow(size * (_SLOWER_AS_TEXT if dataset.dtype.kind == "O" else 1))
        return dataset[()]


def over_limit(what: str, got: str, most: str) -> InputError:
    return InputError(
        what or "the graph",
        got=got,
        expected=f"at most {most}",
        remedy="if the file can be trusted, raise the limit: load_graph(..., limits=Limits(...))",
    )


def tracks_order(group: h5py.Group) -> bool:
    order = group.id.get_create_plist().get_link_creation_order()
    return bool(order & h5py.h5p.CRT_ORDER_TRACKED)


def is_text(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "S" or h5py.check_string_dtype(dtype) is not None


def _typed(dtype: np.dtype[Any]) -> str:
    return "text" if is_text(dtype) else "object" if dtype.kind == "O" else str(dtype)
