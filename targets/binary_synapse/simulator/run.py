"""Run a batch: behaviour and timing of each sample, counted together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from axonc.toolchain.errors import InternalError

from ..program import BinaryProgram
from .behaviour import Behaviour, simulate_behaviour
from .clockwork import build_clockwork
from .image import FIRST_SLOT, LAST_SLOT, Image, build_image
from .mesh import PORTS, Mesh, new_mesh
from .timing import Timing, simulate_timing

_PORT_NAMES = ("north", "east", "south", "west", "core", "host")


@dataclass
class Totals:
    """What a batch did, summed over samples. Arrays by core, bank or link as in the image."""

    samples: int
    cycles: int = 0
    phase_cycles: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    barrier_cycles: int = 0
    step_cycles: list[np.ndarray] = field(default_factory=list)
    bank_events: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    bank_walks: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    bank_performed: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    bank_effective: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    core_overflows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    core_phase_cycles: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    core_phases: int = 0
    mesh: Mesh | None = None
    spikes: Counter[str] = field(default_factory=Counter)
    first_output_cycles: list[int] = field(default_factory=list)
    last_output_cycles: list[int] = field(default_factory=list)


@dataclass
class BatchResult:
    """Rasters of the wanted nodes, (batch, time, *grid flattened), and the totals."""

    spikes: dict[str, np.ndarray]
    potentials: dict[str, np.ndarray]
    totals: Totals


def simulate_batch(
    program: BinaryProgram,
    inputs: dict[str, np.ndarray],
    *,
    spikes_of: Sequence[str],
    potentials_of: Sequence[str] = (),
) -> BatchResult:
    """Run every sample of `inputs` (per input node: (batch, time, neurons), counts up to 255)."""
    image, clock = build_image(program), build_clockwork(program)
    names = list(program.graph.inputs)
    joined = np.concatenate([inputs[name] for name in names], axis=2).astype(np.uint8)
    input_columns = np.cumsum([0, *(inputs[name].shape[2] for name in names)])
    first, columns = {}, 0
    for name, grid in program.grids.items():
        first[name] = columns
        columns += int(np.prod(grid))
    samples, steps = joined.shape[:2]
    sizes = {name: int(np.prod(grid)) for name, grid in program.grids.items()}
    spikes = {name: np.empty((samples, steps, sizes[name]), bool) for name in spikes_of}
    potentials = {name: np.empty((samples, steps, sizes[name]), np.int64) for name in potentials_of}
    machine = program.architecture
    mesh = new_mesh(
        machine.cores, len(program.cores), len(image.units), machine.mesh.fifo_depth,
        machine.core.event_fifo_depth,
    )  # fmt: skip
    totals = Totals(samples, mesh=mesh)
    for sample in range(samples):
        behaviour = simulate_behaviour(
            image, joined[sample], input_columns, columns, bool(potentials)
        )
        timing = simulate_timing(
            image, clock, mesh, behaviour.begin, behaviour.end, behaviour.ids, behaviour.slots
        )
        if timing.deadlock >= 0:
            raise InternalError(_deadlock_text(timing.deadlock, mesh, clock.columns))
        _add_up(totals, behaviour, timing, mesh)
        for name, size in sizes.items():
            fired = behaviour.fired[:, first[name] : first[name] + size]
            totals.spikes[name] += int(np.count_nonzero(fired))
        for name, raster in spikes.items():
            raster[sample] = behaviour.fired[:, first[name] : first[name] + sizes[name]]
        for name, values in potentials.items():
            for slots in _slots_of(program, image, name):
                values[sample][:, image.slot_ids[slots]] = behaviour.potentials[:, slots]
    _check_conservation(program, totals, mesh, steps)
    totals.core_phases = samples * steps
    return BatchResult(spikes, potentials, totals)


def _slots_of(program: BinaryProgram, image: Image, layer: str) -> Iterator[slice]:
    for number, core in enumerate(program.cores):
        if core.layer == layer and core.helps is None:
            yield slice(*image.cores[number, FIRST_SLOT : LAST_SLOT + 1])


def _add_up(totals: Totals, behaviour: Behaviour, timing: Timing, mesh: Mesh) -> None:
    def plus(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return one + other if one.size else other.copy()

    totals.cycles += int(timing.step_cycles.sum())
    totals.step_cycles.append(timing.step_cycles)
    totals.phase_cycles = plus(totals.phase_cycles, timing.phase_cycles)
    totals.barrier_cycles += int(timing.barrier_cycles)
    totals.core_phase_cycles = plus(totals.core_phase_cycles, timing.core_phase)
    for name in ("bank_events", "bank_walks", "bank_performed", "bank_effective",
                 "core_overflows"):  # fmt: skip
        setattr(totals, name, plus(getattr(totals, name), getattr(behaviour, name)))
    totals.first_output_cycles.append(int(mesh.outputs[1]))
    totals.last_output_cycles.append(int(mesh.outputs[2]))
    mesh.outputs[1:] = -1


def _check_conservation(program: BinaryProgram, totals: Totals, mesh: Mesh, steps: int) -> None:
    """What behaviour consumed must be what the mesh delivered, flit by flit."""
    for number, core in enumerate(program.cores):
        banks = slice(*_banks_of(program, number))
        sums = sum(core.box.volume for core in program.cores if core.helps == number)
        expected = int(totals.bank_events[banks].sum()) + sums * steps * totals.samples
        if int(mesh.taken[number]) != expected:
            raise InternalError(
                f"core {number} (layer {core.layer!r}): the mesh delivered "
                f"{int(mesh.taken[number])} events, behaviour took {expected}"
            )
    delivered = int(mesh.taken.sum() + mesh.outputs[0])
    if int(mesh.sent.sum()) != delivered:
        raise InternalError(f"{int(mesh.sent.sum())} flits sent, {delivered} delivered")


def _banks_of(program: BinaryProgram, number: int) -> tuple[int, int]:
    first = sum(len(core.banks) for core in program.cores[:number])
    return first, first + len(program.cores[number].banks)


def _deadlock_text(cycle: int, mesh: Mesh, columns: int) -> str:
    stuck = [
        f"router ({at // PORTS % columns}, {at // PORTS // columns}) {_PORT_NAMES[at % PORTS]} "
        f"input ({mesh.held[at]} flits)"
        for at in np.flatnonzero(mesh.held)
    ]
    return f"deadlock in the mesh at cycle {cycle}: blocked {', '.join(stuck)}"
