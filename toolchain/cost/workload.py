"""What a network does, counted from its graph and what arrived where: no chip, no guess.

Addition, or synaptic operation: one spike that arrives over one present synapse at a neuron that is
updated within the run. Multiplication: one real number that does. Neuron update: one neuron in one
step. Neurons joined by an edge alone have no synapse here; a chip that must store a weight of 1 for
it adds, and counts, all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..ir import Connection, Graph, IntegerNeuron, Neuron


class Arrived(Protocol):
    """What arrived at a connection in time, as `reference.Arrivals` has it."""

    @property
    def spikes(self) -> np.ndarray: ...

    @property
    def numbers(self) -> int: ...


@dataclass(frozen=True)
class Workload:
    """Totals over a batch of `samples` recordings of `steps` steps each, by node.

    synaptic_operations are additions.
    """

    samples: int
    steps: int
    synaptic_operations: Mapping[str, int]
    multiplications: Mapping[str, int]
    neuron_updates: Mapping[str, int]
    spikes: Mapping[str, int]

    def per_inference(self, totals: Mapping[str, int]) -> dict[str, float]:
        """Return the mean over the samples of one of the totals."""
        return {name: total / self.samples for name, total in totals.items()}


def workload(
    graph: Graph,
    arrivals: Mapping[str, Arrived],
    spike_counts: Mapping[str, np.ndarray],
    samples: int,
    steps: int,
) -> Workload:
    """Count the work of running `graph`.

    Args:
        arrivals: by connection.
        spike_counts: spikes of every input and neuron node, summed over batch and time, each of
            its node's shape. Both as a reference recording has them.
    """
    additions, multiplications = {}, {}
    for name, node in graph.nodes.items():
        if isinstance(node, Connection):
            fan_out, arrived = node.fan_out(graph.input_shape(name)), arrivals[name]
            additions[name] = int((fan_out * arrived.spikes).sum())
            if arrived.numbers:
                multiplications[name] = int(fan_out.sum()) * arrived.numbers
    neurons = {
        name: node
        for name, node in graph.nodes.items()
        if isinstance(node, (Neuron, IntegerNeuron))
    }
    return Workload(
        samples=samples,
        steps=steps,
        synaptic_operations=additions,
        multiplications=multiplications,
        neuron_updates={
            n: int(np.prod(node.shape)) * samples * steps for n, node in neurons.items()
        },
        spikes={name: _spikes(counts) for name, counts in spike_counts.items()},
    )


def _spikes(counts: np.ndarray) -> int:
    """Return the sum of spike counts; numbers that are no counts are no spikes."""
    if counts.dtype.kind == "f" and not (np.array_equal(counts, np.round(counts))):
        return 0
    return max(int(counts.sum()), 0)


def synapse_count(graph: Graph, name: str) -> int:
    """Return the number of connections that a node stands for, unrolled: present synapses only."""
    node = graph.nodes[name]
    assert isinstance(node, Connection)
    return int(node.fan_out(graph.input_shape(name)).sum())
