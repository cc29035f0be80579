"""A network laid out on cores: memories, routes, waves. What the simulator and the RTL execute."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from axonc.toolchain.ir import IntegerNeuron

from ...base import Program
from ..machine.architecture import Architecture
from .box import Box, Grid
from .projections import Projection

HOST = -1
"""The destination of a spike that leaves the machine."""


@dataclass(frozen=True)
class Bank:
    """The synapses of one projection in one block.

    accepts: the sources whose events the bank takes; nothing else is ever sent to it.
    """

    projection: Projection
    accepts: Box

    @cached_property
    def axons(self) -> np.ndarray:
        """The axons of the bank; see `Projection.axons_from`."""
        return self.projection.axons_from(self.accepts)

    @property
    def kernel_bits(self) -> int:
        """The kernel bits of one output channel; 0 for rows and for plain pooling."""
        return self.projection.kernel_bits(self.accepts)


@dataclass(frozen=True)
class Block:
    """The neurons of one box of one layer, and the banks that feed them, in one core.

    wave: its turn within a step. core: the number of the core that holds it. helps: the block that
    the partial sums of this one are sent to, or HOST if another part goes on with them; a helper
    has accumulators and no membranes. resumes: whether it goes on with those of an earlier part.
    """

    layer: str
    grid: Grid
    box: Box
    banks: tuple[Bank, ...]
    wave: int
    core: int
    helps: int | None = None
    resumes: bool = False

    @property
    def axon_count(self) -> int:
        """How many axons its banks have."""
        return sum(len(bank.axons) for bank in self.banks)

    def stored_synapses(self, bank: Bank) -> int:
        """Return the sign bits of one of its banks."""
        return bank.projection.stored_synapses(bank.accepts, self.box)

    def has_absent_synapses(self, bank: Bank) -> bool:
        """Whether one of its banks needs a presence plane: some stored synapse is 0."""
        return bank.projection.has_absent_synapses(bank.accepts, self.box)


@dataclass(frozen=True)
class Route:
    """One line of the routing table of a block or of the host port.

    Sends each spike of the source that lies in `accepts` to its `targets`, pairs of a block and one
    of its banks (HOST, -1: out of the machine), those in one core side by side. It is one flit,
    which serves all of them in a core, and is copied on its way where there are several cores.
    hold_steps: 0 as soon as it is fired, else so many steps later, in the input phase, out of the
    history memory. A spike of step t counts in step t + delay_steps at its destination; it is not
    sent if the sample ends before that step.
    """

    targets: tuple[tuple[int, int], ...]
    accepts: Box
    hold_steps: int
    delay_steps: int


@dataclass(frozen=True, eq=False)
class BinaryProgram(Program):
    """A network on the machine.

    blocks: in the order of their numbers. positions: (column, row) in the mesh, per core.
    block_routes: per block. host_routes: per input node.
    grids: the grid of every spiking node. reasons: per layer, what drove its split over cores.
    in_turns: whether each of its steps is a turn of its own, between those of other parts; all
    arbiters are at rest then when a step begins.
    """

    architecture: Architecture
    blocks: tuple[Block, ...]
    positions: tuple[tuple[int, int], ...]
    block_routes: tuple[tuple[Route, ...], ...]
    host_routes: dict[str, tuple[Route, ...]]
    grids: dict[str, Grid]
    reasons: dict[str, str]
    in_turns: bool = False

    @property
    def waves(self) -> int:
        """How many turns a step takes under the within-step schedule."""
        return 1 + max((block.wave for block in self.blocks), default=-1)

    @cached_property
    def _blocks_by_core(self) -> list[list[int]]:
        held: list[list[int]] = [[] for _ in self.positions]
        for number, block in enumerate(self.blocks):
            held[block.core].append(number)
        return held

    def blocks_of(self, core: int) -> list[int]:
        """Return the blocks that a core holds, in the order in which they are updated."""
        return self._blocks_by_core[core]

    @property
    def resuming(self) -> int | None:
        """The block that goes on with the sums of an earlier part; a program has at most one."""
        return next((n for n, block in enumerate(self.blocks) if block.resumes), None)

    @property
    def handing_on(self) -> int | None:
        """The block whose sums a later part goes on with; a program has at most one."""
        return next((n for n, block in enumerate(self.blocks) if block.helps == HOST), None)

    def banks_by_core(self, route: Route) -> dict[int, tuple[tuple[int, int], ...]]:
        """Return the targets of a line by the core (or HOST) that they lie in."""
        found: dict[int, tuple[tuple[int, int], ...]] = {}
        for block, bank in route.targets:
            core = HOST if block == HOST else self.blocks[block].core
            found[core] = (*found.get(core, ()), (block, bank))
        return found

    def neuron(self, layer: str) -> IntegerNeuron:
        """Return the neuron node called `layer`."""
        node = self.graph.nodes[layer]
        assert isinstance(node, IntegerNeuron)
        return node

    def summary(self) -> list[tuple[str, str]]:
        machine, size = self.architecture, self.architecture.core
        neurons = sum(block.box.volume for block in self.blocks if block.helps is None)
        synapses = sum(block.stored_synapses(bank) for block in self.blocks for bank in block.banks)
        axons = sum(block.axon_count for block in self.blocks)
        count = len(self.positions)
        rows = [
            ("architecture", f"{machine.name}, {machine.clock_mhz:g} MHz, {machine.schedule}"),
            ("cores", f"{count} of {machine.cores}"),
            ("neurons", f"{neurons} of {count * size.neurons} in these cores"),
            ("axons", f"{axons} of {count * size.axons} in these cores"),
            ("sign bits", f"{synapses} of {count * size.synapse_capacity_bits} in these cores"),
        ]
        if len(self.blocks) > count:
            shared = "1 core" if count == 1 else f"{count} cores"
            rows.append(("packing", f"{len(self.blocks)} blocks of neurons share {shared}"))
        for layer, reason in self.reasons.items():
            cores = {block.core for block in self.blocks if block.layer == layer}
            others = {block.layer for block in self.blocks if block.core in cores} - {layer}
            text = "1 core" if len(cores) == 1 else f"{len(cores)} cores"
            split = sum(block.layer == layer for block in self.blocks) > 1
            text += f" ({reason})" if split else ""
            text += f", shared with {', '.join(sorted(others))}" if others else ""
            rows.append((f"layer {layer}", text))
        return rows
