"""The ways that spikes take to a node: what lies between it and the nodes that send them."""

from __future__ import annotations

from dataclasses import dataclass

from .graph import Graph
from .integer import IntegerNeuron
from .structure import Input


@dataclass(frozen=True)
class SignalPath:
    """A way from an input or an integer neuron to a node, and the nodes on it in order.

    delay: the sum over its edges, in steps.
    """

    source: str
    target: str
    through: tuple[str, ...]
    delay: int


class NoNeuronOnLoop(ValueError):
    """Node `node` feeds itself over a loop that no neuron breaks."""

    def __init__(self, node: str) -> None:
        self.node = node
        super().__init__("lies on a loop that no neuron breaks")


def paths_into(graph: Graph, target: str) -> list[SignalPath]:
    """Return every path of an integer graph that ends on `target`, in the order of its edges.

    Raises:
        NoNeuronOnLoop: there would be no end of paths.
    """
    found: list[SignalPath] = []
    waiting: list[tuple[str, tuple[str, ...], int]] = [(target, (), 0)]
    while waiting:  # depth first, without recursion: files nest without end
        here, through, delay = waiting.pop()
        if through and isinstance(graph.nodes[here], (Input, IntegerNeuron)):
            found.append(SignalPath(here, target, through[:-1], delay))
            continue
        if here in through:
            raise NoNeuronOnLoop(here)
        waiting += [
            (edge.source, (here, *through), delay + edge.delay)
            for edge in reversed(graph.incoming[here])
        ]
    return found
