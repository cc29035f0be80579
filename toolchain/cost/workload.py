"""What a network does, counted from its graph and its spikes: no chip, no guess.

Synaptic operation: one present synapse reached by one spike. Neuron update: one neuron in one step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..ir import Connection, Flatten, Graph, IntegerNeuron, Neuron, SumPool


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
    arriving = _flow(graph, spike_counts)
    operations = {
        name: int(round(float((node.fan_out(arriving[name].shape) * arriving[name]).sum())))
        for name, node in graph.nodes.items()
        if isinstance(node, Connection)
    }
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


def _flow(graph: Graph, spike_counts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the spikes that arrive at each connection, summed over batch and time."""
    sent: dict[str, np.ndarray] = {}
    arriving: dict[str, np.ndarray] = {}

    def sent_by(name: str) -> np.ndarray:
        if name in spike_counts:
            return spike_counts[name]
        if name not in sent:
            total = sum_of(name)
            node = graph.nodes[name]
            if isinstance(node, Flatten):
                total = total.reshape(graph.shapes[name])
            elif isinstance(node, SumPool):
                total = node.sums(total)
            sent[name] = total
        return sent[name]

    def sum_of(name: str) -> np.ndarray:
        parts = [sent_by(source).astype(np.float64) for source in graph.sources(name)]
        return np.sum(parts, axis=0)

    for name, node in graph.nodes.items():
        if isinstance(node, Connection):
            arriving[name] = sum_of(name)
    return arriving
