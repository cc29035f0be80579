"""What a pass is, what it tells about the nodes it touched, and how passes follow each other.

A pass is a frozen dataclass whose fields are its options. It takes a graph and returns another;
both are verified. What it found out about a node (folded, quantised, refused) it adds to
`Findings`, keyed by the user's own node names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import ClassVar

from ..errors import LoweringError
from ..ir import Graph, Stage, verify


class Effect(StrEnum):
    """What a pass did to the meaning of a node."""

    EXACT = "exact"
    APPROXIMATE = "approximate"
    HOST = "host"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one node, from one pass."""

    node: str
    effect: Effect
    detail: str


@dataclass
class Findings:
    """The findings of all passes so far, in order."""

    rows: list[Finding] = field(default_factory=list)

    def exact(self, node: str, detail: str) -> None:
        """Note a change that keeps the node's meaning."""
        self.rows.append(Finding(node, Effect.EXACT, detail))

    def approximate(self, node: str, detail: str) -> None:
        """Note a change that alters results; `detail` says why and by how much."""
        self.rows.append(Finding(node, Effect.APPROXIMATE, detail))

    def host(self, node: str, detail: str) -> None:
        """Note that a node stays on the host, and why."""
        self.rows.append(Finding(node, Effect.HOST, detail))

    def unsupported(self, node: str, reason: str, remedy: str) -> None:
        """Note that a node cannot be lowered."""
        self.rows.append(Finding(node, Effect.UNSUPPORTED, f"{reason}; {remedy}"))

    def about(self, node: str) -> list[Finding]:
        """Return the findings on one node."""
        return [row for row in self.rows if row.node == node]

    def raise_if_unsupported(self, graph: Graph, what: str) -> None:
        """Raise LoweringError with every refusal so far, if there is any."""
        refused = [row for row in self.rows if row.effect is Effect.UNSUPPORTED]
        if refused:
            raise LoweringError(
                f"graph {graph.name!r} cannot be {what}",
                [
                    f"node {row.node!r} ({graph.nodes[row.node].kind}): {row.detail}"
                    if row.node in graph.nodes
                    else f"node {row.node!r}: {row.detail}"
                    for row in refused
                ],
            )

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.rows)


@dataclass(frozen=True)
class Pass(ABC):
    """One step of a lowering; the fields of a subclass are its options."""

    name: ClassVar[str]
    takes: ClassVar[Stage]
    gives: ClassVar[Stage]

    @abstractmethod
    def apply(self, graph: Graph, findings: Findings) -> Graph:
        """Return the rewritten graph. `graph` is verified and in stage `takes`.

        Raises:
            LoweringError: nodes cannot be rewritten; every one of them is listed.
        """

    def __str__(self) -> str:
        options = ",".join(
            f"{f.name.replace('_', '-')}={getattr(self, f.name)}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        )
        return self.name + (f"{{{options}}}" if options else "")


def run_passes(
    graph: Graph,
    passes: Iterable[Pass],
    findings: Findings,
    *,
    between: Callable[[Pass, Graph], None] | None = None,
) -> Graph:
    """Apply `passes` in order, verifying the graph after each.

    Args:
        between: called after each pass with the pass and its result: printing, timing, comparing.
    """
    for step in passes:
        graph = verify(step.apply(graph, findings), after=str(step))
        if between:
            between(step, graph)
    return graph
