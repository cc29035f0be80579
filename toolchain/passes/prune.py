"""Remove nodes from which no output is reached, and neurons that can never spike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..ir import Affine, Conv, Graph, Input, Neuron, Output, Stage, arriving_range
from .base import Pass
from .findings import Findings
from .options import number


@dataclass(frozen=True)
class Prune(Pass):
    """Remove populations that can never spike, and every node from which no output is reached.

    A population is silent when gain * (all excitatory synapses active) + leak, summed over the
    membrane's memory 1 / (1 - decay), at most `horizon_steps`, is not above its threshold. What
    a silent population feeds loses that input, and its bias stays. Inputs and outputs always stay,
    and so does a node that would be left without any input.
    """

    name: ClassVar[str] = "prune"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.DISCRETE

    horizon_steps: int = number(
        1 << 20, "steps for which a membrane without leak is followed", least=1, most=1 << 40
    )

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        for name in graph.of_type(Neuron):
            if self._is_silent(graph, name) and not _feeds_alone(graph, name):
                findings.exact(name, "removed: it can never reach its threshold")
                graph = _without_nodes(graph, {name, *_sole_connections(graph, name)})
        useless = set(graph.nodes) - _reaching_an_output(graph)
        for name in sorted(useless):
            findings.exact(name, "removed: no output depends on it")
        return _without_nodes(graph, useless)

    def _is_silent(self, graph: Graph, name: str) -> bool:
        node = graph.nodes[name]
        assert isinstance(node, Neuron)
        if node.threshold is None or np.any(node.decay < 0) or np.any(node.decay > 1):
            return False
        if any(not _is_weighted(graph, source) for source in graph.sources(name)):
            return False
        if node.current_decay is not None or np.any(node.gain < 0):
            return False
        # While it never spikes nothing is reset: the drive adds up over the membrane's memory.
        arriving = arriving_range(graph, name)
        assert arriving is not None  # spikes alone, by the check above
        drive = node.gain * arriving.high + np.maximum(node.leak, 0)
        return bool(np.all(drive * node.settling_gain(self.horizon_steps) <= node.threshold))


def _is_weighted(graph: Graph, name: str) -> bool:
    """Whether `name` is a connection without bias that only spikes of this graph feed."""
    node = graph.nodes[name]
    if not isinstance(node, (Affine, Conv)) or node.bias is not None:
        return False
    return all(source in graph.spiking for source in graph.sources(name))


def _feeds_alone(graph: Graph, name: str) -> bool:
    """Whether some node would be left without input if `name` went."""
    gone = {name, *_sole_connections(graph, name)}
    fed = {target for one in gone for target in graph.targets(one)} - gone
    return any(set(graph.sources(target)) <= gone for target in fed)


def _sole_connections(graph: Graph, name: str) -> set[str]:
    """Return the connections behind `name` that nothing else feeds."""
    return {
        target
        for target in graph.targets(name)
        if isinstance(graph.nodes[target], (Affine, Conv)) and graph.sources(target) == [name]
    }


def _reaching_an_output(graph: Graph) -> set[str]:
    found: set[str] = set()
    pending = [name for name, node in graph.nodes.items() if isinstance(node, (Output, Input))]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += graph.sources(name)
    return found


def _without_nodes(graph: Graph, names: set[str]) -> Graph:
    nodes = {name: node for name, node in graph.nodes.items() if name not in names}
    edges = [e for e in graph.edges if e.source not in names and e.target not in names]
    return replace(graph, nodes=nodes, edges=tuple(edges))
