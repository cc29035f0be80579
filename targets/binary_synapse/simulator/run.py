"""Run a batch: behaviour and timing of each sample, counted together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from weakref import WeakKeyDictionary

import numpy as np

from axonc.toolchain.errors import InternalError

from ..machine.mesh import PORT_NAMES, PORTS
from ..program.program import HOST, BinaryProgram
from .image import Image, build_image
from .lone_sender import new_departures
from .share import Tally, new_tally, simulate_share
from .state import Mesh, new_mesh
from .timing import Engine
from .timing_tables import TimingTables, build_timing_tables


@dataclass(frozen=True)
class Prepared:
    """A program as compiled code takes it."""

    image: Image
    tables: TimingTables
    input_columns: np.ndarray
    """Where each input node begins, side by side; then where the last ends."""
    columns: int
    """Neurons of all spiking nodes."""
    column_of: dict[str, np.ndarray]
    """By node: the column of each neuron, in flat order."""
    slot_of: dict[str, np.ndarray]
    """By neuron node: the slot of each neuron, in flat order."""


@dataclass
class Totals:
    """What samples did, summed over them. Arrays by block, core, bank, sender, unit or link.

    Link number router * 6 + port is the output `port` of a router (`PORT_NAMES`). By sample:
    cycles of each machine step, cycle of the first and the last output spike (-1: none).
    """

    samples: int
    steps: int
    bank_events: np.ndarray
    bank_performed: np.ndarray
    bank_effective: np.ndarray
    block_overflows: np.ndarray
    block_phase_cycles: np.ndarray
    block_walk_cycles: np.ndarray
    core_walk_cycles: np.ndarray
    core_shared: np.ndarray  # banks that events served beyond the first of each
    core_events: np.ndarray  # partial sums included
    core_events_most: np.ndarray  # the most that ever waited
    sender_flits: np.ndarray  # the cores, then the host
    sender_waits: np.ndarray
    unit_waits: np.ndarray  # the same by block and input node
    link_flits: np.ndarray
    link_waits: np.ndarray
    forks: int  # copies of multicast flits beyond the first
    output_spikes: int
    unit_spikes: np.ndarray  # before they are sent to one or more places
    step_cycles: np.ndarray  # (samples, machine steps)
    step_phases: np.ndarray  # (machine steps, 2 + waves) input phase, each wave, barriers
    step_walk: np.ndarray  # (machine steps) cycles of walks, summed over cores
    step_neuron_phase: np.ndarray
    step_send_waits: np.ndarray
    step_event_fifo_waits: np.ndarray
    step_link_waits: np.ndarray
    first_output_cycle: np.ndarray  # (samples)
    last_output_cycle: np.ndarray

    @property
    def cycles(self) -> int:
        """All cycles of all samples, one after another."""
        return int(self.step_cycles.sum())

    @property
    def phase_cycles(self) -> np.ndarray:
        """Cycles of the input phase, then of each wave."""
        cycles: np.ndarray = self.step_phases[:, :-1].sum(axis=0)
        return cycles

    @property
    def barrier_cycles(self) -> int:
        """Cycles between phases."""
        return int(self.step_phases[:, -1].sum())

    @property
    def core_phases(self) -> int:
        """Neuron phases of each block."""
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
    sums: np.ndarray  # those that a later part ends, (batch, time, neurons)
    totals: Totals


_PREPARED: WeakKeyDictionary[BinaryProgram, Prepared] = WeakKeyDictionary()


def prepared(program: BinaryProgram) -> Prepared:
    """Return the arrays of a program; they are built once and kept as long as the program is."""
    if program not in _PREPARED:
        _PREPARED[program] = _prepare(program)
    return _PREPARED[program]


def _prepare(program: BinaryProgram) -> Prepared:
    image = build_image(program)
    column_of, columns = {}, 0
    for name, grid in program.grids.items():
        size = int(np.prod(grid))
        column_of[name] = np.arange(columns, columns + size)
        columns += size
    slot_of = {name: np.zeros(int(np.prod(program.grids[name])), int) for name in program.reasons}
    for number, block in enumerate(program.blocks):
        if block.helps is None:
            first, last = image.blocks[number][["first_slot", "last_slot"]]
            slot_of[block.layer][image.slot_ids[first:last]] = np.arange(first, last)
    return Prepared(
        image=image,
        tables=build_timing_tables(program),
        input_columns=np.cumsum([0, *(len(column_of[name]) for name in program.graph.inputs)]),
        columns=columns,
        column_of=column_of,
        slot_of=slot_of,
    )


def warm_up(program: BinaryProgram, engine: Engine) -> None:
    """Build the program's image and have the kernels compiled, by one step without spikes.

    The first time on a machine compilation takes tens of seconds; it is kept on disk.
    """
    silence = {
        name: np.zeros((1, 1, int(np.prod(program.graph.shapes[name]))), np.uint8)
        for name in program.graph.inputs
    }
    simulate_batch(program, silence, spikes_of=(), engine=engine, workers=1)


def simulate_batch(
    program: BinaryProgram,
    inputs: dict[str, np.ndarray],
    *,
    spikes_of: Sequence[str],
    potentials_of: Sequence[str] = (),
    sums: np.ndarray | None = None,
    engine: Engine = Engine.SHORTCUTS,
    workers: int | None = None,
) -> BatchResult:
    """Run every sample of `inputs` (per input node: (batch, time, neurons), counts up to 255).

    Args:
        sums: those that the part before left, (batch, time, neurons); used where the program goes
            on with them.
        engine: how cycles are found.
        workers: threads that share the samples, by default one a processor; the result is the
            same.
    """
    joined = np.concatenate([inputs[name] for name in program.graph.inputs], axis=2)
    joined = np.ascontiguousarray(joined, np.uint8)
    samples, steps = joined.shape[:2]
    arrays = prepared(program)
    columns, spike_cuts = _places_of(program, spikes_of, arrays.column_of)
    slots, potential_cuts = _places_of(program, potentials_of, arrays.slot_of)
    arriving = new_sums(program, program.resuming, samples, steps)
    if sums is not None and program.resuming is not None:
        arriving = sums
    batch = _Batch(
        inputs=joined,
        fired_columns=columns,
        fired=np.empty((samples, steps, len(columns)), bool),
        potential_slots=slots,
        potentials=np.empty((samples, steps, len(slots)), np.int64),
        arriving=arriving,
        leaving=new_sums(program, program.handing_on, samples, steps),
    )

    def run_share(first: int, last: int) -> Totals:
        return _run_share(program, arrays, engine, batch, slice(first, last))

    workers = min(workers or os.cpu_count() or 1, samples)
    cuts = [samples * part // workers for part in range(workers + 1)]
    if workers == 1:
        parts = [run_share(0, samples)]
    else:
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(run_share, cuts[:-1], cuts[1:]))
    totals = parts[0]
    for part in parts[1:]:
        totals = totals.plus(part)
    _check_conservation(program, totals)
    return BatchResult(
        {name: batch.fired[:, :, cut] for name, cut in spike_cuts.items()},
        {name: batch.potentials[:, :, cut] for name, cut in potential_cuts.items()},
        batch.leaving,
        totals,
    )


@dataclass(frozen=True)
class _Batch:
    """What goes into a batch and comes out of it, sample by sample; see `simulate_share`."""

    inputs: np.ndarray
    fired_columns: np.ndarray
    fired: np.ndarray
    potential_slots: np.ndarray
    potentials: np.ndarray
    arriving: np.ndarray
    leaving: np.ndarray


def _run_share(
    program: BinaryProgram, arrays: Prepared, engine: Engine, batch: _Batch, share: slice
) -> Totals:
    """Run some samples of a batch on a machine of their own."""
    inputs = batch.inputs[share]
    samples, steps = inputs.shape[:2]
    mesh = empty_mesh(program)
    tally = new_tally(arrays.image, arrays.tables, samples, steps)
    simulate_share(
        arrays.image,
        arrays.tables,
        mesh,
        new_departures(mesh),
        engine,
        inputs,
        arrays.input_columns,
        arrays.columns,
        batch.fired_columns,
        batch.fired[share],
        batch.potential_slots,
        batch.potentials[share],
        batch.arriving[share],
        batch.leaving[share],
        tally,
    )
    if tally.deadlock[0] >= 0:
        text = deadlock_text(int(tally.deadlock[0]), mesh, arrays.tables.columns)
        raise InternalError(text)
    if program.handing_on is not None:
        tally.outputs[:] = (0, -1, -1)  # what came out were sums
    return _totals_of(tally, mesh, steps)


def new_sums(program: BinaryProgram, block: int | None, samples: int, steps: int) -> np.ndarray:
    """Return sums of 0 for the neurons of a block, or of none."""
    neurons = 0 if block is None else program.blocks[block].box.volume
    return np.zeros((samples, steps, neurons), np.int64)


def empty_mesh(program: BinaryProgram) -> Mesh:
    """Return the mesh of a program's machine, at rest."""
    machine = program.architecture
    depths = (machine.mesh.fifo_depth, machine.core.event_fifo_depth)
    units = len(program.blocks) + len(program.graph.inputs)
    return new_mesh(machine.cores, len(program.positions), units, *depths)


