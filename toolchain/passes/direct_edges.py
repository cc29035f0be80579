"""Signals added to a neuron's synaptic sums without weights get weights, so that all share a step.

A residual edge brings spikes as they are beside the sums of a connection with real weights. Both
must be integers of one step: the edge becomes a connection of its own, with a diagonal matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..ir import Affine, Conv, Edge, Graph, Neuron, Node, Scale, Shape, Stage, Window
from .base import Pass
from .findings import Findings
from .sink_scales import per_row


@dataclass(frozen=True)
class WeighDirectEdges(Pass):
    """Turn edges and Scales that join real-weighted connections in front of a neuron into weights.

    A Scale keeps its name; a bare edge a -> b becomes a connection named "a_into_b". In one axis it
    is a diagonal matrix, in more a convolution of one tap a channel.
    """

    name: ClassVar[str] = "weigh-direct-edges"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.DISCRETE

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        for target in graph.of_type(Neuron):
            into = graph.incoming[target]
            kinds = [graph.nodes[edge.source] for edge in into]
            weighed = [node for node in kinds if isinstance(node, (Affine, Conv))]
            scaled = any(isinstance(node, Scale) for node in kinds)
            if len(into) == 1 or (
                not scaled and all(node.weight.dtype.kind == "i" for node in weighed)
            ):
                continue
            for edge, node in zip(into, kinds, strict=True):
                if not isinstance(node, (Affine, Conv)):
                    graph = _weighed(graph, edge, node, findings)
        return graph


def _weighed(graph: Graph, edge: Edge, node: Node, findings: Findings) -> Graph:
    shape = graph.shapes[edge.source]
    if isinstance(node, Scale):
        factors = per_row(node.scale, shape)
        if factors is None or len(graph.outgoing[edge.source]) != 1:
            return graph  # which the last pass refuses
        findings.exact(edge.source, "became weights of its own beside another connection")
        return graph.with_nodes({edge.source: _diagonal(factors, shape)})
    name = graph.fresh(f"{edge.source}_into_{edge.target}")
    edges = tuple(Edge(edge.source, name, edge.delay) if e == edge else e for e in graph.edges)
    nodes = {**graph.nodes, name: _diagonal(np.ones(shape[0]), shape)}
    return replace(graph, nodes=nodes, edges=(*edges, Edge(name, edge.target)))


def _diagonal(factors: np.ndarray, shape: Shape) -> Affine | Conv:
    """Return the connection that multiplies each channel of a signal by its factor."""
    if len(shape) == 1:
        return Affine(np.diag(factors))
    axes = len(shape) - 1
    window = Window((1,) * axes, ((0, 0),) * axes, (1,) * axes)
    return Conv(factors.reshape(-1, 1, *(1,) * axes), window, groups=shape[0])
