"""The file format of graphs: a zip of `graph.json` and one `.npy` an array, round-trip exact.

Safe to read from strangers: no pickles, no paths are followed, and sizes are capped before
anything is allocated.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InternalError
from ..files import FileKind, ZippedArrays, new_file
from .dialect import Dialect, IFConvention, Integrator, WInConvention
from .discrete import Reset
from .dtypes import WeightType, weight_type_named
from .graph import Edge, Graph
from .integer import LeakyState, Overflow, Rounding
from .node import Node
from .sized_for import SizedFor
from .stage import LEGAL_NODES, Stage
from .verify import faults_of
from .window import Window

FORMAT_VERSION = 1
_LARGEST_JSON_BYTES = 16 << 20
_LARGEST_FILE_BYTES = 4 << 30
_FILE = FileKind(
    "graph file",
    expected=f"a graph written by axonc, format version up to {FORMAT_VERSION}",
    remedy="write it again with axonc compile",
    most_bytes=_LARGEST_FILE_BYTES,
)

_NODES: dict[str, type[Node]] = {
    node.kind: node for stage in LEGAL_NODES.values() for node in stage
}
_RECORDS: dict[str, type] = {"Window": Window, "LeakyState": LeakyState}
_ENUMS: dict[str, type[StrEnum]] = {
    enum.__name__: enum for enum in (Reset, Rounding, Overflow, Integrator, IFConvention)
}


def save_graph(graph: Graph, path: Path) -> None:
    """Write `graph` to `path`, which appears whole or not at all.

    Raises:
        InputError: `path` cannot be written.
    """
    arrays: list[np.ndarray] = []
    dialect = graph.dialect
    document = {
        "format": "axonc graph",
        "version": FORMAT_VERSION,
        "name": graph.name,
        "stage": str(graph.stage),
        "dialect": None
        if dialect is None
        else {
            "dt": dialect.dt,
            "integrator": str(dialect.integrator),
            "reset": str(dialect.reset),
            "if_convention": str(dialect.if_convention),
            "w_in": str(dialect.w_in),
            "notes": list(dialect.notes),
        },
        "sized_for": None
        if graph.sized_for is None
        else {"counts": graph.sized_for.counts, "steps": graph.sized_for.steps},
        "nodes": {name: _encode(node, arrays) for name, node in graph.nodes.items()},
        "edges": [list(edge) for edge in graph.edges],
    }
    with (
        new_file(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr("graph.json", json.dumps(document, indent=1))
        for index, array in enumerate(arrays):
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(f"{index}.npy", buffer.getvalue())


def read_graph(path: Path) -> Graph:
    """Read a graph that `save_graph` wrote.

    Raises:
        InputError: the file is none, is damaged, is of a later version or breaks an invariant.
    """
    with _FILE.opened(path) as file:
        graph = _decode_graph(ZippedArrays(file, _LARGEST_FILE_BYTES))
        if faults := faults_of(graph):
            raise _FILE.fault(path, "; ".join(faults))
    return graph


def _decode_graph(archive: ZippedArrays) -> Graph:
    document = json.loads(archive.bytes("graph.json", _LARGEST_JSON_BYTES))
    if document["format"] != "axonc graph" or document["version"] > FORMAT_VERSION:
        raise ValueError(f"format {document['format']!r} version {document['version']}")

    def array(index: int) -> np.ndarray:
        return archive.array(f"{int(index)}")

    dialect = document["dialect"]
    return Graph(
        stage=Stage(document["stage"]),
        nodes={str(name): _decode(node, array) for name, node in document["nodes"].items()},
        edges=tuple(Edge(str(a), str(b), int(d)) for a, b, d in document["edges"]),
        dialect=None
        if dialect is None
        else Dialect(
            float(dialect["dt"]),
            Integrator(dialect["integrator"]),
            Reset(dialect["reset"]),
            IFConvention(dialect["if_convention"]),
            WInConvention(dialect["w_in"]),
            tuple(map(str, dialect["notes"])),
        ),
        name=str(document["name"]),
        sized_for=_sized_for(document.get("sized_for")),
    )


def _sized_for(value: Any) -> SizedFor | None:
    if value is None:
        return None
    steps = value["steps"]
    return SizedFor(int(value["counts"]), None if steps is None else int(steps))


def _encode(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, StrEnum):
        return {"enum": type(value).__name__, "value": str(value)}
    if isinstance(value, WeightType):
        return {"weight_type": value.name}
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, arrays) for item in value]}
    if isinstance(value, Node):
        return {"node": value.kind, "fields": _encode_fields(value, arrays)}
    if type(value).__name__ in _RECORDS:
        return {"record": type(value).__name__, "fields": _encode_fields(value, arrays)}
    return value


def _encode_fields(value: Any, arrays: list[np.ndarray]) -> dict[str, Any]:
    return {f.name: _encode(getattr(value, f.name), arrays) for f in fields(value)}


def _decode(value: Any, array: Callable[[int], np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return array(value["array"])
    if "enum" in value:
        return _ENUMS[value["enum"]](value["value"])
    if "weight_type" in value:
        return _weight_type(value["weight_type"])
    if "tuple" in value:
        return tuple(_decode(item, array) for item in value["tuple"])
    made = _NODES[value["node"]] if "node" in value else _RECORDS[value["record"]]
    return made(**{name: _decode(field, array) for name, field in value["fields"].items()})


def _weight_type(name: str) -> WeightType:
    try:
        return weight_type_named(name)
    except InternalError as error:  # here a fault of the file
        raise ValueError(str(error)) from None
