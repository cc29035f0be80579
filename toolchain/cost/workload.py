"""What a network does, counted from its graph and its spikes: no chip, no guess.

Synaptic operation: one present synapse reached by one spike, or, behind another connection without
a neuron between them, by one number. Neuron update: one neuron in one step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..ir import Connection, Graph, IntegerNeuron, Neuron, upstream


@dataclass(frozen=True)
class Workload:
    """Totals over a batch of `samples` recordings of `steps` steps each, by node."""

    samples: int
    steps: int
    synaptic_operations: Mapping[str, int]
    neuron_updates: Mapping[str, int]
    spikes: Mapping[str, int]

    def per_inference(self, totals: Mapping[str, int]) -> dict[str, float]:
        """Return the mean over the samples of one of the totals."""
        return {name: total / self.samples for name, total in totals.items()}


def workload(
    graph: Graph, spike_counts: Mapping[str, np.ndarray], samples: int, steps: int
) -> Workload:
    """Count the work of running `graph`.

    Args:
        spike_counts: spikes of every input and neuron node, summed over batch and time, each of
            its node's shape, as a reference recording has them.
    """
    numbers = {  # what is sent as a number in every step
        name: np.full(graph.shapes[name], samples * steps)
        for name, node in graph.nodes.items()
        if isinstance(node, (Connection, Neuron, IntegerNeuron))
    }
    sent = {**numbers, **spike_counts}
    operations = {}
    for name, node in graph.nodes.items():
        if isinstance(node, Connection):
            arriving = _arriving(graph, name, sent)
            operations[name] = int(round(float((node.fan_out(arriving.shape) * arriving).sum())))
    neurons = {
        name: node
        for name, node in graph.nodes.items()
        if isinstance(node, (Neuron, IntegerNeuron))
    }
    return Workload(
        samples=samples,
        steps=steps,
        synaptic_operations=operations,
        neuron_updates={
            n: int(np.prod(node.shape)) * samples * steps for n, node in neurons.items()
        },
        spikes={name: int(round(float(counts.sum()))) for name, counts in spike_counts.items()},
    )


def synapse_count(graph: Graph, name: str) -> int:
    """Return the number of connections that a node stands for, unrolled: present synapses only."""
    node = graph.nodes[name]
    assert isinstance(node, Connection)
    return int(node.fan_out(graph.input_shape(name)).sum())


def _arriving(graph: Graph, name: str, sent: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return how often something arrives at each element of a connection's input.

    sent: how often each element of the nodes that compute something sends.
    """
    counts = dict(sent)
    for here in upstream(graph, name, sent):
        if here not in sent:
            counts[here] = graph.nodes[here].passed_on(_total(graph, here, counts))
    return _total(graph, name, counts)


def _total(graph: Graph, name: str, counts: Mapping[str, np.ndarray]) -> np.ndarray:
    total = np.sum([counts[source] for source in graph.sources(name)], axis=0, dtype=np.float64)
    return np.asarray(total)
