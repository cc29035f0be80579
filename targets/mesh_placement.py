"""Places on a mesh for parts that talk to one another: METIS first, then simulated annealing.

Dual recursive bipartitioning (Pellegrini, SHPCC 1994; the method of SCOTCH): METIS cuts the graph
of traffic in two with few messages across, the mesh is cut in two across its longer side, each half
of the graph goes to a half of the mesh, and so on down to single slots. What these cuts do not see
(how far a message goes beyond its cut, and where the pins are) annealing from there repairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MOVES_PER_PART = 2000
# Of the mean cost of a random move: hot enough to leave a poor cut, too cold to forget a good one.
_START_HEAT, _END_HEAT = 0.1, 1e-3
_MOST_EDGE_WEIGHT = 1 << 30
"""Of all edges together: METIS counts in 32 bits."""


@dataclass(frozen=True)
class MeshTraffic:
    """Messages between parts 0, 1, ... and pins, which are numbered behind the parts.

    starts, partners, messages: symmetric, in compressed rows; a row a part or pin.
    """

    parts: int
    starts: np.ndarray
    partners: np.ndarray
    messages: np.ndarray

    @classmethod
    def between(
        cls, one: np.ndarray, other: np.ndarray, messages: np.ndarray, parts: int, pins: int = 0
    ) -> MeshTraffic:
        """Return the traffic of (one, other, messages) triples; pairs may repeat, either way."""
        size = parts + pins
        counted = (one != other) & (messages > 0)
        low, high = np.minimum(one, other)[counted], np.maximum(one, other)[counted]
        pairs, index = np.unique(low.astype(np.int64) * size + high, return_inverse=True)
        summed = np.bincount(index, messages[counted], len(pairs)).astype(np.int64)
        low, high = np.divmod(pairs, size)
        rows, partners = np.concatenate([low, high]), np.concatenate([high, low])
        order = np.lexsort((partners, rows))
        starts = np.searchsorted(rows[order], np.arange(size + 1))
        return cls(parts, starts, partners[order], np.concatenate([summed, summed])[order])

    def links(self, xy: np.ndarray) -> int:
        """Return the sum of messages times links, for the places (parts + pins, 2)."""
        rows = np.repeat(np.arange(len(xy)), np.diff(self.starts))
        distance = np.abs(xy[rows] - xy[self.partners]).sum(axis=1)
        return int((self.messages * distance).sum()) // 2


def place_on_mesh(
    traffic: MeshTraffic,
    slots: np.ndarray,
    in_order: np.ndarray,
    *,
    pins: np.ndarray | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Return a slot for each part so that messages travel few links; repeatable in `seed`.

    Args:
        slots: int (slots, 2), the (x, y) of each slot; several may share one. A message between
            two slots travels |dx| + |dy| links.
        in_order: (parts) the slots of a first order; kept where nothing better is found.
        pins: int (pins, 2), where those sit that cannot move.
    """
    pins = np.zeros((0, 2), np.int64) if pins is None else pins
    parts = traffic.parts
    if parts == 0 or not len(traffic.messages):
        return in_order
    # A corner of the mesh with some room to move: further away is never nearer to anything.
    near = np.lexsort((slots.sum(axis=1), slots.max(axis=1)))[: parts + parts // 2 + 8]
    start = _bisected(traffic, slots[near], pins, seed)
    found = near[_annealed(traffic, slots[near], start, pins, seed)]
    ways = [traffic.links(np.concatenate([slots[at], pins])) for at in (in_order, found)]
    return found if ways[1] < ways[0] else in_order


def _bisected(traffic: MeshTraffic, slots: np.ndarray, pins: np.ndarray, seed: int) -> np.ndarray:
    """Return a slot for each part, out of the first slots, by dual recursive bipartitioning."""
    parts = traffic.parts
    slot_of = np.empty(parts, np.int64)
    xy = np.concatenate([np.tile(slots[:parts].mean(axis=0), (parts, 1)), pins])
    todo = [(np.arange(parts), np.arange(parts))]
    while todo:  # breadth first, so that the others' places are known about equally well
        group, places = todo.pop(0)
        if len(group) == 1:
            slot_of[group], xy[group] = places, slots[places]
            continue
        longer = int(np.ptp(slots[places, 1]) > np.ptp(slots[places, 0]))
        places = places[np.lexsort((slots[places, 1 - longer], slots[places, longer]))]
        halves = places[: len(places) // 2], places[len(places) // 2 :]
        centres = [slots[half].mean(axis=0) for half in halves]
        first = len(halves[0])
        # METIS does not know where the others are: try its cut both ways round.
        cut = _cut(traffic, group, first, seed)
        turned = ~(
            cut if 2 * first == len(group) else _cut(traffic, group, len(group) - first, seed)
        )
        outward = [_links_outward(traffic, group, xy, centre) for centre in centres]
        costs = [np.where(side, *outward).sum() for side in (cut, turned)]
        side = cut if costs[0] <= costs[1] else turned
        for members, half, centre in zip((group[side], group[~side]), halves, centres, strict=True):
            xy[members] = centre
            todo.append((members, half))
    return slot_of


def _cut(traffic: MeshTraffic, group: np.ndarray, first: int, seed: int) -> np.ndarray:
    """Return for each part of a group whether it is among the `first` of a cut by METIS."""
    import pymetis

    number = np.full(len(traffic.starts) - 1, -1)
    number[group] = np.arange(len(group))
    rows, entries = _entries(traffic, group)
    partners = number[traffic.partners[entries]]
    rows, partners = rows[partners >= 0], partners[partners >= 0]
    weights = traffic.messages[entries][number[traffic.partners[entries]] >= 0]
    if not len(weights):
        return np.arange(len(group)) < first
    share = first / len(group)
    starts = np.searchsorted(rows, np.arange(len(group) + 1))
    scaled = np.maximum(1, weights * min(1.0, _MOST_EDGE_WEIGHT / weights.sum())).astype(np.int64)
    _, sides = pymetis.part_graph(
        2,
        pymetis.CSRAdjacency(starts.tolist(), partners.tolist()),
        eweights=scaled.tolist(),
        tpwgts=[share, 1 - share],
        recursive=True,
        options=pymetis.Options(seed=seed, ufactor=1),
    )
    side = np.array(sides) == 0
    while (more := int(side.sum()) - first) != 0:  # METIS balances nearly; slots are counted
        across = np.where(side[rows] == side[partners], -weights, weights)
        gain = np.bincount(rows, across, len(group))
        gain[side != (more > 0)] = -np.inf
        side[np.argmax(gain)] ^= True
    return side


def _links_outward(
    traffic: MeshTraffic, group: np.ndarray, xy: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """Return messages times links, from `place` to partners outside the group, for each part."""
    rows, entries = _entries(traffic, group)
    outside = ~np.isin(traffic.partners[entries], group)
    distance = np.abs(xy[traffic.partners[entries]] - place).sum(axis=1)
    cost: np.ndarray = np.bincount(rows, traffic.messages[entries] * distance * outside, len(group))
    return cost


def _entries(traffic: MeshTraffic, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (number in the group, place in the table) of all entries of a group's rows."""
    lengths = traffic.starts[group + 1] - traffic.starts[group]
    rows = np.repeat(np.arange(len(group)), lengths)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return rows, traffic.starts[group][rows] + within


def _annealed(
    traffic: MeshTraffic, slots: np.ndarray, start: np.ndarray, pins: np.ndarray, seed: int
) -> np.ndarray:
    from ._anneal import anneal  # numba is slow to import

    part_at = np.full(len(slots), -1)
    part_at[start] = np.arange(traffic.parts)
    slot_of = np.concatenate([start, len(slots) + np.arange(len(pins))])
    moves = _MOVES_PER_PART * traffic.parts
    best: np.ndarray = anneal(
        traffic.starts[: traffic.parts + 1],
        traffic.partners,
        traffic.messages,
        np.concatenate([slots, pins]),
        slot_of,
        part_at,
        moves,
        _START_HEAT,
        _END_HEAT,
        seed,
    )
    return best
