"""Negative gains go into the weights, so that a spike always means `u > threshold` upwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..errors import LoweringError
from ..ir import Affine, Conv, Graph, Neuron, Stage
from .base import Pass
from .findings import Findings


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
            graph = _with_positive_gain(graph, name, node)
        return graph


def _with_positive_gain(graph: Graph, name: str, node: Neuron) -> Graph:
    gain = node.gain * (1.0 if node.current_gain is None else node.current_gain)
    negative = np.broadcast_to(gain < 0, node.shape)
    if not negative.any():
        return graph
    rows = negative.reshape(node.shape[0], -1)
    if not np.all(rows == rows[:, :1]):
        raise LoweringError(
            f"node {name!r} cannot be made integer",
            ["its gain changes sign within a channel; export one gain a channel"],
        )
    sign = np.where(rows[:, 0], -1, 1)
    for source in graph.sources(name):
        connection = graph.nodes[source]
        if not isinstance(connection, (Affine, Conv)) or len(graph.outgoing[source]) != 1:
            raise LoweringError(
                f"node {name!r} cannot be made integer",
                [f"its gain is negative and {source!r} is not a connection of its own"],
            )
        signs = sign.reshape(-1, *(1,) * (connection.weight.ndim - 1))
        weight = (connection.weight * signs).astype(connection.weight.dtype)
        graph = graph.with_nodes({source: replace(connection, weight=weight)})
    positive = replace(node, gain=np.abs(node.gain))
    if node.current_gain is not None:
        positive = replace(positive, current_gain=np.abs(node.current_gain))
    return graph.with_nodes({name: positive})
