"""Run a batch: behaviour and timing of each sample, counted together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from axonc.toolchain.errors import InternalError

from ..program import BinaryProgram
from .behaviour import Behaviour, simulate_behaviour
from .clockwork import Clockwork, build_clockwork
from .image import FIRST_SLOT, LAST_SLOT, Image, build_image
from .lone_sender import new_places
from .mesh import PORTS, Mesh, new_mesh
from .timing import SHORTCUTS, Timing, simulate_timing

PORT_NAMES = ("north", "east", "south", "west", "core", "host")


@dataclass(frozen=True)
class Prepared:
    """A program as compiled code takes it."""

    image: Image
    clock: Clockwork
    input_columns: np.ndarray
    first_column: dict[str, int]
    columns: int


@dataclass
class Totals:
    """What samples did, summed over them. Arrays by core, bank, unit or link as in the image.

    Link number router * 6 + port is the output `port` of a router (`PORT_NAMES`). By sample:
    cycles of each machine step, cycle of the first and the last output spike (-1: none).
    """

    samples: int
    steps: int
    phase_cycles: np.ndarray  # input phase, then each wave
    barrier_cycles: int
    bank_events: np.ndarray
    bank_walks: np.ndarray
    bank_performed: np.ndarray
    bank_effective: np.ndarray
    core_overflows: np.ndarray
    core_phase_cycles: np.ndarray
    core_walk_cycles: np.ndarray
    core_events: np.ndarray  # partial sums included
    core_events_most: np.ndarray  # the most that ever waited
    unit_flits: np.ndarray
    unit_waits: np.ndarray
    link_flits: np.ndarray
    link_waits: np.ndarray
    output_spikes: int
    unit_spikes: np.ndarray  # before they are sent to one or more places
    step_cycles: np.ndarray  # (samples, machine steps)
    first_output_cycle: np.ndarray  # (samples)
    last_output_cycle: np.ndarray

    @property
    def cycles(self) -> int:
        """All cycles of all samples, one after another."""
        return int(self.step_cycles.sum())

    @property
    def core_phases(self) -> int:
        """Neuron phases of each core."""
        return self.samples * self.steps

    def plus(self, other: Totals) -> Totals:
        """Return the totals of both, `other` behind."""

        def joined(name: str) -> object:
            one, two = getattr(self, name), getattr(other, name)
            if name in ("step_cycles", "first_output_cycle", "last_output_cycle"):
                return np.concatenate([one, two])
            if name == "core_events_most":
                return np.maximum(one, two)
            return one if name == "steps" else one + two

        return Totals(**{field.name: joined(field.name) for field in fields(self)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class BatchResult:
    """Rasters of the wanted nodes, (batch, time, neurons), and the totals."""

    spikes: dict[str, np.ndarray]
    potentials: dict[str, np.ndarray]
    totals: Totals
    timings: tuple[Timing, ...]


def prepare(program: BinaryProgram) -> Prepared:
    """Return the arrays of a program; built once a program by `BinaryProgram.prepared`."""
    first, columns = {}, 0
    for name, grid in program.grids.items():
        first[name] = columns
        columns += int(np.prod(grid))
    sizes = [int(np.prod(program.grids[name])) for name in program.graph.inputs]
    return Prepared(
        image=build_image(program),
        clock=build_clockwork(program),
        input_columns=np.cumsum([0, *sizes]),
        first_column=first,
        columns=columns,
    )


def simulate_batch(
    program: BinaryProgram,
    inputs: dict[str, np.ndarray],
    *,
    spikes_of: Sequence[str],
    potentials_of: Sequence[str] = (),
    method: int = SHORTCUTS,
    with_times: bool = False,
    workers: int | None = None,
) -> BatchResult:
    """Run every sample of `inputs` (per input node: (batch, time, neurons), counts up to 255).

    Args:
        method: how cycles are counted, one of EVERY_CYCLE, SHORTCUTS and BOUND in `timing`.
        with_times: whether `BatchResult.timings` tells when each core did what.
        workers: threads that share the samples, by default one a processor; the result is the
            same.
    """
    joined = np.concatenate([inputs[name] for name in program.graph.inputs], axis=2)
    joined = np.ascontiguousarray(joined, np.uint8)
    samples, steps = joined.shape[:2]
    sizes = {name: int(np.prod(grid)) for name, grid in program.grids.items()}
    spikes = {name: np.empty((samples, steps, sizes[name]), bool) for name in spikes_of}
    potentials = {name: np.empty((samples, steps, sizes[name]), np.int64) for name in potentials_of}
    prepared = program.prepared

    def run_share(share: np.ndarray) -> tuple[Totals, tuple[Timing, ...]]:
        mesh = _empty_mesh(program, prepared)
        places = new_places(mesh)
        done: list[_Sample] = []
        for sample in share:
            behaviour = simulate_behaviour(
                prepared.image, joined[sample], prepared.input_columns, prepared.columns,
                bool(potentials),
            )  # fmt: skip
            mesh.served[:] = 0  # a sample starts with every arbiter at rest
            timing = simulate_timing(
                prepared.image, prepared.clock, mesh, places, method,
                behaviour.begin, behaviour.end, behaviour.ids, behaviour.slots, with_times,
            )  # fmt: skip
            if timing.deadlock >= 0:
                raise InternalError(deadlock_text(timing.deadlock, mesh, prepared.clock.columns))
            done.append(_Sample.of(behaviour, timing, mesh))
            for name, raster in spikes.items():
                column = prepared.first_column[name]
                raster[sample] = behaviour.fired[:, column : column + sizes[name]]
            for name, values in potentials.items():
                for slots in _slots_of(program, prepared.image, name):
                    ids = prepared.image.slot_ids[slots]
                    values[sample][:, ids] = behaviour.potentials[:, slots]
        return _totals_of(done, mesh, steps), tuple(sample.timing for sample in done)

    workers = min(workers or os.cpu_count() or 1, samples)
    shares = np.array_split(np.arange(samples), workers)
    if workers == 1:
        parts = [run_share(shares[0])]
    else:
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(run_share, shares))
    totals = parts[0][0]
    for part, _ in parts[1:]:
        totals = totals.plus(part)
    _check_conservation(program, totals)
    timings = tuple(timing for _, timings in parts for timing in timings)
    return BatchResult(spikes, potentials, totals, timings)


def _empty_mesh(program: BinaryProgram, prepared: Prepared) -> Mesh:
    machine = program.architecture
    return new_mesh(
        machine.cores, len(program.cores), len(prepared.image.units), machine.mesh.fifo_depth,
        machine.core.event_fifo_depth,
    )  # fmt: skip


def _slots_of(program: BinaryProgram, image: Image, layer: str) -> Iterator[slice]:
    for number, core in enumerate(program.cores):
        if core.layer == layer and core.helps is None:
            yield slice(*image.cores[number, FIRST_SLOT : LAST_SLOT + 1])


class _Sample(NamedTuple):
    """What is kept of one sample; what the mesh counts it keeps itself."""

    counters: np.ndarray  # (4, banks)
    overflows: np.ndarray
    unit_spikes: np.ndarray
    timing: Timing
    outputs: np.ndarray

    @classmethod
    def of(cls, behaviour: Behaviour, timing: Timing, mesh: Mesh) -> _Sample:
        outputs = mesh.outputs.copy()
        mesh.outputs[1:] = -1
        return cls(
            behaviour.counters,
            behaviour.core_overflows,
            (behaviour.end - behaviour.begin).sum(axis=0),
            timing,
            outputs,
        )


def _totals_of(done: list[_Sample], mesh: Mesh, steps: int) -> Totals:
    counters = np.sum([sample.counters for sample in done], axis=0)
    return Totals(
        samples=len(done),
        steps=steps,
        phase_cycles=np.sum([sample.timing.phase_cycles for sample in done], axis=0),
        barrier_cycles=sum(int(sample.timing.barrier_cycles) for sample in done),
        bank_events=counters[0],
        bank_walks=counters[1],
        bank_performed=counters[2],
        bank_effective=counters[3],
        core_overflows=np.sum([sample.overflows for sample in done], axis=0),
        core_phase_cycles=np.sum([sample.timing.core_phase for sample in done], axis=0),
        core_walk_cycles=mesh.walk,
        core_events=mesh.taken,
        core_events_most=mesh.events_most,
        unit_flits=mesh.sent,
        unit_waits=mesh.send_waits,
        link_flits=mesh.link_flits,
        link_waits=mesh.link_waits,
        output_spikes=int(mesh.outputs[0]),
        unit_spikes=np.sum([sample.unit_spikes for sample in done], axis=0),
        step_cycles=np.stack([sample.timing.step_cycles for sample in done]),
        first_output_cycle=np.array([sample.outputs[1] for sample in done]),
        last_output_cycle=np.array([sample.outputs[2] for sample in done]),
    )


def _check_conservation(program: BinaryProgram, totals: Totals) -> None:
    """What behaviour consumed must be what the mesh delivered, flit by flit."""
    bank = 0
    for number, core in enumerate(program.cores):
        expected = int(totals.bank_events[bank : bank + len(core.banks)].sum())
        bank += len(core.banks)
        helpers = sum(c.box.volume for c in program.cores if c.helps == number)
        expected += helpers * totals.core_phases
        if int(totals.core_events[number]) != expected:
            raise InternalError(
                f"core {number} (layer {core.layer!r}): the mesh delivered "
                f"{int(totals.core_events[number])} events, behaviour took {expected}"
            )
    sent, delivered = int(totals.unit_flits.sum()), int(totals.core_events.sum())
    if sent != delivered + totals.output_spikes:
        raise InternalError(f"{sent} flits sent, {delivered + totals.output_spikes} delivered")


def deadlock_text(cycle: int, mesh: Mesh, columns: int) -> str:
    """Return what to tell of a mesh in which nothing can move: the cycle and where flits wait."""
    stuck = [
        f"router ({at // PORTS % columns}, {at // PORTS // columns}) {PORT_NAMES[at % PORTS]} "
        f"input ({mesh.held[at]} flits)"
        for at in np.flatnonzero(mesh.held)
    ]
    return f"deadlock in the mesh at cycle {cycle}: blocked {', '.join(stuck)}"
