"""What can arrive at a node in one step, whatever the spikes are."""

from __future__ import annotations

import numpy as np

from .continuous import ContinuousNeuron
from .discrete import Neuron
from .graph import Graph
from .integer import IntegerNeuron
from .structure import Input
from .value_range import Range


@np.errstate(over="ignore")
def arriving_range(graph: Graph, name: str, input_count: int = 1) -> Range | None:
    """Return the range of the sum that arrives at node `name` in one step.

    Spikes are bits, and an Input delivers at most `input_count` spikes to each element a step; all
    may come at once. In float64, exact up to 2^53. None where there is no bound: behind a neuron
    that sends its potential, in a loop without a neuron, or beyond the largest float64.
    """
    sent: dict[str, Range | None] = {}
    opened: set[str] = set()
    waiting = graph.sources(name)
    while waiting:  # sources before what they feed, without recursion: files nest without end
        here = waiting[-1]
        node = graph.nodes[here]
        if here in graph.spiking:
            sent[here] = _counts_up_to(1)
        elif isinstance(node, Input):
            sent[here] = _counts_up_to(input_count)
        elif isinstance(node, (ContinuousNeuron, Neuron, IntegerNeuron)):
            sent[here] = None
        elif here not in opened:
            opened.add(here)
            waiting += [source for source in graph.sources(here) if source not in opened]
            continue
        elif here not in sent:
            fed = _sum([sent.get(source) for source in graph.sources(here)])
            shape = graph.input_shape(here)
            sent[here] = None if fed is None else node.output_range(fed, shape)
        waiting.pop()
    return _sum([sent[source] for source in graph.sources(name)])


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
