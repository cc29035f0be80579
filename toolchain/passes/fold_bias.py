"""The bias of a connection becomes the leak of the neurons behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

import numpy as np

from ..ir import (
    Affine,
    AvgPool,
    Conv,
    Flatten,
    Graph,
    Neuron,
    Node,
    Scale,
    Shape,
    Stage,
    SumPool,
    compact,
)
from .base import Pass
from .findings import Findings


@dataclass(frozen=True)
class FoldBias(Pass):
    """Move b of Affine and Conv into the neurons: leak + gain * c, exact in real arithmetic.

    c is what b alone sends to a neuron: b itself where the connection feeds it directly, in the
    same step; n * b behind an unpadded sum over n elements; W b behind another connection. A bias
    on whose way lies a delay or a padded window stays where it is, for it does not arrive in every
    step, or not everywhere.

    A neuron with a synaptic current would filter a constant input, so its bias becomes the leak
    that the filter settles to, gain * current_gain / (1 - current_decay) * c: approximate during
    the first steps.
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
            reached = _reached(graph, name, node.by_output(node.bias.astype(np.float64)))
            if reached is None:
                continue
            changed: dict[str, Node] = {name: without}
            for target, constant in reached.items():
                neuron = graph.nodes[target]
                assert isinstance(neuron, Neuron)
                factor = neuron.gain
                if neuron.current_decay is not None and neuron.current_gain is not None:
                    factor = neuron.gain * neuron.current_gain * neuron.current_settling_gain()
                    findings.approximate(
                        name, "the bias acts at once, without the synapse's rise in the first steps"
                    )
                leak = np.broadcast_to(neuron.leak + factor * constant, neuron.shape)
                changed[target] = replace(neuron, leak=compact(leak))
                findings.exact(name, f"bias folded into {target!r}")
            graph = graph.with_nodes(changed)
        return graph


def _reached(graph: Graph, name: str, constant: np.ndarray) -> dict[str, np.ndarray] | None:
    """Return what a constant that `name` sends adds to the input of each neuron behind it.

    None where it meets anything else that keeps state, a padded window, or an output.
    constant: broadcasts to the shape of `name`, with as many axes.
    """
    sent, reached = {name: constant}, dict[str, np.ndarray]()
    for here in (node for node in graph.order if node in sent):
        for _, target, delay in graph.outgoing[here]:
            node = graph.nodes[target]
            into, passed = reached, _passed(node, sent[here], graph.shapes[here])
            if not isinstance(node, Neuron):
                into = sent
            if delay or passed is None:
                return None
            into[target] = into[target] + passed if target in into else passed
    return reached


def _passed(node: Node, constant: np.ndarray, shape: Shape) -> np.ndarray | None:
    """Return what reaches a neuron, or leaves a node without state, of a constant of `shape`."""
    match node:
        case Neuron():
            return constant
        case Scale(scale=scale):
            return scale * constant
        case Flatten():
            return np.broadcast_to(constant, shape).reshape(node.output_shape(shape))
        case Affine(weight=weight):
            sums: np.ndarray = weight.astype(np.float64) @ np.broadcast_to(constant, shape)
            return sums
        case SumPool() | Conv() if not any(map(any, node.window.padding)):
            if constant.size != constant.shape[0]:
                return None  # it differs within a channel
            if isinstance(node, AvgPool):
                return constant
            if isinstance(node, SumPool):
                return constant * prod(node.kernel)
            by_group = node.weight.astype(np.float64).reshape(
                node.groups, -1, node.weight.shape[1], prod(node.weight.shape[2:])
            )
            channels = constant.reshape(node.groups, 1, -1, 1)
            return node.by_output((by_group * channels).sum(axis=(2, 3)).ravel())
    return None
