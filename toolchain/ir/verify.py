"""The invariants of a graph, checked after the front end and between all passes."""

from __future__ import annotations

from collections import Counter

from ..errors import InternalError
from .graph import Graph
from .node import ShapeError
from .stage import LEGAL_NODES


def faults_of(graph: Graph) -> list[str]:
    """Return every broken invariant of `graph`, one sentence each.

    Checked: edges name nodes that exist, no edge twice, delays not negative, one input and one
    output at least, nodes legal in the graph's stage and sound in themselves, no loop without
    delay, shapes that fit.
    """
    found = []
    for edge in graph.edges:
        for end in (edge.source, edge.target):
            if end not in graph.nodes:
                found.append(f"the edge {edge.source!r} -> {edge.target!r} names no node {end!r}")
        if edge.delay < 0:
            found.append(f"the edge {edge.source!r} -> {edge.target!r} has a negative delay")
    for edge, count in Counter(graph.edges).items():
        if count > 1:
            found.append(f"the edge {edge.source!r} -> {edge.target!r} is there {count} times")
    if not graph.inputs:
        found.append("there is no Input node")
    if not graph.outputs:
        found.append("there is no Output node")
    for name, node in graph.nodes.items():
        if not isinstance(node, LEGAL_NODES[graph.stage]):
            found.append(f"node {name!r} ({node.kind}) is not legal in the {graph.stage} stage")
        found += [f"node {name!r} ({node.kind}): {fault}" for fault in node.faults()]
    if found:
        return found
    for name, node in graph.nodes.items():
        if not graph.incoming[name] and name not in graph.inputs:
            found.append(f"node {name!r} ({node.kind}) is fed by no other node")
    if found:
        return found
    try:
        _ = graph.shapes
    except (ShapeError, InternalError) as error:
        found.append(str(error))
    return found


def verify(graph: Graph, after: str) -> Graph:
    """Return `graph` if it keeps every invariant.

    Raises:
        InternalError: it does not; `after` names the pass that made it.
    """
    if faults := faults_of(graph):
        raise InternalError(f"after {after}, graph {graph.name!r}: " + "; ".join(faults))
    return graph
