"""Read a `nir.NIRGraph` in memory into a RawFile, as if it had been written and read."""

from __future__ import annotations

import sys
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .faults import described
from .raw import Limits, RawFile, RawNode, RawValue, Scalar

_DERIVED = frozenset(("input_type", "output_type", "metadata"))
_SHAPED = {"Input": ("shape", "input_type"), "Output": ("shape", "output_type")}
_SHAPED["Flatten"] = ("input_type", "input_type")


def is_nir_object(source: object) -> bool:
    """Whether `source` is a node of the `nir` package; does not import it."""
    nir = sys.modules.get("nir")
    return nir is not None and isinstance(source, nir.NIRNode)


def read_object(graph: Any, limits: Limits) -> RawFile:
    """Return a copy of the content of a NIR graph.

    Raises:
        InputError: a field is no array, or graphs nest deeper than the limit.
    """
    version = getattr(sys.modules["nir"], "version", None)
    return RawFile(_node(graph, "", limits.depth), version)


def _node(node: Any, name: str, depth: int) -> RawNode:
    kind = type(node).__name__
    if depth < 0 or not is_dataclass(node):
        raise InputError(
            described(name, kind),
            got="an object or a nesting that NIR does not know",
            expected="nodes of the package nir, at most a few levels of graphs",
            remedy="build the graph from nir's own classes",
        )
    metadata = _scalars(getattr(node, "metadata", None))
    if kind == "NIRGraph":
        graph: Any = node
        children = {
            str(key): _node(child, f"{name}.{key}" if name else str(key), depth - 1)
            for key, child in graph.nodes.items()
        }
        edges = tuple((str(source), str(target)) for source, target in graph.edges)
        return RawNode(kind, {}, metadata, children, edges, in_order=True)
    found: dict[str, RawValue] = {}
    for field in fields(node):
        value = getattr(node, field.name, None)
        if field.name not in _DERIVED and value is not None:
            found[field.name] = _value(value, described(name, kind), field.name)
    if kind in _SHAPED:
        key, attribute = _SHAPED[kind]
        ports = getattr(node, attribute, None) or {}
        shapes = [shape for shape in ports.values() if shape is not None]
        if len(shapes) == 1:
            found[key] = _value(shapes[0], described(name, kind), key)
    return RawNode(kind, found, metadata)


def _value(value: Any, what: str, key: str) -> RawValue:
    if isinstance(value, str):
        return value
    if hasattr(value, "detach"):  # a tensor, as norse and nirtorch leave them
        value = value.detach().cpu().numpy()
    try:
        array = np.array(value)  # a copy: the graph's arrays become read-only, the caller's do not
    except (TypeError, ValueError, RuntimeError):
        array = np.array(None)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InputError(
            f"{what}, field {key!r}",
            got=f"{type(value).__name__} of {array.dtype}",
            expected="an array of booleans, integers or floats of at most 64 bits",
            remedy="convert it with numpy.asarray",
        )
    return array


def _scalars(metadata: Any) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for key, value in metadata.items() if isinstance(metadata, dict) else ():
        single = isinstance(value, np.generic | np.ndarray) and value.size == 1
        plain = value.item() if single else value
        if isinstance(plain, bytes):
            plain = plain.decode("utf-8", "replace")
        if isinstance(plain, bool | int | float | str):
            found[str(key)] = plain
    return found