def _places_of(
    program: BinaryProgram, nodes: Sequence[str], place_of: dict[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, slice]]:
    """Return the places of all neurons of some nodes, and where each node's lie among them."""
    cuts, first = {}, 0
    for name in nodes:
        cuts[name] = slice(first, first + len(place_of[name]))
        first += len(place_of[name])
    places = [np.zeros(0, np.int64), *(place_of[name] for name in nodes)]
    return np.concatenate(places), cuts


def _totals_of(tally: Tally, mesh: Mesh, steps: int) -> Totals:
    return Totals(
        samples=len(tally.step_cycles),
        steps=steps,
        bank_events=tally.bank_counts["events"],
        bank_performed=tally.bank_counts["visited"],
        bank_effective=tally.bank_counts["effective"],
        block_overflows=tally.overflows,
        block_phase_cycles=tally.block_phase,
        block_walk_cycles=tally.block_walk,
        core_walk_cycles=mesh.walk,
        core_shared=tally.core_shared,
        core_events=mesh.taken,
        core_events_most=mesh.events_most,
        sender_flits=mesh.sent,
        sender_waits=mesh.send_waits,
        unit_waits=mesh.unit_waits,
        link_flits=mesh.link_flits,
        link_waits=mesh.link_waits,
        forks=int(tally.forks[0]),
        output_spikes=int(mesh.outputs[0]["spikes"]),
        unit_spikes=tally.unit_spikes,
        step_cycles=tally.step_cycles,
        step_phases=tally.step_phases,
        step_walk=tally.step_causes["walk"],
        step_neuron_phase=tally.step_causes["neuron_phase"],
        step_send_waits=tally.step_causes["send_waits"],
        step_event_fifo_waits=tally.step_causes["event_fifo_waits"],
        step_link_waits=tally.step_causes["link_waits"],
        first_output_cycle=tally.outputs["first_cycle"],
        last_output_cycle=tally.outputs["last_cycle"],
    )


