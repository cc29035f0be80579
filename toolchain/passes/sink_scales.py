"""Scales sink along the edges, past pools and connections, until a neuron's gain takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..ir import (
    Affine,
    AvgPool,
    Conv,
    Delay,
    Edge,
    Flatten,
    Graph,
    Neuron,
    Node,
    Scale,
    Stage,
    SumPool,
)
from .base import Pass
from .findings import Findings


@dataclass(frozen=True)
class AverageToSum(Pass):
    """Write every mean pool as a sum pool (integer counts on spikes) and a Scale of 1/area."""

    name: ClassVar[str] = "average-to-sum"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.DISCRETE

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        for name, node in graph.of_type(AvgPool).items():
            scale = Scale(np.array(1.0 / np.prod(node.kernel)))
            graph = graph.with_nodes({name: SumPool(node.kernel, node.window)})
            graph = insert_after(graph, name, graph.fresh(f"{name}.scale"), scale)
            findings.exact(name, "counts spikes; the division by the window's area moves on")
        return graph


@dataclass(frozen=True)
class SinkScales(Pass):
    """Move each Scale towards the neuron behind it and multiply it into the neuron's gain.

    A Scale s in front of a node becomes, exactly in real arithmetic,
    - in front of a neuron that nothing else feeds: gain * s (current_gain * s with a synapse);
    - in front of Affine or Conv: weight * s, column by column;
    - in front of Flatten, Delay, a pool or another Scale: a Scale behind it (s constant per channel
      at a pool);
    - otherwise, behind an Affine or Conv that feeds it alone: weight * s and bias * s, row by row.

    A uniform scale in front of an integer-weighted connection moves behind it, so that the weights
    stay integers.
    """

    name: ClassVar[str] = "sink-scales"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.DISCRETE

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        scales = graph.of_type(Scale)
        for name in [n for n in graph.order if n in scales]:
            graph = sunk(graph, name, findings)
        return graph


def sunk(graph: Graph, name: str, findings: Findings | None = None) -> Graph:
    """Return the graph with the Scale `name` moved as far as `SinkScales` can move it."""
    while name in graph.nodes and (moved := _moved(graph, name, findings)) is not None:
        graph = moved
    return graph


def _moved(graph: Graph, name: str, findings: Findings | None) -> Graph | None:
    """Return the graph with a Scale moved past one node, None where it stays."""
    scale = graph.nodes[name]
    assert isinstance(scale, Scale)
    if len(graph.incoming[name]) != 1 or len(graph.outgoing[name]) != 1:
        return None
    follower, source = graph.targets(name)[0], graph.sources(name)[0]
    alone = len(graph.incoming[follower]) == 1
    moved = _past(graph, name, follower, scale, graph.nodes[follower]) if alone else None
    detail = f"folded into {follower!r}"
    before = graph.nodes[source]
    if moved is None and isinstance(before, (Affine, Conv)) and len(graph.outgoing[source]) == 1:
        rows = per_row(scale.scale, graph.shapes[source])
        if rows is not None:
            moved = graph.with_nodes({source: _scaled_rows(before, rows)}).without([name])
            detail = f"multiplied into the weights of {source!r}"
    if moved is not None and findings is not None:
        findings.exact(name, detail)
    return moved


def _past(graph: Graph, name: str, follower: str, scale: Scale, node: Node) -> Graph | None:
    s = scale.scale.astype(np.float64)
    uniform = s.size == 1
    if isinstance(node, Neuron):
        if node.current_gain is not None:
            taken = replace(node, current_gain=node.current_gain * s)
        else:
            taken = replace(node, gain=node.gain * s)
        return graph.with_nodes({follower: taken}).without([name])
    if isinstance(node, Scale):
        return graph.with_nodes({follower: Scale(node.scale * s)}).without([name])
    if isinstance(node, (Affine, Conv)):
        if node.weight.dtype.kind == "i" and uniform and float(s.flat[0]) != 0:
            bias = None if node.bias is None else node.bias / s.flat[0]
            graph = graph.with_nodes({follower: replace(node, bias=bias)}).without([name])
            return insert_after(graph, follower, name, Scale(s.reshape(())))
        columns = per_row(s, graph.shapes[name])
        if columns is None:
            return None
        groups = node.groups if isinstance(node, Conv) else 1
        rows = np.repeat(columns.reshape(groups, -1), len(node.weight) // groups, axis=0)
        weight = node.weight * rows.reshape(*rows.shape, *(1,) * (node.weight.ndim - 2))
        return graph.with_nodes({follower: replace(node, weight=weight)}).without([name])
    if isinstance(node, Delay):
        return insert_after(graph.without([name]), follower, name, scale)
    if isinstance(node, SumPool):
        channels = per_row(s, graph.shapes[name])
        if channels is None:
            return None
        behind = s if uniform else channels.reshape(-1, *(1,) * len(node.kernel))
        return insert_after(graph.without([name]), follower, name, Scale(behind))
    if isinstance(node, Flatten):
        full = np.broadcast_to(s, graph.shapes[name]).reshape(graph.shapes[follower])
        behind = s.reshape(()) if uniform else full.copy()
        return insert_after(graph.without([name]), follower, name, Scale(behind))
    return None


def per_row(s: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return one factor for each entry of the first axis; None where s varies within one."""
    rows = np.broadcast_to(s, shape).reshape(shape[0], -1)
    return rows[:, 0].copy() if np.all(rows == rows[:, :1]) else None


def _scaled_rows(node: Affine | Conv, rows: np.ndarray) -> Affine | Conv:
    weight = node.weight * rows.reshape(-1, *(1,) * (node.weight.ndim - 1))
    return replace(node, weight=weight, bias=None if node.bias is None else node.bias * rows)


def insert_after(graph: Graph, name: str, new_name: str, node: Node) -> Graph:
    """Return the graph with `node` between `name` and everything that `name` fed."""
    edges = [
        Edge(new_name, edge.target, edge.delay) if edge.source == name else edge
        for edge in graph.edges
    ]
    nodes: dict[str, Node] = {}
    for key, value in graph.nodes.items():
        nodes[key] = value
        if key == name:
            nodes[new_name] = node
    return replace(graph, nodes=nodes, edges=(*edges, Edge(name, new_name)))
