"""What lowering a graph to Loihi finds out: reasons, losses and notes by node, and the network."""

from __future__ import annotations

from dataclasses import dataclass, field

from axonc.toolchain.ir import Graph

from ..base import NodeVerdict, Verdict
from .chip import Chip
from .network import Network
from .partition import Partition


@dataclass
class ChipLowering:
    """The result for a graph. network and graph are None while any node is unsupported.

    graph: the integer graph that equals the network on every bin.
    """

    source: Graph
    chip: Chip
    reasons: dict[str, list[str]] = field(default_factory=dict)
    losses: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    network: Network | None = None
    graph: Graph | None = None
    partition: Partition | None = None

    def __post_init__(self) -> None:
        for found in (self.reasons, self.losses, self.notes):
            found.update({name: [] for name in self.source.nodes})

    def refuse(self, node: str, reason: str) -> None:
        """Add a reason why a node is unsupported, once."""
        if reason not in self.reasons[node]:
            self.reasons[node].append(reason)

    @property
    def refused(self) -> bool:
        """Whether any node is unsupported."""
        return any(self.reasons.values())

    def rows(self) -> tuple[NodeVerdict, ...]:
        """Return the verdict of every node, in the order of the graph."""
        return tuple(self._row(name) for name in self.source.nodes)

    def _row(self, name: str) -> NodeVerdict:
        kind, notes = self.source.nodes[name].kind, self.notes[name]
        if reasons := self.reasons[name]:
            return NodeVerdict(name, kind, Verdict.UNSUPPORTED, "; ".join(reasons))
        verdict = Verdict.APPROXIMATE if self.losses[name] else Verdict.EXACT
        told = dict.fromkeys([*self.losses[name], *notes])
        return NodeVerdict(name, kind, verdict, "; ".join(told))
