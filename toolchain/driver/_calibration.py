"""Fraction bits of each layer's membranes, chosen by what rounding does to given spikes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..ir import Edge, Graph, Input, Neuron, Output, Stage
from ..passes import Findings, FixedPoint, neuron_refusals
from ..reference import Spikes, execute

_MOST_FRACTION_BITS = 16


def calibrated(
    graph: Graph, fixed_point: FixedPoint, spikes: Spikes, findings: Findings, mismatch: float
) -> FixedPoint:
    """Return `fixed_point` with the fewest fraction bits a layer that keep its spikes.

    Each layer is judged alone, on the input that it gets in the discrete network: its integer
    neurons are run with 0, 1, 2, ... fraction bits until at most a share `mismatch` of its spike
    bins differs, or 16 bits are reached, when the best is taken. What was measured is noted.

    Args:
        graph: a discrete graph whose connections already have integer weights.
        spikes: (batch, time, *shape) of each input; never those that accuracy is reported on.
    """
    neurons = graph.of_type(Neuron)
    feeding = {source for name in neurons for source in graph.sources(name)}
    recording = execute(graph, spikes, probes=sorted({*neurons, *feeding}))
    chosen: dict[str, int] = {}
    for name, node in neurons.items():
        if any(neuron_refusals(node)):
            continue  # the pass itself will refuse it, with all the others
        arriving = np.zeros(recording.spikes[name].shape)
        for edge in graph.incoming[name]:
            sent = recording.spikes[edge.source]
            arriving[:, edge.delay :] += sent[:, : sent.shape[1] - edge.delay]
        best, differing = 0, 1.0
        for bits in range(_MOST_FRACTION_BITS + 1):
            alone = _layer_alone(graph, name, node, replace(fixed_point, fraction_bits=bits))
            got = execute(alone, arriving).output
            share = float(np.mean(got != recording.spikes[name]))
            if share < differing:
                best, differing = bits, share
            if share <= mismatch:
                break
        chosen[name] = best
        findings.exact(name, f"calibrated: {100 * differing:.2g} % of its spike bins differ")
    return replace(fixed_point, fraction_bits_of=tuple(chosen.items()))


def _layer_alone(graph: Graph, name: str, node: Neuron, fixed_point: FixedPoint) -> Graph:
    """Return the population as an integer graph of its own, fed with its synaptic sums."""
    made = fixed_point.rounded(graph, name, node).neuron
    nodes = {"sums": Input(node.shape), name: made, "spikes": Output(node.shape)}
    return Graph(Stage.INTEGER, nodes, (Edge("sums", name), Edge(name, "spikes")))
