"""A graph made ready for Loihi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from axonc.toolchain.ir import Connection

from ..base import Program, Run
from .chip import Chip
from .mapping import ChipMapping
from .network import GroupName, Network, SynapseGroup
from .thresholds import ThresholdChoice


@dataclass(frozen=True)
class LoihiProgram(Program):
    """The network in the registers of a chip, the chip, and its mapping to cores.

    choices: the ways to hold its thresholds that were measured, if they were.
    """

    network: Network
    chip: Chip
    mapping: ChipMapping
    choices: tuple[ThresholdChoice, ...] = ()

    def node_of(self, group: SynapseGroup) -> str:
        """Return the node of the graph that has a group's weights, or its target if none has."""
        weighted = (n for n in group.nodes if isinstance(self.graph.nodes.get(n), Connection))
        return next(weighted, group.target)

    def summary(self) -> list[tuple[str, str]]:
        """Return cores, chips, the fullest core by resource, and the thresholds of a layer."""
        cores = self.mapping.core_count
        chips = -(-cores // self.chip["cores_per_chip"])
        rows = [("cores", f"{cores} on {chips} {'chip' if chips == 1 else 'chips'}")]
        for resource, (used, available) in self.mapping.fullest().items():
            rows.append((f"{resource.replace('_', ' ')}, fullest core", f"{used} of {available}"))
        most = max(int(np.unique(p.vth).size) for p in self.network.populations)
        rows.append(("different thresholds in a layer", f"up to {most}"))
        for choice in self.choices:
            taken = ", chosen" if choice.chosen else ""
            rows.append(
                (
                    f"thresholds {choice.way}{taken}",
                    f"{choice.cores} cores, {choice.synapse_bits} bits of synapses, "
                    f"{choice.mismatch:.2%} of spike bins differ",
                )
            )
        if not self.chip.fit_is_verified:
            rows.append(("fit", f"not verified: limits of {self.chip.title} are assumed"))
        return rows

    def cores(self) -> list[dict[str, Any]]:
        """Return one row a core: population, position, and used and available by resource."""
        rows = []
        for core in self.mapping.cores:
            row: dict[str, Any] = {
                "population": core.population,
                "chip": core.chip,
                "tile_x": core.tile[0],
                "tile_y": core.tile[1],
            }
            for resource, (used, available) in core.used.items():
                row |= {f"{resource}_used": used, f"{resource}_available": available}
            rows.append(row)
        return rows


@dataclass(frozen=True)
class LoihiRun(Run):
    """A run with what each synapse group did.

    arrived: how many spikes of each source neuron, flat, arrived within the run, over the batch.
    """

    operations: Mapping[GroupName, int] = field(default_factory=dict)
    arrived: Mapping[GroupName, np.ndarray] = field(default_factory=dict)
