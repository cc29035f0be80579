"""Connections that follow each other without a neuron between become one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..ir import (
    Affine,
    AvgPool,
    Conv,
    Edge,
    Flatten,
    Graph,
    Scale,
    Stage,
    SumPool,
    kernel_after_kernel,
    matrix_after_kernel,
    matrix_after_matrix,
)
from .base import Pass
from .findings import Findings

_LARGEST_MATRIX = 1 << 24
"""Entries of a matrix that a flattened convolution is multiplied into; above, both nodes stay."""


@dataclass(frozen=True)
class MergeConnections(Pass):
    """Join y = A2 (A1 x + b1) + b2 into one connection, exact in real arithmetic.

    - A pointwise second (a diagonal Affine, a depthwise 1x1 Conv: how a BatchNorm is often
      exported) becomes a Scale, its bias joins the first: b = b1 + b2 / scale. So the first keeps
      its integer or binary weights. A channel with scale 0 keeps both nodes.
    - Two Affine become one with weight W2 W1 and bias W2 b1 + b2; so do a Conv, a Flatten and an
      Affine, where the matrix has at most 2^24 entries.
    - Two Conv become one, and a Conv with the pool behind it, where one kernel does the same:
      where the second pads nothing, or the first sends zeros beyond its border. A Conv
      of binary or integer weights keeps them, and the pool counts its sums.
    """

    name: ClassVar[str] = "merge-connections"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.DISCRETE

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        for second in graph.order:
            graph = _merged(graph, second, findings)
        return graph


def _merged(graph: Graph, second: str, findings: Findings) -> Graph:
    """Join the node `second` with the connection that alone feeds it, if there is one."""
    after = graph.nodes[second]
    between = _only_source(graph, second)
    if between is not None and isinstance(graph.nodes[between], Flatten):
        first = _only_source(graph, between)
    else:
        first, between = between, None
    if first is None:
        return graph
    node = graph.nodes[first]
    if between is not None:
        if isinstance(node, Conv) and isinstance(after, Affine):
            return _flattened_first(graph, first, between, second, findings)
        return graph
    if isinstance(node, Affine | Conv) and isinstance(after, Affine | Conv):
        factors = _pointwise(after)
        if factors is not None and np.all(factors != 0):
            return _scaled(graph, first, second, factors, findings)
    joined: Affine | Conv | None = None
    if isinstance(node, Affine) and isinstance(after, Affine):
        joined = matrix_after_matrix(node, after)
    elif isinstance(node, Conv) and isinstance(after, Conv):
        joined = kernel_after_kernel(node, after, graph.input_shape(first))
    elif isinstance(node, Conv) and isinstance(after, SumPool) and not _is_kept(node):
        joined = kernel_after_kernel(
            node, _mean_or_sum(after, len(node.weight)), graph.input_shape(first)
        )
    if joined is None:
        return graph
    findings.exact(first, f"multiplied into {second!r}")
    return _without_first(graph, first, second).with_nodes({second: joined})


def _only_source(graph: Graph, name: str) -> str | None:
    """Return the node that alone feeds `name`, without delay, and feeds nothing else."""
    if len(graph.incoming[name]) != 1:
        return None
    source, _, delay = graph.incoming[name][0]
    return source if len(graph.outgoing[source]) == 1 and delay == 0 else None


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


def _scaled(
    graph: Graph, first: str, second: str, factors: np.ndarray, findings: Findings
) -> Graph:
    """Make the second a Scale by `factors` and move its bias into the first."""
    node, after = graph.nodes[first], graph.nodes[second]
    assert isinstance(node, Affine | Conv) and isinstance(after, Affine | Conv)
    bias = np.zeros(len(node.weight)) if node.bias is None else node.bias
    if after.bias is not None:
        bias = bias + after.bias / factors
    findings.exact(second, f"scales {first!r}, its bias folded there")
    scale = Scale(after.by_output(factors))
    return graph.with_nodes({first: replace(node, bias=bias), second: scale})


def _flattened_first(
    graph: Graph, first: str, flatten: str, second: str, findings: Findings
) -> Graph:
    """Multiply a convolution into the matrix behind its Flatten, which then flattens its input."""
    node, after = graph.nodes[first], graph.nodes[second]
    assert isinstance(node, Conv) and isinstance(after, Affine)
    shape = graph.input_shape(first)
    if len(after.weight) * int(np.prod(shape)) > _LARGEST_MATRIX:
        return graph
    joined = matrix_after_kernel(node, after, shape)
    findings.exact(first, f"multiplied into {second!r}")
    graph = _without_first(graph, first, flatten)
    return graph.with_nodes({flatten: Flatten(), second: joined})


def _is_kept(node: Conv) -> bool:
    """Whether the kernel holds integers, or signs times one magnitude a row, which a pool keeps."""
    if node.weight.dtype.kind != "f":
        return True
    magnitude = np.abs(node.weight.reshape(len(node.weight), -1))
    return bool(np.all((magnitude == 0) | (magnitude == magnitude.max(axis=1, keepdims=True))))


def _mean_or_sum(pool: SumPool, channels: int) -> Conv:
    kernel = pool.as_conv(channels)
    if isinstance(pool, AvgPool):
        return replace(kernel, weight=kernel.weight / np.prod(pool.kernel))
    return kernel


def _without_first(graph: Graph, first: str, follower: str) -> Graph:
    """Return the graph without `first`: what fed it feeds `follower`."""
    fed = [Edge(e.source, follower, e.delay) for e in graph.incoming[first]]
    kept = [e for e in graph.edges if first not in (e.source, e.target)]
    nodes = {name: node for name, node in graph.nodes.items() if name != first}
    return replace(graph, nodes=nodes, edges=(*kept, *fed))
