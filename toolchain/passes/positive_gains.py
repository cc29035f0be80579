"""Negative gains go into the weights, so that a spike always means `u > threshold` upwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..ir import Affine, Conv, Graph, Neuron, Node, Stage
from .base import Pass
from .findings import Findings

_BEYOND_16_BITS = 1 << 15


@dataclass(frozen=True)
class PositiveGains(Pass):
    """Negate the weights of every row whose neuron has a negative gain, and the gain with it.

    Exact: (-g) (W s) = g (-W s). A BatchNorm with a negative factor makes such rows.

    Raises:
        LoweringError: the gain changes its sign within a channel, or the weights are shared with
            another node.
    """

    name: ClassVar[str] = "positive-gains"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.DISCRETE

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        for name, node in graph.of_type(Neuron).items():
            graph = _with_positive_gain(graph, name, node, findings)
        findings.raise_if_unsupported(graph, "made integer")
        return graph


def _with_positive_gain(graph: Graph, name: str, node: Neuron, findings: Findings) -> Graph:
    gain = node.gain * (1.0 if node.current_gain is None else node.current_gain)
    negative = np.broadcast_to(gain < 0, node.shape)
    if not negative.any():
        return graph
    rows = negative.reshape(node.shape[0], -1)
    if not np.all(rows == rows[:, :1]):
        findings.unsupported(
            name, "its gain changes sign within a channel", "export one gain a channel"
        )
        return graph
    sign = np.where(rows[:, 0], -1, 1)
    negated: dict[str, Node] = {}
    for source in graph.sources(name):
        connection = graph.nodes[source]
        if not isinstance(connection, (Affine, Conv)) or len(graph.outgoing[source]) != 1:
            findings.unsupported(
                name,
                f"its gain is negative and {source!r} is not a connection of its own",
                "give it weights that no other node shares, or a positive gain",
            )
            return graph
        signs = sign.reshape(-1, *(1,) * (connection.weight.ndim - 1))
        weight = connection.weight * signs
        lowest, highest = weight.min(initial=0), weight.max(initial=0)
        if weight.dtype.kind != "i":
            weight = weight.astype(connection.weight.dtype)
        elif -_BEYOND_16_BITS <= lowest and highest < _BEYOND_16_BITS:
            weight = weight.astype(np.int16)
        elif highest == _BEYOND_16_BITS:
            findings.unsupported(
                name,
                f"its gain is negative and a weight of {source!r} is {-_BEYOND_16_BITS}, whose "
                "negative takes more than 16 bits",
                "round the weights to fewer bits (--weight-bits)",
            )
            return graph
        negated[source] = replace(connection, weight=weight)
    positive = replace(node, gain=np.abs(node.gain))
    if node.current_gain is not None:
        positive = replace(positive, current_gain=np.abs(node.current_gain))
    return graph.with_nodes({**negated, name: positive})
