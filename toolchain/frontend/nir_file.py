"""The structure of NIR files: a root node, and in each graph nodes by name and a list of edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py

from ..errors import InputError
from .hdf5 import Hdf5Reader, is_text, over_limit, tracks_order
from .raw import RawFile, RawNode, Scalar


class NirReader(Hdf5Reader):
    """Reads the HDF5 that `nir.write` writes."""

    expected = "a NIR file"
    remedy = "write the file with nir.write"

    def file(self, file: h5py.File) -> RawFile:
        members = dict(self.members(file, "/"))
        if not isinstance(members.get("node"), h5py.Group):
            raise InputError(
                "the file",
                got=f"HDF5 with {listed(members)} at its root",
                expected="a NIR file: a group 'node' at the root",
                remedy="write it with nir.write, or check that it is the right file",
            )
        version = members.get("version")
        told = isinstance(version, h5py.Dataset) and is_text(version.dtype)
        written_by = self.text(version) if told else None
        return RawFile(self.node(members["node"], "", depth=0), written_by)

    def node(self, group: h5py.Group, where: str, depth: int) -> RawNode:
        if depth > self.limits.depth:
            raise over_limit(where, "graphs nested deeper", f"{self.limits.depth} levels")
        members = dict(self.members(group, where))
        kind = members.pop("type", None)
        if not isinstance(kind, h5py.Dataset):
            raise InputError(
                f"node {where!r}" if where else "the root node",
                got="no field 'type'" if members else "an empty group, as of a half-written file",
                expected="the name of a NIR node",
                remedy=self.remedy,
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
                got=f"a NIRGraph with {listed(members)}",
                expected="a group 'nodes' and a list 'edges'",
                remedy=self.remedy,
            )
        children = {
            name: self.child(member, f"{where}.{name}" if where else name, depth + 1)
            for name, member in self.named(nodes, where)
        }
        return RawNode(
            type_name, {}, notes, children, self.edges(edges, where), tracks_order(nodes)
        )

    def named(self, nodes: h5py.Group, where: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the nodes of a graph; HDF5 stores names with slashes as nested groups."""
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
                remedy=self.remedy,
            )
        self.count_node(where)
        return self.node(member, where, depth)

    def edges(self, dataset: h5py.Dataset, where: str) -> tuple[tuple[str, str], ...]:
        if dataset.size == 0:  # an empty list has lost its second axis
            return ()
        if dataset.ndim != 2 or dataset.shape[1] != 2 or not is_text(dataset.dtype):
            raise InputError(
                f"edges of graph {where!r}",
                got=f"{dataset.dtype} of shape {dataset.shape}",
                expected="pairs of node names",
                remedy=self.remedy,
            )
        self.edges_left -= dataset.shape[0]
        if self.edges_left < 0:
            raise over_limit(where, f"more than {self.limits.edges} edges", f"{self.limits.edges}")
        rows = self.load(dataset, f"edges of graph {where!r}")
        return tuple((self.name(_raw(a), where), self.name(_raw(b), where)) for a, b in rows)

    def metadata(self, group: h5py.Group, where: str) -> dict[str, Scalar]:
        """Return the single numbers and strings; other metadata are ignored."""
        found: dict[str, Scalar] = {}
        for name, member in self.members(group, where):
            if isinstance(member, h5py.Dataset) and member.shape == ():
                value = self.value(member, where, name)
                found[name] = value if isinstance(value, str) else value.item()
        return found


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


def _raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def listed(members: dict[str, Any]) -> str:
    return ", ".join(repr(name) for name in list(members)[:8]) or "nothing"
