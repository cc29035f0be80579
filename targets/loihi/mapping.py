"""Where a network sits on the chips: its fragments, their places, and what travels between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from axonc.toolchain.cost import Event

from .network import GroupName
from .partition import Partition
from .placement import Placement, Traffic, chip_links, hops, place, traffic_of


@dataclass(frozen=True)
class CoreUse:
    """One core: whose neurons it holds, where it is, and (used, available) of each resource."""

    population: str
    neurons: np.ndarray
    chip: int
    tile: tuple[int, int]
    used: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class ChipMapping:
    """A partitioned network on its board; placed when first needed."""

    partition: Partition
    seed: int = 0

    @cached_property
    def traffic(self) -> Traffic:
        """Messages between cores for one spike of every neuron."""
        return traffic_of(self.partition)

    @cached_property
    def placement(self) -> Placement:
        """The place of every core, so that messages travel few hops."""
        return place(self.traffic, self.partition.chip, self.seed)

    @property
    def cores(self) -> list[CoreUse]:
        """Every core in use, populations in order of their depth."""
        at = {name: i for i, name in enumerate(self.traffic.names)}
        chip, placement = self.partition.chip, self.placement
        return [
            CoreUse(
                p.name,
                fragment.neurons,
                int(placement.chip[at[p.name, i]]),
                (
                    int(placement.tile_xy[at[p.name, i], 0]),
                    int(placement.tile_xy[at[p.name, i], 1]),
                ),
                {n: (used, chip[f"{n}_per_core"]) for n, used in usage.items()},
            )
            for p in self.partition.network.populations
            for i, (fragment, usage) in enumerate(
                zip(self.partition.fragments[p.name], self.partition.usage[p.name], strict=True)
            )
        ]

    @property
    def core_count(self) -> int:
        """How many cores are in use."""
        return sum(map(len, self.partition.fragments.values()))

    def fullest(self) -> dict[str, tuple[int, int]]:
        """Return by resource what the fullest core uses, and what a core has."""
        usages = [usage for each in self.partition.usage.values() for usage in each]
        return {
            resource: (
                max(u[resource] for u in usages),
                self.partition.chip[f"{resource}_per_core"],
            )
            for resource in usages[0]
        }

    def sent(self, arrived: Mapping[GroupName, np.ndarray]) -> Traffic:
        """Return the messages between cores for spikes that arrived; see `LoihiRun.arrived`.

        Messages from outside and what leaves the last population are not counted.
        """
        return traffic_of(self.partition, arrived)

    def messages(self, sent: Traffic) -> dict[Event, int]:
        """Return messages, and hops along their ways, those from chip to chip by themselves."""
        tile_xy = self.placement.tile_xy
        between = chip_links(sent, tile_xy, self.partition.chip)
        on_chip = hops(sent, tile_xy) - between
        east_west, north_south = (on_chip * sent.messages[:, None]).sum(axis=0)
        return {
            Event.SPIKE_MESSAGE: int(sent.messages.sum()),
            Event.HOP_EAST_WEST: int(east_west),
            Event.HOP_NORTH_SOUTH: int(north_south),
            Event.HOP_BETWEEN_CHIPS: int((between.sum(axis=1) * sent.messages).sum()),
        }
