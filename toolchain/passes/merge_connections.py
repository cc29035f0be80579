"""Connections that follow each other without a neuron between become one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..ir import Affine, Conv, Edge, Graph, Scale, Stage
from .base import Findings, Pass


@dataclass(frozen=True)
class MergeConnections(Pass):
    """Join y = A2 (A1 x + b1) + b2 into one connection, exact in real arithmetic.

    - A pointwise second (a diagonal Affine, a depthwise 1x1 Conv: how a BatchNorm is often
      exported) becomes a Scale, its bias joins the first: b = b1 + b2 / scale. So the first keeps
      its integer or binary weights. A channel with scale 0 keeps both nodes.
    - Two Affine become one with weight W2 W1 and bias W2 b1 + b2.
    """

    name: ClassVar[str] = "merge-connections"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.DISCRETE

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        for second in [*graph.nodes]:
            first = _only_source(graph, second)
            if first is None:
                continue
            node, after = graph.nodes[first], graph.nodes[second]
            assert isinstance(node, (Affine, Conv)) and isinstance(after, (Affine, Conv))
            factors = _pointwise(after)
            if factors is not None and np.all(factors != 0):
                extra = 0.0 if after.bias is None else after.bias / factors
                bias = (0.0 if node.bias is None else node.bias) + np.broadcast_to(
                    extra, (len(node.weight),)
                )
                scale = Scale(factors.reshape(-1, *(1,) * (after.weight.ndim - 2)))
                graph = graph.with_nodes({first: replace(node, bias=bias), second: scale})
                findings.exact(second, f"scales {first!r}, its bias folded there")
            elif isinstance(node, Affine) and isinstance(after, Affine):
                graph = _product(graph, first, second, node, after)
                findings.exact(first, f"multiplied into {second!r}")
        return graph


def _only_source(graph: Graph, name: str) -> str | None:
    """Return the connection that alone feeds the connection `name`, and feeds nothing else."""
    if not isinstance(graph.nodes.get(name), (Affine, Conv)) or len(graph.incoming[name]) != 1:
        return None
    source, _, delay = graph.incoming[name][0]
    alone = len(graph.outgoing[source]) == 1 and delay == 0
    return source if alone and isinstance(graph.nodes[source], (Affine, Conv)) else None


def _pointwise(node: Affine | Conv) -> np.ndarray | None:
    """Return one factor a row if the node only scales each row, None if it mixes any."""
    weight = node.weight.astype(np.float64)
    if isinstance(node, Affine):
        square = weight.shape[0] == weight.shape[1]
        diagonal = np.diag(weight) if square else None
        if diagonal is not None and np.array_equal(weight, np.diag(diagonal)):
            return diagonal
        return None
    window = node.window
    depthwise = node.groups == len(weight) == weight.shape[1] * node.groups
    unmoved = all(s == 1 for s in window.stride) and all(p == (0, 0) for p in window.padding)
    if depthwise and unmoved and weight[0].size == 1:
        return weight.reshape(-1)
    return None


def _product(graph: Graph, first: str, second: str, one: Affine, two: Affine) -> Graph:
    weight = two.weight.astype(np.float64) @ one.weight.astype(np.float64)
    biases = [two.bias, None if one.bias is None else two.weight @ one.bias]
    there = [bias for bias in biases if bias is not None]
    bias = np.sum(there, axis=0) if there else None
    source = graph.incoming[first][0]
    edges = [
        Edge(source.source, second, source.delay) if edge.target == second else edge
        for edge in graph.edges
        if edge.target != first
    ]
    nodes = {name: node for name, node in graph.nodes.items() if name != first}
    nodes[second] = Affine(weight, bias)
    return replace(graph, nodes=nodes, edges=tuple(edges))
