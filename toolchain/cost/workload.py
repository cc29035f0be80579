"""What a network does, counted from its graph and its spikes: no chip, no guess.

Synaptic operation: one present synapse reached by one spike. Neuron update: one neuron in one step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..ir import (
    Affine,
    Conv,
    Flatten,
    Graph,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    Neuron,
    Node,
    Shape,
    SumPool,
)

Connection = Affine | Conv | IntegerAffine | IntegerConv
"""Nodes that have synapses."""


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
        name: int(round(float((fan_out(node, arriving[name].shape) * arriving[name]).sum())))
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


def fan_out(node: Node, input_shape: Shape) -> np.ndarray:
    """Return the number of present synapses (weight not 0) behind each element of the input.

    At the border of a convolution only taps that land inside are counted.
    """
    if isinstance(node, (Affine, IntegerAffine)):
        return np.count_nonzero(node.weight, axis=0)
    assert isinstance(node, (Conv, IntegerConv))
    size = input_shape[1:]
    positions = node.output_shape(input_shape)[1:]
    # How many output channels of its group each (input channel, tap) reaches.
    grouped = node.weight.reshape(node.groups, -1, *node.weight.shape[1:])
    taps = np.count_nonzero(grouped, axis=1).reshape(input_shape[0], *node.weight.shape[2:])
    fan = np.zeros(input_shape, np.int64)
    for tap in np.ndindex(*node.weight.shape[2:]):
        hit = np.ones((1,), np.int64)
        for axis in range(len(size)):
            window = node.window
            reached = (
                np.arange(positions[axis]) * window.stride[axis]
                + tap[axis] * window.dilation[axis]
                - window.padding[axis][0]
            )
            inside = reached[(reached >= 0) & (reached < size[axis])]
            along = np.bincount(inside, minlength=size[axis])
            hit = np.multiply.outer(hit, along)
        fan += taps[(slice(None), *tap)].reshape(-1, *(1,) * len(size)) * hit[0]
    return fan


def synapse_count(graph: Graph, name: str) -> int:
    """Return the number of connections that a node stands for, unrolled: present synapses only."""
    node = graph.nodes[name]
    return int(fan_out(node, graph.input_shape(name)).sum())


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
                total = _pooled(node, total)
            sent[name] = total
        return sent[name]

    def sum_of(name: str) -> np.ndarray:
        parts = [sent_by(source).astype(np.float64) for source in graph.sources(name)]
        return np.sum(parts, axis=0)

    for name, node in graph.nodes.items():
        if isinstance(node, Connection):
            arriving[name] = sum_of(name)
    return arriving


def _pooled(node: SumPool, counts: np.ndarray) -> np.ndarray:
    padded = np.pad(counts, ((0, 0), *node.window.padding))
    rank = len(node.kernel)
    view = np.lib.stride_tricks.sliding_window_view(
        padded, node.kernel, axis=tuple(range(1, 1 + rank))
    )
    strides = (slice(None), *(slice(None, None, s) for s in node.window.stride))
    pooled: np.ndarray = view[strides].sum(axis=tuple(range(-rank, 0)))
    return pooled
