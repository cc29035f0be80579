"""The canonical text of a graph: for golden files, differences and error reports.

One line a node in file order, then one line a delayed edge. Arrays of up to 8 elements are written
in full, longer ones as type, shape and a digest of their bytes, so that two graphs have the same
text exactly when they are the same graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from .graph import Graph

_WRITTEN_IN_FULL = 8


def graph_text(graph: Graph) -> str:
    """Return the canonical text of `graph`, ending in a newline."""
    lines = [f"graph {graph.name!r} {graph.stage}"]
    if graph.dialect is not None:
        d = graph.dialect
        lines.append(
            f"dialect dt={d.dt:g} integrator={d.integrator} reset={d.reset} if={d.if_convention} "
            f"w_in={d.w_in}"
        )
    if graph.sized_for is not None:
        lines.append(f"sized for {graph.sized_for}")
    for name, node in graph.nodes.items():
        sources = ", ".join(
            f"%{edge.source}" + (f"@-{edge.delay}" if edge.delay else "")
            for edge in graph.incoming[name]
        )
        parameters = " ".join(f"{key}={_text(value)}" for key, value in _fields(node).items())
        lines.append(f"%{name} = {node.kind}({sources}) {parameters}".rstrip())
    return "\n".join(lines) + "\n"


def _fields(value: Any) -> Mapping[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        shape = "x".join(map(str, value.shape)) or "scalar"
        if value.size <= _WRITTEN_IN_FULL:
            inside = " ".join(repr(x.item()) for x in value.reshape(-1))
        else:
            inside = "#" + sha256(np.ascontiguousarray(value).tobytes()).hexdigest()[:12]
        return f"{value.dtype}[{shape}]{{{inside}}}"
    if value is None:
        return "-"
    if is_dataclass(value) and not hasattr(value, "name"):
        return "(" + " ".join(f"{k}={_text(v)}" for k, v in _fields(value).items()) + ")"
    return str(value).replace(" ", "")