def _check_conservation(program: BinaryProgram, totals: Totals) -> None:
    """What behaviour consumed must be what the mesh delivered, flit by flit, cycle by cycle.

    An event that serves several banks is one flit.
    """
    events, walks = Counter[int](), Counter[int]()
    banks = iter(totals.bank_events.tolist())
    for number, block in enumerate(program.blocks):
        events[block.core] += sum(next(banks) for _ in block.banks)
        walks[block.core] += int(totals.block_walk_cycles[number])
        sums = block.box.volume * totals.core_phases
        if block.helps is not None and block.helps != HOST:
            events[program.blocks[block.helps].core] += sums
        if block.resumes:
            events[block.core] += sums
    for core in range(len(program.positions)):
        for what, delivered, expected in (
            ("events", int(totals.core_events[core] + totals.core_shared[core]), events[core]),
            ("cycles of walks", int(totals.core_walk_cycles[core]), walks[core]),
        ):
            if delivered != expected:
                raise InternalError(
                    f"core {core}: the mesh delivered {delivered} {what}, behaviour took {expected}"
                )
    sent = int(totals.sender_flits.sum()) + totals.forks
    delivered = int(totals.core_events.sum()) + totals.output_spikes
    if sent != delivered:
        raise InternalError(f"{sent} flits sent, copies included; {delivered} delivered")


def deadlock_text(cycle: int, mesh: Mesh, columns: int) -> str:
    """Return what to tell of a mesh in which nothing can move: the cycle and where flits wait."""
    stuck = [
        f"router ({at // PORTS % columns}, {at // PORTS // columns}) {PORT_NAMES[at % PORTS]} "
        f"input ({mesh.held[at]} flits)"
        for at in np.flatnonzero(mesh.held)
    ]
    return f"deadlock in the mesh at cycle {cycle}: blocked {', '.join(stuck)}"
