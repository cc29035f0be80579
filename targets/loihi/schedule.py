"""When each population computes a step of the network: depths and synaptic delays.

Every connection of the chip takes one step, every edge of a graph none or as many as it says. A
population of depth d shows step t of the graph in step t + d of the chip; what the depths of two
ends do not explain becomes a delay of the synapses between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PopulationEdge:
    """One connection between two populations: the graph's delay, the least of all its neurons."""

    source: str
    target: str
    delay: int


def depths_of(
    populations: Sequence[str], inputs: Sequence[str], edges: Sequence[PopulationEdge]
) -> dict[str, int] | None:
    """Return the smallest depth of each population such that every spike can arrive in time.

    depth(target) >= depth(source) + 1 - delay, inputs at depth 0, none below 0 (Bellman and
    Ford). None where a loop is faster than the chip: its delays add up to less than its length.
    """
    depth = dict.fromkeys((*inputs, *populations), 0)
    for _ in range(len(populations) + 1):
        moved = False
        for edge in edges:
            needed = depth[edge.source] + 1 - edge.delay
            if depth[edge.target] < needed:
                depth[edge.target] = needed
                moved = True
        if not moved:
            return depth
    return None


def synaptic_delay(delay: int, source_depth: int, target_depth: int) -> int:
    """Return the delay that the chip must add to the one step that it takes anyway."""
    return delay + target_depth - source_depth - 1
