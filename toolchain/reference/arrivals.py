"""What arrives at each connection in time to reach a neuron within the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..ir import (
    AvgPool,
    Connection,
    ContinuousNeuron,
    Delay,
    Flatten,
    Graph,
    Input,
    IntegerNeuron,
    Neuron,
    Output,
    SumPool,
)


@dataclass(frozen=True)
class Arrivals:
    """What arrived at a connection, over the batch, from where it still reached a neuron.

    spikes: of the shape of its input, int64: how many spikes came to each element. numbers: in how
    many steps real numbers came instead, one to every element; one of the two is 0.
    """

    spikes: np.ndarray
    numbers: int


class ArrivalCounter:
    """Counts what arrives at the connections of a graph, block of steps by block.

    Spikes are what spiking neurons send, and inputs that are counts, also through Flatten, Delay
    and SumPool; anything else is a number in every step.
    """

    def __init__(self, graph: Graph, inputs: Mapping[str, np.ndarray], steps: int) -> None:
        counts = {name for name, array in inputs.items() if _are_counts(array)}
        self._steps = steps
        self._late = _late(graph)
        self._spiking = {
            name: _carries_counts(graph, name, counts)
            for name, node in graph.nodes.items()
            if isinstance(node, Connection)
        }
        self._spikes = {name: np.zeros(graph.input_shape(name), np.int64) for name in self._spiking}
        self._numbers = dict.fromkeys(self._spiking, 0)

    def add(self, name: str, start: int, arriving: np.ndarray) -> None:
        """Add what arrives at node `name` in steps from `start` on, (batch, time, *shape)."""
        if name not in self._spiking:
            return
        in_time = arriving[:, : max(self._steps - self._late[name] - start, 0)]
        if self._spiking[name]:
            self._spikes[name] += in_time.sum(axis=(0, 1)).astype(np.int64)
        else:
            self._numbers[name] += in_time.shape[0] * in_time.shape[1]

    def arrivals(self) -> dict[str, Arrivals]:
        """Return what has arrived at each connection."""
        return {name: Arrivals(self._spikes[name], self._numbers[name]) for name in self._spiking}


def _are_counts(array: np.ndarray) -> bool:
    if array.dtype.kind in "bu":
        return True
    whole = array.dtype.kind == "i" or np.array_equal(array, np.round(array))
    return bool(whole and np.all(array >= 0))


def _carries_counts(graph: Graph, name: str, counts: Iterable[str]) -> bool:
    """Whether what arrives at `name` are spikes or counts of them."""
    waiting, seen = graph.sources(name), set[str]()
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        node = graph.nodes[here]
        if here in graph.spiking or here in counts:
            continue
        passes = isinstance(node, (Flatten, Delay, SumPool)) and not isinstance(node, AvgPool)
        if not passes:
            return False
        waiting += graph.sources(here)
    return True


def _late(graph: Graph) -> dict[str, int]:
    """Return after how many steps what a node sends can reach a neuron or an output at first."""
    late = {
        name: 0
        for name, node in graph.nodes.items()
        if isinstance(node, (ContinuousNeuron, Neuron, IntegerNeuron, Output))
    }
    ends = frozenset(late)
    for _ in graph.nodes:  # as often as the longest way has nodes
        changed = False
        for name, node in graph.nodes.items():
            if name in ends or isinstance(node, Input):
                continue
            own = _least_delay(graph, name)
            ways = [late[e.target] + e.delay for e in graph.outgoing[name] if e.target in late]
            if ways and late.get(name) != min(ways) + own:
                late[name], changed = min(ways) + own, True
        if not changed:
            break
    return {name: late.get(name, 0) for name in graph.nodes}


def _least_delay(graph: Graph, name: str) -> int:
    node = graph.nodes[name]
    if not isinstance(node, Delay):
        return 0
    steps = node.in_steps(graph.dialect.dt) if _in_seconds(graph) and graph.dialect else node.delay
    return int(np.floor(np.min(steps)))


def _in_seconds(graph: Graph) -> bool:
    return str(graph.stage) == "imported"
