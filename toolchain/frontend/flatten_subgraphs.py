"""Nested graphs made flat: names joined with ".", inner inputs and outputs dissolved into edges."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from ..ir import fresh_name
from .faults import MOST_SHOWN, described
from .raw import RawNode
from .tie_order import Key, natural, tie_keys

Edges = list[tuple[str, str]]


@dataclass
class FlatGraph:
    """A graph without nesting: nodes by full name, edges between full names.

    dissolved: declared shape of each inner Input and Output, by full name.
    sources_of: what feeds each dissolved one, to compare the declared shape with the actual one.
    """

    nodes: dict[str, RawNode] = field(default_factory=dict)
    edges: Edges = field(default_factory=list)
    dissolved: dict[str, RawNode] = field(default_factory=dict)
    sources_of: dict[str, list[str]] = field(default_factory=dict)
    in_order: bool = True
    _ties: tuple[tuple[int, int], dict[str, Key]] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    @property
    def ties(self) -> dict[str, Key]:
        """A sort key of every node that does not depend on names; kept until the graph grows."""
        size = (len(self.nodes), len(self.edges))
        if self._ties is None or self._ties[0] != size:
            self._ties = (size, tie_keys(self.nodes, self.edges))
        return self._ties[1]

    @property
    def targets(self) -> dict[str, list[str]]:
        """The names of the nodes that each node feeds, in the order of `ties`."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            found[source].append(target)
        ties = self.ties
        return {name: sorted(t, key=ties.__getitem__) for name, t in found.items()}

    @property
    def sources(self) -> dict[str, list[str]]:
        """The names of the nodes that feed each node, in the order of `ties`."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            found[target].append(source)
        ties = self.ties
        return {name: sorted(s, key=ties.__getitem__) for name, s in found.items()}


def flattened(root: RawNode, most_edges: int) -> tuple[FlatGraph, list[InputError]]:
    """Return the graph without nesting, and the faults of its names and edges."""
    flat, faults = FlatGraph(), list[InputError]()
    _collect(root, "", flat, faults)
    if not faults:
        faults += _dissolve_ports(flat, most_edges)
    if not faults:
        _scale_parallel_paths(flat)
    return flat, faults


def _collect(graph: RawNode, prefix: str, flat: FlatGraph, faults: list[InputError]) -> None:
    flat.in_order &= graph.in_order
    for name, node in graph.nodes.items():
        full = prefix + name
        if not name or full in flat.nodes:
            faults.append(
                InputError(
                    described(full, node.kind),
                    got="a name that is empty or taken",
                    expected="one name a node, nested names joined with '.'",
                    remedy="rename the node",
                )
            )
        elif node.kind == "NIRGraph":
            _collect(node, f"{full}.", flat, faults)
        else:
            flat.nodes[full] = node
            if prefix and node.kind in ("Input", "Output"):
                flat.dissolved[full] = node
    faults += _duplicates(graph.edges, f"in graph {prefix[:-1] or 'the root'!r}")
    for source, target in graph.edges:
        ends = _port(graph, source, "Output"), _port(graph, target, "Input")
        if isinstance(ends[0], str) and isinstance(ends[1], str):
            flat.edges.append((prefix + ends[0], prefix + ends[1]))
            continue
        if len(faults) > MOST_SHOWN:  # enough: each costs a search among all names
            return
        what = f"edge {prefix + source!r} -> {prefix + target!r}"
        for end in ends:
            if isinstance(end, tuple):
                faults.append(InputError(what, got=end[0], expected=end[1], remedy=end[2]))


def _port(graph: RawNode, end: str, side: str) -> str | tuple[str, str, str]:
    """Return the name within `graph` of the plain node that an end of an edge means."""
    node, rest = graph.nodes.get(end), ""
    if node is None and "." in end:  # the end may name a port of a nested graph: "sub.input"
        head, _, rest = end.partition(".")
        node = graph.nodes.get(head)
        if node is not None and node.kind == "NIRGraph":
            inner = _port(node, rest, side)
            return f"{head}.{inner}" if isinstance(inner, str) else inner
        node = None
    if node is None:
        return (
            f"no node {end!r}",
            f"one of {_shown(graph.nodes)}",
            f"correct the edge{_suggestion(end, graph)}",
        )
    if node.kind != "NIRGraph":
        return end
    ports = [name for name, inner in node.nodes.items() if inner.kind == side]
    if len(ports) != 1:
        return (
            f"the nested graph {end!r} with {len(ports)} {side} nodes",
            "exactly one",
            f"let the edge name the port, as in '{end}.{ports[0] if ports else side.lower()}'",
        )
    return f"{end}.{ports[0]}"


def _dissolve_ports(flat: FlatGraph, most_edges: int) -> list[InputError]:
    """Join the edges into each inner Input and Output to the edges out of it."""
    into: dict[str, list[str]] = {name: [] for name in flat.nodes}
    out_of: dict[str, list[str]] = {name: [] for name in flat.nodes}
    for source, target in flat.edges:
        into[target].append(source)
        out_of[source].append(target)
    count = len(flat.edges)
    for name in flat.dissolved:
        sources, targets = into.pop(name), out_of.pop(name)
        count += len(sources) * len(targets) - len(sources) - len(targets)
        if count > most_edges or name in sources:
            return [
                InputError(
                    described(name, flat.nodes[name].kind),
                    got=f"{len(sources)} edges in and {len(targets)} out of a port",
                    expected=f"ports that make at most {most_edges} edges and no loop",
                    remedy="write the graph without nesting",
                )
            ]
        for source in sources:
            out_of[source] = _replaced(out_of[source], name, targets)
        for target in targets:
            into[target] = _replaced(into[target], name, sources)
        flat.sources_of[name] = sources
        del flat.nodes[name]
    for name in reversed(flat.dissolved):  # a port may have been fed by another that went later
        sources = flat.sources_of[name]
        flat.sources_of[name] = [
            real for s in sources for real in (flat.sources_of[s] if s in flat.dissolved else [s])
        ]
    flat.edges = [(source, target) for source, targets in out_of.items() for target in targets]
    return []


def _scale_parallel_paths(flat: FlatGraph) -> None:
    """Replace several edges between the same nodes by one through a Scale.

    They arise from nested graphs that pass a signal on by several ports: it is then summed.
    """
    for (source, target), count in Counter(flat.edges).items():
        if count > 1:
            name = fresh_name(f"{source}_{count}_times_into_{target}", flat.nodes)
            flat.nodes[name] = RawNode("Scale", {"scale": np.array(float(count))})
            flat.edges = [edge for edge in flat.edges if edge != (source, target)]
            flat.edges += [(source, name), (name, target)]


def _replaced(names: list[str], name: str, others: list[str]) -> list[str]:
    return [n for known in names for n in (others if known == name else [known])]


def _duplicates(edges: Iterable[tuple[str, str]], where: str) -> list[InputError]:
    return [
        InputError(
            f"edge {source!r} -> {target!r}",
            got=f"{count} of them {where}",
            expected="at most one (NIR's text sums duplicates, its package refuses them)",
            remedy="drop the repetition, or say 2*x with a Scale node",
        )
        for (source, target), count in Counter(edges).items()
        if count > 1
    ]


def declared_shape(node: RawNode, key: str = "shape") -> tuple[int, ...] | None:
    """Return a shape field as written, or None where it is absent or empty."""
    value = node.fields.get(key)
    if not isinstance(value, np.ndarray) or value.ndim > 1 or value.size == 0:
        return None
    if value.dtype.kind not in "iu" or np.any(value < 1):
        return None
    return tuple(int(n) for n in value.reshape(-1))


def _shown(names: Mapping[str, object]) -> str:
    known = sorted(names, key=natural)
    return ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")


def _suggestion(end: str, graph: RawNode) -> str:
    """Say which node may be meant by a name that no node in `graph` has."""
    head, _, port = end.partition(".")
    if port and head in graph.nodes:
        return f": {head!r} is a {graph.nodes[head].kind} and has no port {port!r}, name it alone"
    inside = [f"{n}.{end}" for n, node in graph.nodes.items() if end in node.nodes]
    near = inside or (
        difflib.get_close_matches(end, graph.nodes, n=1) if len(graph.nodes) < 500 else []
    )
    return f": did you mean {near[0]!r}?" if near else ""
