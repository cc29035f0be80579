"""Findings of passes about nodes, each with a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ..errors import LoweringError
from ..ir import Graph


class Verdict(StrEnum):
    """What becomes of one node, from the best to the worst."""

    EXACT = "exact"
    """It computes what it did before, bit for bit where both sides are integers."""
    APPROXIMATE = "approximate"
    """It is rounded; a detail says why and by how much."""
    HOST = "host"
    """It stays off the chip."""
    UNSUPPORTED = "unsupported"
    """It is refused; a detail says why and what to do."""


def severity(verdict: Verdict) -> int:
    """Return the place of a verdict from the best, 0, to the worst."""
    return list(Verdict).index(verdict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one node, from one step of the lowering: `found_by`, mostly a pass."""

    node: str
    verdict: Verdict
    detail: str
    found_by: str


@dataclass
class Findings:
    """The findings of all steps so far, in order.

    found_by: the step of the lowering that is running, mostly a pass; it goes into each finding.
    """

    rows: list[Finding] = field(default_factory=list)
    found_by: str = ""

    def of(self, step: str) -> Findings:
        """Return these findings, to be added to by `step`."""
        return replace(self, found_by=step)

    def exact(self, node: str, detail: str) -> None:
        """Note a change that keeps the node's meaning."""
        self._add(node, Verdict.EXACT, detail)

    def approximate(self, node: str, detail: str) -> None:
        """Note a change that alters results; `detail` says why and by how much."""
        self._add(node, Verdict.APPROXIMATE, detail)

    def host(self, node: str, detail: str) -> None:
        """Note that a node stays on the host, and why."""
        self._add(node, Verdict.HOST, detail)

    def unsupported(self, node: str, reason: str, remedy: str) -> None:
        """Note that a node cannot be lowered."""
        self._add(node, Verdict.UNSUPPORTED, f"{reason}; {remedy}")

    def _add(self, node: str, verdict: Verdict, detail: str) -> None:
        self.rows.append(Finding(node, verdict, detail, self.found_by))

    def about(self, node: str) -> list[Finding]:
        """Return the findings on one node."""
        return [row for row in self.rows if row.node == node]

    def raise_if_unsupported(self, graph: Graph, what: str) -> None:
        """Raise LoweringError with every refusal so far, if there is any."""
        refused = [row for row in self.rows if row.verdict is Verdict.UNSUPPORTED]
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
