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

from axonc.toolchain.errors import InternalError

from .network import ALIGN_SHIFT, DECAY_SHIFT, Network, Population, SynapseGroup

MAX_CHUNK_VALUES = 1 << 23
"""Synaptic sums held at a time (32 MB): long runs go chunk by chunk, large batches by parts."""


@dataclass(frozen=True)
class Emulation:
    """What a network did: rasters (batch, time, *shape) and totals over the whole batch.

    potentials: v before reset. counters: by population; `spikes`, `active_updates` (compartments
    with a non-zero sum, state or bias in the step), `current_wraps`, `membrane_clips`.
    operations: synaptic operations by synapse group. wall_s: without compilation.
    """

    spikes: Mapping[str, np.ndarray]
    potentials: Mapping[str, np.ndarray]
    counters: Mapping[str, Mapping[str, int]]
    operations: Mapping[str, int]
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
        wall_s,
    )


def _parts(
    network: Network, spikes: Mapping[str, np.ndarray], batch: int, steps: int
) -> list[dict[str, np.ndarray]]:
    """Cut the batch so that all rasters of one part stay within reason."""
    widths = [p.size for p in network.populations] + [prod(s) for s in network.inputs.values()]
    size = max(1, 8 * MAX_CHUNK_VALUES // max(1, steps * sum(widths)))
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
    """A network made ready for the kernels, and what it has counted so far."""

    network: Network
    steps: int
    probes: Sequence[str]
    operations: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        network = self.network
        self.probed = [p.name for p in network.populations if p.name in self.probes]
        self.kept = sorted({*self.probes, *network.outputs.values()})
        self.depths = {name: 0 for name in network.inputs}
        self.depths |= {p.name: p.depth for p in network.populations}
        self.order = sorted(network.populations, key=lambda p: p.depth)
        self.gathers = {g.name: _gather(g, self._delay(g)) for g in network.synapses}
        self.registers = {p.name: _registers(p) for p in network.populations}
        self.counts = {p.name: np.zeros(4, np.int64) for p in network.populations}
        self.operations = {g.name: 0 for g in network.synapses}

    def _delay(self, group: SynapseGroup) -> np.ndarray:
        """The delay in steps of the network: what the schedule of depths does not explain."""
        lead = self.depths[group.source] + 1 - self.depths[group.target]
        delay = np.atleast_1d(group.delay).reshape(-1) + lead
        if delay.min() < 0:
            raise InternalError(f"synapses {group.name!r}: a spike would arrive before its step")
        return delay

    def chunk(self, batch: int) -> int:
        """How many steps may be taken population by population.

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
        return min([self.steps, max(1, MAX_CHUNK_VALUES // (batch * widest)), *loops])

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
        for first in range(0, self.steps, chunk):
            length = min(chunk, self.steps - first)
            for p in self.order:
                sums = np.zeros((batch, length, p.size), np.int32)
                for group in self.network.into(p.name):
                    gather = self.gathers[group.name]
                    self.operations[group.name] += gather(rasters[group.source], first, sums)
                u, v = states[p.name]
                update(
                    sums, first, u, v, *self.registers[p.name], rasters[p.name],
                    potentials[p.name], self.counts[p.name],
                )  # fmt: skip
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
        for counts in self.counts.values():
            counts[:] = 0

    def counters(self) -> dict[str, dict[str, int]]:
        """Return the totals by population."""
        names = ("spikes", "active_updates", "current_wraps", "membrane_clips")
        return {
            population: dict(zip(names, map(int, counts), strict=True))
            for population, counts in self.counts.items()
        }


def _registers(p: Population) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (decay multipliers, threshold, bias) as `update` takes them."""

    def full(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, p.shape).reshape(-1).astype(np.int32)

    unity = 1 << DECAY_SHIFT
    decays = np.stack([full(unity - (p.du + 1)), full(unity - p.dv)])
    return decays, full(p.vth << ALIGN_SHIFT), full(p.bias)


def _gather(group: SynapseGroup, delay: np.ndarray):  # type: ignore[no-untyped-def]
    """Return a function (raster, first, sums) -> synaptic operations that adds a group's weights.

    Weights are divided by their common step first, so that most fit a byte; a shift makes it good.
    """
    shift = group.exponent + group.step.bit_length() - 1
    left, right = max(shift, 0), max(-shift, 0)
    units = group.weight // group.step
    narrow = np.int8 if -128 <= units.min() and units.max() <= 127 else np.int16
    axes = tuple(range(1, units.ndim))
    wide = np.int32 if int(np.abs(units.astype(np.int64)).sum(axes).max()) > 32767 else np.int16
    if group.kernel is None:
        rows = np.ascontiguousarray(units.T, dtype=narrow)
        fan_out = np.count_nonzero(rows, axis=1).astype(np.int64)
        row = np.zeros(rows.shape[1], wide)

        def dense(raster: np.ndarray, first: int, sums: np.ndarray) -> int:
            from ._kernels import add_dense

            return int(add_dense(raster, first, delay, rows, fan_out, left, right, row, sums))

        return dense

    out, per_group = units.shape[:2]
    groups = group.kernel.groups
    by_input = units.reshape(groups, out // groups, per_group, *units.shape[2:])
    kernel = by_input.transpose(0, 2, 3, 4, 1).reshape(
        groups * per_group, *units.shape[2:], out // groups
    )
    kernel = np.ascontiguousarray(kernel, dtype=narrow)
    present = np.count_nonzero(kernel, axis=3).astype(np.int64)
    window = group.kernel.window
    before = (window.padding[0][0], window.padding[1][0])
    geometry = (*window.stride, *before, *window.dilation)
    size = group.kernel.input_shape[1:]
    image = np.zeros((*group.kernel.output_shape[1:], out), wide)

    def conv(raster: np.ndarray, first: int, sums: np.ndarray) -> int:
        from ._kernels import add_conv

        return int(
            add_conv(
                raster, first, delay, kernel, present, size, geometry, left, right, image, sums
            )
        )

    return conv
