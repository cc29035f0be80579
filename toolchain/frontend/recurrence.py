"""Order along the edges, and the delay of one step that every feedback loop must have somewhere.

NIR does not define when a spike that goes round a loop arrives; every simulator that steps lets it
arrive one step later. Which edge takes the delay depends on nodes and edges, not on names: walk
depth first from the inputs; an edge back to a node of the walk's own path closes a loop. Going back
from there over connections, which have no memory, the delay is put on the edge that leaves a
neuron, so that a recurrent weight (and its bias) multiplies the spikes of the step before:
`lif -> w_rec -> lif` delays `lif -> w_rec`.
"""

from __future__ import annotations

from collections.abc import Mapping

from .flatten_subgraphs import FlatGraph
from .tie_order import Key, natural

_NEURONS = frozenset(("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF", "Threshold"))

Edge = tuple[str, str]


def order_along_edges(graph: FlatGraph) -> list[str]:
    """Return all nodes, each before those that it feeds save over the edges that close a loop."""
    targets, sources = graph.targets, graph.sources
    names = sorted(graph.nodes, key=graph.ties.__getitem__)
    inputs = [name for name in names if graph.nodes[name].kind == "Input"]
    unfed = [name for name in names if not sources[name]]
    left: list[str] = []
    seen: set[str] = set()
    for root in (*reversed(inputs), *reversed(unfed), *names):
        if root in seen:
            continue
        seen.add(root)
        # of two branches, the one walked last comes first in the result
        path = [(root, iter(reversed(targets[root])))]
        while path:
            name, following = path[-1]
            step = next((target for target in following if target not in seen), None)
            if step is None:
                left.append(path.pop()[0])
            else:
                seen.add(step)
                path.append((step, iter(reversed(targets[step]))))
    return left[::-1]


def loops_of(graph: FlatGraph, order: list[str]) -> dict[str, int]:
    """Return the number of the loop system (strongly connected component) of each node.

    Kosaraju's second walk: against the edges, in the order of the first walk.
    """
    sources = graph.sources
    found: dict[str, int] = {}
    for number, root in enumerate(order):
        waiting = [root] if root not in found else []
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = number
                waiting += sources[name]
    return found


def loop_without_neuron(graph: FlatGraph) -> list[str]:
    """Return the nodes of loops that pass through no neuron: they are undefined."""
    free = {name for name, node in graph.nodes.items() if node.kind not in _NEURONS}
    left = _fed_from_within(free, graph.sources, graph.targets)
    # what lies behind a loop is fed from within too; what lies in it also feeds into it
    return sorted(_fed_from_within(left, graph.targets, graph.sources), key=natural)


def _fed_from_within(
    names: set[str], sources: Mapping[str, list[str]], targets: Mapping[str, list[str]]
) -> set[str]:
    """Drop nodes that no other of `names` feeds, until there is none."""
    waiting = {name: sum(source in names for source in sources[name]) for name in names}
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        name = ready.pop()
        del waiting[name]
        for target in targets[name]:
            if target in waiting:
                waiting[target] -= 1
                if waiting[target] == 0:
                    ready.append(target)
    return set(waiting)


def delayed_edges(graph: FlatGraph, order: list[str]) -> set[Edge]:
    """Return the edges that carry the output of the step before.

    Every loop holds at least one of them; a graph without loops has none.
    """
    rank = {name: position for position, name in enumerate(order)}
    closing = {edge for edge in graph.edges if rank[edge[1]] <= rank[edge[0]]}
    return _moved_to_neurons(closing, graph, loops_of(graph, order)) if closing else closing


def _moved_to_neurons(delayed: set[Edge], graph: FlatGraph, loops: Mapping[str, int]) -> set[Edge]:
    """Move each delay upstream over connections, until it stands behind a neuron.

    It moves over a connection only where all edges out of it are delayed, and onto those edges
    into it that belong to the loop.
    """
    targets, sources = graph.targets, graph.sources
    ties = graph.ties

    def tied(edge: Edge) -> tuple[Key, Key]:
        return ties[edge[0]], ties[edge[1]]

    waiting = sorted(delayed, key=tied)
    while waiting:
        source, _ = waiting.pop()
        outgoing = {(source, target) for target in targets[source]}
        incoming = {(b, source) for b in sources[source] if loops[b] == loops[source]}
        movable = graph.nodes[source].kind not in _NEURONS and outgoing <= delayed
        if movable and incoming and not incoming & delayed:
            delayed = (delayed - outgoing) | incoming
            waiting += sorted(incoming, key=tied)
    return delayed
