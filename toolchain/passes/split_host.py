"""Cut a network into what the host computes in real numbers and what a chip can run on spikes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..errors import LoweringError
from ..ir import Edge, Graph, Input, Node, Output
from .findings import Findings


@dataclass(frozen=True)
class HostSplit:
    """One discrete graph as up to three that run in sequence in every time step.

    front: from real-valued inputs to the first spikes; its Output carries the spikes of the neuron
    that the chip's Input is named after. chip: spikes in, spikes out. back: the real-valued
    read-out behind the last spikes. None where a part is empty.
    handed_over: of each neuron whose spikes another part takes, the Output that carries them.
    """

    front: Graph | None
    chip: Graph
    back: Graph | None
    handed_over: Mapping[str, str]


def split_host(graph: Graph, findings: Findings, *, real_input: bool = False) -> HostSplit:
    """Split a discrete graph; the parts in sequence compute what the whole does, bin for bin.

    The back holds what lies behind the last spiking neurons and does more than pass spikes on. The
    front is only made with `real_input`: everything from the inputs up to the first spiking
    neurons, and whatever feeds back into those.

    Raises:
        LoweringError: no spiking neuron is left for a chip, or the front would hand over the
            spikes of more than one population.
    """
    back = _behind_the_last_spikes(graph)
    front = _up_to_the_first_spikes(graph) if real_input else set()
    chip = set(graph.nodes) - front - back
    if not any(name in graph.spiking for name in chip):
        raise LoweringError(
            f"graph {graph.name!r} cannot be split",
            ["no spiking neuron is left for the chip; everything would run on the host"],
        )
    first = [name for name in graph.spiking if name in front and _feeds(graph, name, chip)]
    if real_input and len(first) != 1:
        raise LoweringError(
            f"graph {graph.name!r} cannot be split",
            [f"the chip would take the spikes of {first}; one population can be handed over"],
        )
    for name in front:
        if not isinstance(graph.nodes[name], Input):
            findings.host(name, "stays on the host: its input is real numbers")
    for name in back:
        if not isinstance(graph.nodes[name], Output):
            findings.host(name, "stays on the host: a real-valued read-out")
    handed_over = _outputs_between(graph, (front, chip, back))

    def part(names: set[str], title: str) -> Graph:
        return _part(graph, names, title, handed_over)

    return HostSplit(
        front=part(front, f"{graph.name}.front") if front else None,
        chip=part(chip, graph.name),
        back=part(back, f"{graph.name}.back") if back else None,
        handed_over=MappingProxyType(handed_over),
    )


def _behind_the_last_spikes(graph: Graph) -> set[str]:
    """Return the nodes that spikes reach and that reach no spiking neuron, if they compute."""
    ahead = _closure(graph.spiking, graph.sources)  # the spiking neurons and all that leads there
    behind = set(graph.nodes) - ahead - set(graph.inputs)
    computing = {
        name
        for name in behind
        if not isinstance(graph.nodes[name], Output) and not graph.carries_spikes(name)
    }
    # An output that only passes spikes on belongs to the chip.
    return computing | {name for name in behind if set(graph.sources(name)) & computing}


def _up_to_the_first_spikes(graph: Graph) -> set[str]:
    """Return inputs, the nodes behind them up to the first spikes, and what feeds those."""
    found: set[str] = set()
    pending = list(graph.inputs)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            if name not in graph.spiking:
                pending += graph.targets(name)
    return _closure(found, graph.sources)


def _closure(start: Iterable[str], step: Callable[[str], Iterable[str]]) -> set[str]:
    found: set[str] = set()
    pending = list(start)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += step(name)
    return found


def _feeds(graph: Graph, name: str, part: set[str]) -> bool:
    return any(target in part for target in graph.targets(name))


def _outputs_between(graph: Graph, parts: Iterable[set[str]]) -> dict[str, str]:
    """Return a fresh name of an Output for each node whose signal another part takes."""
    found: dict[str, str] = {}
    named = graph
    for part in parts:
        for edge in graph.edges:
            if edge.source in part and edge.target not in part and edge.source not in found:
                found[edge.source] = named.fresh(f"{edge.source}.spikes")
                named = named.with_nodes({found[edge.source]: Output(graph.shapes[edge.source])})
    return found


def _part(graph: Graph, names: set[str], title: str, handed_over: Mapping[str, str]) -> Graph:
    """Return the subgraph of `names`, with an Input for each edge in and an Output for each out."""
    nodes: dict[str, Node] = {}
    entering = dict.fromkeys(
        e.source for e in graph.edges if e.target in names and e.source not in names
    )
    for name in entering:
        nodes[name] = Input(graph.shapes[name])
    nodes |= {name: node for name, node in graph.nodes.items() if name in names}
    edges = [e for e in graph.edges if e.target in names]
    for name in dict.fromkeys(
        e.source for e in graph.edges if e.source in names and e.target not in names
    ):
        nodes[handed_over[name]] = Output(graph.shapes[name])
        edges.append(Edge(name, handed_over[name]))
    return replace(graph, nodes=nodes, edges=tuple(edges), name=title)
