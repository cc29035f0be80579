"""From a NIR file or object to a graph of the imported stage: the entry point of the front end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import ir
from ..errors import InputError
from ..files import FileKind
from ..ir import Dialect, Graph, Node, Stage
from .diagnostics import diagnose
from .dialects import DialectOptions, dialect_of
from .ends import add_missing_ends
from .faults import described, raise_all
from .flatten_subgraphs import FlatGraph, flattened
from .inclusive_threshold import firing_at_threshold
from .nir_nodes import parsed
from .objects import is_nir_object, read_object
from .raw import Limits, RawFile, RawNode
from .reader_process import read_isolated, require_hdf5
from .recurrence import delayed_edges, loop_without_neuron, order_along_edges
from .shapes import ShapeInference
from .tie_order import natural
from .unscaled_drive import with_unit_gain


def load_graph(
    source: str | os.PathLike[str] | Any,
    *,
    options: DialectOptions | None = None,
    limits: Limits | None = None,
) -> Graph:
    """Return the network of a NIR file, or of a `nir.NIRGraph`, as a graph of the imported stage.

    Nested graphs are flattened (names joined with "."), shapes are inferred along the edges, every
    feedback loop gets its delay of one step, and `graph.dialect` says how NIR's differential
    equations are to be stepped; its notes list what was assumed or repaired, one sentence each.
    Weights keep their type (signed integers, float32, float64); nothing of `source` is changed.
    A file is read by a child process, so that a malicious one does no harm.

    Nodes are ordered as in the file where it keeps an order, else along the edges, and branches by
    what they hold: names change nothing.

    Raises:
        InputError: `source` cannot be used; the text lists every fault that was found.
    """
    limits = limits or Limits()
    name, file = _read(source, limits)
    root = file.root
    if root.kind != "NIRGraph":  # nir writes single nodes too
        root = RawNode("NIRGraph", nodes={root.kind.lower(): root}, in_order=True)
    flat, faults = flattened(root, limits.edges)
    raise_all(name, faults)
    parses = {key: parsed(key, raw, faults) for key, raw in flat.nodes.items()}
    nodes = {key: node for key, node in parses.items() if node is not None}
    faults += _misplaced_ends(flat)
    if len(nodes) < len(parses):
        raise_all(name, faults)
    notes = add_missing_ends(flat, nodes)
    order = order_along_edges(flat)
    if broken := _broken_paths(flat):
        raise_all(name, [*faults, *broken])
    shapes = ShapeInference(flat, nodes, order, limits.elements)
    raise_all(name, [*faults, *shapes.faults])
    options = options or DialectOptions()
    fitted, gain_notes = with_unit_gain(shapes.nodes, options.dt)
    dialect = dialect_of(
        fitted,
        metadata=file.root.metadata,
        version=file.version,
        without_reset=[key for key, node in nodes.items() if node.lacks_reset],
        options=options,
    )
    if options.fires_at_threshold:
        fitted = firing_at_threshold(fitted)
    title = "network" if is_nir_object(source) else Path(name).stem
    graph = _assembled(title, flat, fitted, order, dialect)
    raise_all(name, [_from_verifier(fault) for fault in ir.faults_of(graph)])
    found = diagnose(graph, dialect)
    raise_all(name, found.faults)
    return _with_notes(
        graph, dialect, (*notes, *shapes.notes, *gain_notes, *dialect.notes, *found.notes)
    )


def _assembled(
    name: str, flat: FlatGraph, fitted: Mapping[str, Node], order: list[str], dialect: Dialect
) -> Graph:
    delayed = delayed_edges(flat, order)
    names: Iterable[str] = flat.nodes if flat.in_order else order
    return Graph(
        Stage.IMPORTED,
        {key: fitted[key] for key in names},
        tuple(ir.Edge(*edge, delay=int(edge in delayed)) for edge in flat.edges),
        dialect,
        name,
    )


def _with_notes(graph: Graph, dialect: Dialect, notes: tuple[str, ...]) -> Graph:
    return replace(graph, dialect=replace(dialect, notes=notes))


def _read(source: Any, limits: Limits) -> tuple[str, RawFile]:
    if is_nir_object(source):
        return "the NIR graph", read_object(source, limits)
    if not isinstance(source, str | os.PathLike):
        raise InputError(
            "the network",
            got=type(source).__name__,
            expected="a path or a nir.NIRGraph",
            remedy="pass the path of a .nir file",
        )
    path = os.fspath(source)
    require_hdf5(Path(path), _file_kind(limits))
    try:
        return path, read_isolated(os.path.abspath(path), limits)
    except InputError as fault:
        raise_all(path, [fault])
        raise


def _file_kind(limits: Limits) -> FileKind:
    return FileKind(
        "",
        expected="a NIR file (HDF5, which begins with \\x89HDF)",
        remedy="give the path of a file written by nir.write",
        most_bytes=limits.file_bytes,
        remedy_of_size="if it can be trusted, raise the limit: Limits(file_bytes=...)",
    )


def _misplaced_ends(flat: FlatGraph) -> list[InputError]:
    into = {target for _, target in flat.edges if flat.nodes[target].kind == "Input"}
    out_of = {source for source, _ in flat.edges if flat.nodes[source].kind == "Output"}
    return [
        InputError(
            described(name, flat.nodes[name].kind),
            got=f"an edge {side} it",
            expected="none",
            remedy="signals enter by an Input and leave by an Output: drop the edge",
        )
        for side, names in (("into", into), ("out of", out_of))
        for name in sorted(names, key=natural)
    ]


def _broken_paths(flat: FlatGraph) -> list[InputError]:
    """Return the faults because of which the nodes have no order."""
    kinds = {node.kind for node in flat.nodes.values()}
    missing = [f"no {kind}" for kind in ("Input", "Output") if kind not in kinds]
    if missing:
        return [
            InputError(
                "the graph",
                got=f"{' and '.join(missing)} node",
                expected="at least one of each",
                remedy="add them where signals enter and leave: in loops that cannot be guessed",
            )
        ]
    unfed = [name for name, sources in flat.sources.items() if not sources]
    if idle := [name for name in unfed if flat.nodes[name].kind == "Output"]:
        return [
            InputError(
                described(name, "Output"),
                got="no edge into it",
                expected="a node that feeds it",
                remedy="connect it, or remove it",
            )
            for name in sorted(idle, key=natural)
        ]
    if loop := loop_without_neuron(flat):
        return [
            InputError(
                f"nodes {', '.join(loop[:8])}",
                got="a loop that passes through no neuron",
                expected="a neuron in every feedback loop",
                remedy="NIR does not say when such a signal arrives: put a neuron into the loop",
            )
        ]
    return []


def _from_verifier(fault: str) -> InputError:
    return InputError(
        "the graph", got=f"a fault: {fault}", expected="a graph that can run", remedy="mend it"
    )
