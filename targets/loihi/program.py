"""A graph made ready for Loihi."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import Program
from .chip import Chip
from .memory import axon_bits, fan_outs
from .network import Network


@dataclass(frozen=True)
class LoihiProgram(Program):
    """The network in the chip's terms, and the chip that it was made for."""

    network: Network
    chip: Chip

    def summary(self) -> list[tuple[str, str]]:
        """Return what the program takes of the chip's resources, summed over all cores."""
        return [
            (resource.replace("_", " "), f"{used} of {available} on one chip")
            for resource, (used, available) in self.utilisation().items()
        ] + [
            (
                "thresholds of a layer",
                f"up to {self._most_thresholds()}, a core holds "
                f"{self.chip['threshold_configurations_per_core']} configurations",
            )
        ]

    def utilisation(self) -> dict[str, tuple[int, int]]:
        """Return (used, available on one chip) by resource; what splitting adds is not in it."""
        network, chip = self.network, self.chip
        cores = chip["cores_per_chip"]
        bits = 0
        axons_in = axons_out = 0
        for group in network.synapses:
            size = min(network.population(group.target).size, chip["compartments_per_core"])
            present = fan_outs(group)
            bits += int(axon_bits(group, present, size).sum())
            axons_in += int(np.count_nonzero(present))
            if group.source not in network.inputs:
                axons_out += int(np.count_nonzero(present))
        used = {
            "compartments": sum(p.size for p in network.populations),
            "synapse_bits": bits,
            "input_axons": axons_in,
            "output_axons": axons_out,
        }
        return {name: (count, chip[f"{name}_per_core"] * cores) for name, count in used.items()}

    def _most_thresholds(self) -> int:
        return max(int(np.unique(p.vth).size) for p in self.network.populations)
