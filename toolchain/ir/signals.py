"""What can arrive at a node in one step, whatever the spikes are."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from .continuous import ContinuousNeuron
from .discrete import Neuron
from .graph import Graph
from .integer import IntegerNeuron
from .structure import Input
from .value_range import Range

NEURONS = (ContinuousNeuron, Neuron, IntegerNeuron)
"""The populations of all stages: what they send does not follow from what arrives in a step."""


def upstream(graph: Graph, name: str, ends: Container[str]) -> list[str]:
    """Return the nodes from which a signal reaches `name`, back to and including those in `ends`.

    Sources come before what they feed, but where a loop leads back to them.
    """
    found: dict[str, None] = {}
    opened: set[str] = set()
    waiting = graph.sources(name)
    while waiting:  # without recursion: files nest without end
        here = waiting[-1]
        if here in ends or here in opened:
            found[here] = None
            waiting.pop()
        else:
            opened.add(here)
            waiting += [source for source in graph.sources(here) if source not in opened]
    return list(found)


@np.errstate(over="ignore")
def arriving_range(graph: Graph, name: str, input_count: int = 1) -> Range | None:
    """Return the range of the sum that arrives at node `name` in one step.

    Spikes are bits, and an Input delivers at most `input_count` spikes to each element a step; all
    may come at once. In float64, exact up to 2^53. None where there is no bound: behind a neuron
    that sends its potential, in a loop without a neuron, or beyond the largest float64.
    """
    ends = {n for n, node in graph.nodes.items() if isinstance(node, (Input, *NEURONS))}
    sent: dict[str, Range | None] = {}
    for here in upstream(graph, name, ends):
        node = graph.nodes[here]
        if here in graph.spiking:
            sent[here] = _counts_up_to(1)
        elif isinstance(node, Input):
            sent[here] = _counts_up_to(input_count)
        elif here not in ends:
            fed = _sum([sent.get(source) for source in graph.sources(here)])
            sent[here] = fed and node.output_range(fed, graph.input_shape(here))
    return _sum([sent.get(source) for source in graph.sources(name)])


def _counts_up_to(most: int) -> Range:
    return Range(np.zeros(()), np.full((), most, np.float64))


def _sum(signals: list[Range | None]) -> Range | None:
    total = _counts_up_to(0)
    for signal in signals:
        if signal is None:
            return None
        total += signal
        if not (np.isfinite(total.low).all() and np.isfinite(total.high).all()):
            return None
    return total
