"""The bias of a connection becomes the leak of the neuron behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..ir import Affine, Conv, Graph, Neuron, Stage, compact
from .base import Findings, Pass


@dataclass(frozen=True)
class FoldBias(Pass):
    """Move b of Affine and Conv into the neuron: leak + gain * b, exact in real arithmetic.

    Only where the connection feeds one neuron directly, in the same step. A neuron with a synaptic
    current would filter a constant input, so its bias becomes the leak that the filter settles to,
    gain * current_gain / (1 - current_decay) * b: approximate during the first steps.
    """

    name: ClassVar[str] = "fold-bias"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.DISCRETE

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        for name, node in graph.nodes.items():
            if not isinstance(node, (Affine, Conv)) or node.bias is None:
                continue
            without = replace(node, bias=None)
            if not np.any(node.bias):
                graph = graph.with_nodes({name: without})
                continue
            if len(graph.outgoing[name]) != 1:
                continue
            edge = graph.outgoing[name][0]
            neuron = graph.nodes[edge.target]
            if edge.delay or not isinstance(neuron, Neuron):
                continue
            factor = neuron.gain
            if neuron.current_decay is not None and neuron.current_gain is not None:
                factor = neuron.gain * neuron.current_gain * neuron.current_settling_gain()
                findings.approximate(
                    name, "the bias acts at once, without the synapse's rise in the first steps"
                )
            bias = node.bias.astype(np.float64).reshape(-1, *(1,) * (len(neuron.shape) - 1))
            leak = np.broadcast_to(neuron.leak + factor * bias, neuron.shape)
            folded = replace(neuron, leak=compact(leak))
            graph = graph.with_nodes({name: without, edge.target: folded})
            findings.exact(name, f"bias folded into {edge.target!r}")
        return graph
