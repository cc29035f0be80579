"""Which core holds each fragment, so that messages between fragments travel few hops.

Chips are laid in a near-square board; a spike travels along columns and rows of tiles, from chip to
chip as from tile to tile. The search is `place_on_mesh`, shared by all targets with a mesh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from ..mesh_placement import MeshTraffic, place_on_mesh
from .chip import Chip
from .core_usage import reached
from .network import GroupName
from .partition import Partition


@dataclass(frozen=True)
class Traffic:
    """Messages between fragments.

    names: the fragments. source, target, messages: one entry for each pair between which messages
    go; those from the inputs are not counted.
    """

    names: list[tuple[str, int]]
    source: np.ndarray
    target: np.ndarray
    messages: np.ndarray


@dataclass(frozen=True)
class Placement:
    """tile_xy: int (fragments, 2), the tile of each fragment on the whole board; chip: its chip.

    sequential_mean_hops: what the sequential order would have given, to compare with.
    """

    tile_xy: np.ndarray
    chip: np.ndarray
    chips: int
    mean_hops: float
    sequential_mean_hops: float


def traffic_of(
    partition: Partition, spikes: Mapping[GroupName, np.ndarray] | None = None
) -> Traffic:
    """Count the messages between all fragments of a partitioned network.

    A spike is one message to every core that the synapse group has a synapse of its neuron in.

    Args:
        spikes: by synapse group, those of each source neuron, flat; one of each without.
    """
    names = [
        (name, i) for name, fragments in partition.fragments.items() for i in range(len(fragments))
    ]
    number = {name: i for i, name in enumerate(names)}
    rows: list[tuple[np.ndarray, ...]] = []
    for group in partition.network.synapses:
        if group.source in partition.network.inputs:
            continue
        size = partition.network.population(group.source).size
        sent = np.ones(size, np.int64) if spikes is None else spikes[group.name]
        owner = np.empty(size, np.int64)
        for i, fragment in enumerate(partition.fragments[group.source]):
            owner[fragment.neurons] = number[group.source, i]
        for i, fragment in enumerate(partition.fragments[group.target]):
            mask = reached(group, fragment)
            own = np.tile(mask, size // mask.size)
            counts = np.bincount(owner[own], sent[own], minlength=len(names)).astype(np.int64)
            sources = np.flatnonzero(counts)
            targets = np.full(len(sources), number[group.target, i])
            rows.append((sources, targets, counts[sources]))
    empty = tuple(np.zeros(0, np.int64) for _ in range(3))
    columns = [np.concatenate(column) for column in zip(empty, *rows, strict=True)]
    return Traffic(names, *columns)


def place(traffic: Traffic, chip: Chip, seed: int = 0) -> Placement:
    """Place all fragments; the same seed gives the same placement."""
    fragments = len(traffic.names)
    chips = max(1, ceil(fragments / chip["cores_per_chip"]))
    slot_xy, slot_chip = _board(chips, chip)
    between = MeshTraffic.between(traffic.source, traffic.target, traffic.messages, fragments)
    slot_of = place_on_mesh(between, slot_xy, np.arange(fragments), seed=seed)
    return Placement(
        slot_xy[slot_of],
        slot_chip[slot_of],
        chips,
        mean_hops=_mean_hops(traffic, slot_xy[slot_of]),
        sequential_mean_hops=_mean_hops(traffic, slot_xy[:fragments]),
    )


def _board(chips: int, chip: Chip) -> tuple[np.ndarray, np.ndarray]:
    """Return the tile (x, y) and the chip of every core slot, chip by chip."""
    mesh = chip.mesh
    across = ceil(sqrt(chips * mesh.rows / mesh.columns))
    per_chip = np.arange(mesh.columns * mesh.rows * mesh.cores_per_tile) // mesh.cores_per_tile
    xy = [
        np.stack(
            [
                per_chip % mesh.columns + mesh.columns * (c % across),
                per_chip // mesh.columns + mesh.rows * (c // across),
            ],
            axis=1,
        )
        for c in range(chips)
    ]
    return np.concatenate(xy), np.repeat(np.arange(chips), len(per_chip))


def hops(traffic: Traffic, tile_xy: np.ndarray) -> np.ndarray:
    """Return the hops (east-west, north-south) of each pair of `traffic`."""
    return np.abs(tile_xy[traffic.source] - tile_xy[traffic.target])


def chip_links(traffic: Traffic, tile_xy: np.ndarray, chip: Chip) -> np.ndarray:
    """Return how many of the hops of each pair, (east-west, north-south), lead to another chip."""
    chip_xy = tile_xy // np.array([chip.mesh.columns, chip.mesh.rows])
    return np.abs(chip_xy[traffic.source] - chip_xy[traffic.target])


def _mean_hops(traffic: Traffic, tile_xy: np.ndarray) -> float:
    total = float(traffic.messages.sum())
    if total == 0:
        return 0.0
    return float((hops(traffic, tile_xy).sum(axis=1) * traffic.messages).sum()) / total
