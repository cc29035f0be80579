"""Loihi's fixed point, bit for bit, event by event: the arithmetic of `network`, compiled.

The chip shows step t of a population of depth d in its own step t + d. The emulator counts in
steps of the network and skips the waiting, which changes nothing: state is cleared at depth d.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from axonc.toolchain.cost import Count
from axonc.toolchain.errors import InternalError

from .gather import gather
from .network import ALIGN_SHIFT, DECAY_SHIFT, GroupName, Network, Population, SynapseGroup

CHUNK_VALUES = 1 << 18
"""Synaptic sums computed at a time: 1 MB, which fits into caches."""
PART_VALUES = 1 << 26
"""Bits of rasters held at a time, a byte each; larger batches are run in parts."""


@dataclass(frozen=True)
class Emulation:
    """What a network did: rasters (batch, time, *shape) and totals over the whole batch.

    potentials: v before reset. counters: by population; `spikes`, `active_updates` (compartments
    with a non-zero sum, state or bias in the step), `current_wraps`, `membrane_clips`.
    operations: synaptic operations by synapse group. arrived: by synapse group, how many spikes of
    each source neuron, flat, arrived within the run. wall_s: without compilation.
    """

    spikes: Mapping[str, np.ndarray]
    potentials: Mapping[str, np.ndarray]
    counters: Mapping[str, Mapping[Count, int]]
    operations: Mapping[GroupName, int]
    arrived: Mapping[GroupName, np.ndarray]
    wall_s: float


def emulate(
    network: Network, spikes: Mapping[str, np.ndarray], probes: Sequence[str] = ()
) -> Emulation:
    """Run `spikes`, {input: bits of shape (batch, time, *shape)}, through `network`.

    The rasters of outputs and probed populations come back, aligned to the input.
    """
    batch, steps = next(iter(spikes.values())).shape[:2]
    machine = _Machine(network, steps, probes)
    machine.warm_up()
    began = time.perf_counter()
    kept = [machine.run(part) for part in _parts(network, spikes, batch, steps)]
    wall_s = time.perf_counter() - began
    return Emulation(
        {n: np.concatenate([part[0][n] for part in kept]) for n in machine.kept},
        {n: np.concatenate([part[1][n] for part in kept]) for n in machine.probed},
        machine.counters(),
        dict(machine.operations),
        dict(machine.arrived),
        wall_s,
    )


def _parts(
    network: Network, spikes: Mapping[str, np.ndarray], batch: int, steps: int
) -> list[dict[str, np.ndarray]]:
    """Cut the batch into parts whose rasters hold at most PART_VALUES."""
    widths = [p.size for p in network.populations] + [prod(s) for s in network.inputs.values()]
    size = max(1, PART_VALUES // max(1, steps * sum(widths)))
    return [
        {
            name: np.ascontiguousarray(
                raster[start : start + size].reshape(min(size, batch - start), steps, -1),
                dtype=np.uint8,
            )
            for name, raster in spikes.items()
        }
        for start in range(0, batch, size)
    ]


@dataclass
class _Machine:
    """A network prepared for the kernels, with its counters."""

    network: Network
    steps: int
    probes: Sequence[str]
    operations: dict[GroupName, int] = field(default_factory=dict)
    arrived: dict[GroupName, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        network = self.network
        self.probed = [p.name for p in network.populations if p.name in self.probes]
        self.kept = sorted({*self.probes, *network.outputs.values()})
        self.depths = {name: 0 for name in network.inputs}
        self.depths |= {p.name: p.depth for p in network.populations}
        self.order = sorted(network.populations, key=lambda p: p.depth)
        self.gathers = {g.name: gather(g, self._delay(g)) for g in network.synapses}
        self.registers = {p.name: _registers(p) for p in network.populations}
        self.counts = {p.name: np.zeros(4, np.int64) for p in network.populations}
        self.operations = {g.name: 0 for g in network.synapses}
        self.arrived = {
            g.name: np.zeros(prod(network.shape_of(g.source)), np.int64) for g in network.synapses
        }

    def _delay(self, group: SynapseGroup) -> np.ndarray:
        """The delay in steps of the network: what the schedule of depths does not explain."""
        lead = self.depths[group.source] + 1 - self.depths[group.target]
        delay = np.atleast_1d(group.delay).reshape(-1) + lead
        if delay.min() < 0:
            raise InternalError(f"synapses {group.name!r}: a spike would arrive before its step")
        return delay

    def chunk(self, batch: int) -> int:
        """Return how many steps can be computed one population at a time.

        A group that leads to a population computed no later than its source closes a loop: its
        spikes must be known, so a chunk is no longer than its delay.
        """
        place = {p.name: i for i, p in enumerate(self.order, start=1)}
        loops = [
            int(self._delay(g).min())
            for g in self.network.synapses
            if place[g.target] <= place.get(g.source, 0)
        ]
        widest = max(p.size for p in self.order)
        return min([self.steps, max(1, CHUNK_VALUES // (batch * widest)), *loops])

    def run(
        self, inputs: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Run one part of the batch from rest; return its kept rasters and potentials."""
        from ._kernels import update

        batch = next(iter(inputs.values())).shape[0]
        rasters = dict(inputs)
        states, potentials = {}, {}
        for p in self.order:
            rasters[p.name] = np.zeros((batch, self.steps, p.size), np.uint8)
            states[p.name] = np.zeros((2, batch, p.size), np.int32)
            kept_steps = self.steps if p.name in self.probed else 0
            potentials[p.name] = np.zeros((batch, kept_steps, p.size), np.int32)
        chunk = self.chunk(batch)
        scratch = np.empty(batch * chunk * max(p.size for p in self.order), np.int32)
        for first in range(0, self.steps, chunk):
            length = min(chunk, self.steps - first)
            for p in self.order:
                sums = scratch[: batch * length * p.size].reshape(batch, length, p.size)
                sums[:] = 0
                for group in self.network.into(p.name):
                    gather = self.gathers[group.name]
                    self.operations[group.name] += gather(rasters[group.source], first, sums)
                u, v = states[p.name]
                update(
                    sums,
                    first,
                    u,
                    v,
                    *self.registers[p.name],
                    rasters[p.name],
                    potentials[p.name],
                    self.counts[p.name],
                )
        for group in self.network.synapses:
            self.arrived[group.name] += _in_time(rasters[group.source], self._delay(group))
        lead, shape_of = (batch, self.steps), self.network.shape_of
        return (
            {n: rasters[n].reshape(lead + shape_of(n)).astype(bool) for n in self.kept},
            {n: potentials[n].reshape(lead + shape_of(n)) for n in self.probed},
        )

    def warm_up(self) -> None:
        """Compile, or load from numba's cache, every kernel that the network needs."""
        steps, self.steps = self.steps, 1
        self.run({n: np.zeros((1, 1, prod(s)), np.uint8) for n, s in self.network.inputs.items()})
        self.steps = steps
        self.operations = dict.fromkeys(self.operations, 0)
        for arrived in self.arrived.values():
            arrived[:] = 0
        for counts in self.counts.values():
            counts[:] = 0

    def counters(self) -> dict[str, dict[Count, int]]:
        """Return the totals by population."""
        names = (Count.SPIKES, Count.ACTIVE_UPDATES, Count.CURRENT_WRAPS, Count.MEMBRANE_CLIPS)
        return {
            population: dict(zip(names, map(int, counts), strict=True))
            for population, counts in self.counts.items()
        }


def _in_time(raster: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """Return how many spikes of each neuron arrive within the run, over the batch.

    raster: bits (batch, time, neurons). delay: steps, one for all neurons or one each.
    """
    steps, size = raster.shape[1:]
    if delay.size == 1:
        early = raster[:, : max(steps - int(delay[0]), 0)]
        return early.sum(axis=(0, 1), dtype=np.int64)
    counts = np.zeros(size, np.int64)
    for late in np.unique(delay):
        own = np.flatnonzero(delay == late)
        early = raster[:, : max(steps - int(late), 0), own]
        counts[own] = early.sum(axis=(0, 1), dtype=np.int64)
    return counts


def _registers(p: Population) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (decay multipliers, threshold, bias) as `update` takes them."""

    def full(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, p.shape).reshape(-1).astype(np.int32)

    unity = 1 << DECAY_SHIFT
    decays = np.stack([full(unity - (p.du + 1)), full(unity - p.dv)])
    return decays, full(p.vth << ALIGN_SHIFT), full(p.bias)
