"""The graph: named nodes, edges between them, nothing that changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from ..errors import InternalError
from .continuous import ContinuousNeuron
from .dialect import Dialect
from .discrete import Neuron
from .integer import IntegerNeuron
from .node import Node, Shape, ShapeError, fresh_name
from .sized_for import SizedFor
from .stage import Stage
from .structure import Delay, Flatten, Input, Output

SomeNode = TypeVar("SomeNode", bound=Node)


class Edge(NamedTuple):
    """What node `source` sends, node `target` receives `delay` steps later (0: the same step)."""

    source: str
    target: str
    delay: int = 0


@dataclass(frozen=True)
class Graph:
    """A network in one stage of its lowering.

    Nodes keep the order of the file. Several edges into one node are summed. A pass makes a new
    graph; names stay, so that every message can cite the user's own layer.
    """

    stage: Stage
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    dialect: Dialect | None = None
    name: str = "network"
    sized_for: SizedFor | None = None
    """Of an integer graph: the runs that its widths are for; None where nobody chose them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", MappingProxyType(dict(self.nodes)))
        object.__setattr__(self, "edges", tuple(Edge(*edge) for edge in self.edges))

    # -- looking around ------------------------------------------------------------------------

    @cached_property
    def incoming(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges into each node, in the order of `edges`."""
        return self._grouped(lambda edge: edge.target)

    @cached_property
    def outgoing(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges out of each node, in the order of `edges`."""
        return self._grouped(lambda edge: edge.source)

    def _grouped(self, key) -> Mapping[str, tuple[Edge, ...]]:  # type: ignore[no-untyped-def]
        groups: dict[str, list[Edge]] = {name: [] for name in self.nodes}
        for edge in self.edges:
            groups[key(edge)].append(edge)
        return {name: tuple(edges) for name, edges in groups.items()}

    def sources(self, name: str) -> list[str]:
        """Return the names of the nodes that feed `name`."""
        return [edge.source for edge in self.incoming[name]]

    def targets(self, name: str) -> list[str]:
        """Return the names of the nodes that `name` feeds."""
        return [edge.target for edge in self.outgoing[name]]

    def of_type(self, kind: type[SomeNode]) -> dict[str, SomeNode]:
        """Return the nodes of one class, by name, in order."""
        return {name: node for name, node in self.nodes.items() if isinstance(node, kind)}

    @property
    def inputs(self) -> dict[str, Input]:
        """The input nodes by name."""
        return self.of_type(Input)

    @property
    def outputs(self) -> dict[str, Output]:
        """The output nodes by name."""
        return self.of_type(Output)

    @cached_property
    def spiking(self) -> tuple[str, ...]:
        """The neuron nodes that send spikes (not potentials), in order."""
        return tuple(
            name
            for name, node in self.nodes.items()
            if isinstance(node, IntegerNeuron)
            or (isinstance(node, (ContinuousNeuron, Neuron)) and node.spikes)
        )

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The nodes in execution order: sources first within a step, file order where free.

        Raises:
            InternalError: a loop of edges without delay.
        """
        waiting = {
            name: sum(edge.delay == 0 for edge in self.incoming[name]) for name in self.nodes
        }
        ready = [name for name, count in waiting.items() if count == 0]
        order: list[str] = []
        while ready:
            name = ready.pop(0)
            order.append(name)
            for edge in self.outgoing[name]:
                if edge.delay == 0:
                    waiting[edge.target] -= 1
                    if waiting[edge.target] == 0:
                        ready.append(edge.target)
        if len(order) < len(self.nodes):
            loop = sorted(set(self.nodes) - set(order))
            raise InternalError(f"graph {self.name!r}: nodes {loop} form a loop without delay")
        return tuple(order)

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The output shape of every node.

        Raises:
            ShapeError: a node cannot take what it is fed; the text names it.
        """
        # a node fed over delayed edges alone comes before its sources: populations know their shape
        known: dict[str, Shape] = {
            name: node.shape for name, node in self.nodes.items() if hasattr(node, "shape")
        }
        found: dict[str, Shape] = {}
        pending, deferred = deque(self.order), 0
        while pending:
            name = pending.popleft()
            shapes = (found.get(source, known.get(source)) for source in self.sources(name))
            feeding = [shape for shape in shapes if shape is not None]
            if self.incoming[name] and not feeding and deferred < len(pending):
                pending.append(name)
                deferred += 1
                continue
            deferred = 0
            if len(set(feeding)) > 1:
                raise ShapeError(f"node {name!r} is fed different shapes: {feeding}")
            try:
                found[name] = self.nodes[name].output_shape(feeding[0] if feeding else None)
            except ShapeError as error:
                raise ShapeError(f"node {name!r} ({self.nodes[name].kind}) {error}") from None
        for name, edges in self.incoming.items():  # delayed ones could not be checked on the way
            others = {found[edge.source] for edge in edges}
            if len(others) > 1:
                raise ShapeError(f"node {name!r} is fed different shapes: {sorted(others)}")
        return found

    def origin(self, name: str) -> str:
        """Return the node whose signal `name` passes on, apart from its shape and a delay.

        That is `name` itself if it computes something, or sums several signals.
        """
        passed: set[str] = set()
        while isinstance(self.nodes[name], (Flatten, Delay, Output)) and name not in passed:
            if len(self.incoming[name]) != 1:
                break
            passed.add(name)
            name = self.incoming[name][0].source
        return name

    def carries_spikes(self, name: str) -> bool:
        """Whether what `name` sends is bits: a spiking neuron, or one passed through unchanged."""
        return self.origin(name) in self.spiking

    def input_shape(self, name: str) -> Shape:
        """Return the shape that flows into node `name`."""
        return self.shapes[self.sources(name)[0]]

    # -- making another ------------------------------------------------------------------------

    def fresh(self, wanted: str) -> str:
        """Return a name for a new node that no node has: `wanted`, or with a number behind it."""
        return fresh_name(wanted, self.nodes)

    def with_nodes(self, nodes: Mapping[str, Node], stage: Stage | None = None) -> Graph:
        """Return the graph with some nodes replaced (same names), optionally in another stage."""
        return replace(self, nodes={**self.nodes, **nodes}, stage=stage or self.stage)

    def without(self, names: Iterable[str]) -> Graph:
        """Return the graph with nodes bypassed: each must have exactly one edge in.

        The edge into a bypassed node is joined to every edge out of it, delays added.
        """
        nodes, edges = dict(self.nodes), list(self.edges)
        for name in names:
            before = [edge for edge in edges if edge.target == name]
            if len(before) != 1:
                raise InternalError(f"cannot bypass {name!r}: {len(before)} edges lead into it")
            source, _, delay = before[0]
            edges = [
                Edge(source, edge.target, delay + edge.delay) if edge.source == name else edge
                for edge in edges
                if edge.target != name
            ]
            del nodes[name]
        return replace(self, nodes=nodes, edges=tuple(edges))
