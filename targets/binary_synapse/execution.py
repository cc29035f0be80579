"""Run a program, whole or part by part, and gather spikes, potentials and counters."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from axonc.toolchain.cost import Count
from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import Graph
from axonc.toolchain.reference import Spikes, input_arrays

from ..base import Run
from .accounting.parts import count_parts
from .mapping.placement import Calibration, measured_traffic, place_by_traffic
from .mapping.sequential import Part, SequentialProgram
from .program.paths import paths_into, read_out_of, sum_range
from .program.program import BinaryProgram
from .simulator.run import Totals, simulate_batch, warm_up
from .simulator.timing import Engine
from .simulator.turns import settle, take_over

MOST_SPIKES_PER_BIN = 255


@dataclass(frozen=True)
class BinaryRun(Run):
    """A run with everything that the simulator counted, one `Totals` a part of the program."""

    engine: str = "cycle"
    part_totals: tuple[Totals, ...] = ()

    @property
    def totals(self) -> Totals:
        """The totals of the first part; of all, where the network fits the machine."""
        return self.part_totals[0]


def parts_of(program: BinaryProgram | SequentialProgram) -> tuple[Part, ...]:
    """Return the parts of a program; one that fits the machine is its own only part."""
    return (Part(program, {}),) if isinstance(program, BinaryProgram) else program.parts


def rounds_of(program: BinaryProgram | SequentialProgram) -> list[tuple[Part, ...]]:
    """Return the parts of a program by the rounds in which they take turns."""
    if isinstance(program, BinaryProgram):
        return [parts_of(program)]
    return [tuple(program.parts[number] for number in numbers) for numbers in program.rounds]


def run_program(
    program: BinaryProgram | SequentialProgram, spikes: Spikes, engine: str, probes: Sequence[str]
) -> BinaryRun:
    """Run spikes through every part; see `BinarySynapse.run`."""
    graph, parts = program.graph, parts_of(program)
    _check_probes(graph, parts, probes)
    rasters = checked_inputs(graph, parts, spikes)
    read_outs = {name: read_out_of(graph, name) for name in graph.outputs}
    wanted = {*(source for source, _ in read_outs.values()), *probes}
    how = Engine.SHORTCUTS if engine == "cycle" else Engine.BOUND
    for part in parts:
        warm_up(part.program, how)  # so that the clock tells the run alone
    started = time.perf_counter()
    potentials, totals = _run_rounds(program, rasters, how, wanted, probes)
    wall_s = time.perf_counter() - started

    def shaped(values: np.ndarray, node: str) -> np.ndarray:
        return values.reshape(*values.shape[:2], *graph.shapes[node])

    outputs = {
        name: shaped(_delayed(rasters[source], delay), name)
        for name, (source, delay) in read_outs.items()
    }
    outputs |= {name: shaped(rasters[name].astype(bool), name) for name in probes}
    counted = count_parts(program, parts, totals)
    return BinaryRun(
        spikes=outputs,
        latency_steps=program.latency_steps,
        wall_s=wall_s,
        synaptic_operations=counted.counters[Count.SYNAPTIC_OPERATIONS],
        cycles=counted.cycles,
        potentials={name: shaped(values, name) for name, values in potentials.items()},
        counters=counted.counters,
        layers=counted.layers,
        accesses=counted.accesses,
        engine=engine,
        part_totals=tuple(totals),
    )


def _check_probes(graph: Graph, parts: Sequence[Part], probes: Sequence[str]) -> None:
    spiking = [*graph.inputs, *(name for part in parts for name in part.program.reasons)]
    if unknown := [name for name in probes if name not in spiking]:
        raise InputError(
            "probe",
            got=", ".join(map(repr, unknown)),
            expected=f"a node that spikes: {', '.join(spiking)}",
            remedy="probe one of them",
        )


def _run_rounds(
    program: BinaryProgram | SequentialProgram,
    rasters: dict[str, np.ndarray],
    engine: Engine,
    wanted: Set[str],
    probes: Sequence[str],
) -> tuple[dict[str, np.ndarray], list[Totals]]:
    """Run every part; add the spikes of wanted nodes to `rasters`.

    Returns the potentials of the probes, and the totals part by part.
    """
    potentials: dict[str, np.ndarray] = {}
    totals: list[Totals] = []
    sums = None
    for parts in rounds_of(program):
        if len(parts) > 1:
            settle(parts, rasters)
        for part in parts:
            own = list(part.program.reasons)
            sent = [name for name in own if name in wanted or name in part.exported.values()]
            result = simulate_batch(
                part.program,
                part.inputs(rasters),
                spikes_of=sent if len(parts) == 1 else [],
                potentials_of=[name for name in own if name in probes],
                sums=sums,
                engine=engine,
            )
            sums = result.sums
            take_over(result.spikes, rasters)
            take_over(_of_own_neurons(part.program, result.potentials), potentials)
            totals.append(result.totals)
    return potentials, totals


def placed(
    program: BinaryProgram | SequentialProgram, calibration: Calibration
) -> BinaryProgram | SequentialProgram:
    """Return the program with the cores of every part placed by what calibration spikes cause."""
    placed_parts = []
    rasters = checked_inputs(program.graph, parts_of(program), calibration.spikes)
    sums = None
    for parts in rounds_of(program):
        if len(parts) > 1:
            settle(parts, rasters)
        for part in parts:
            whole, inputs = part.program, part.inputs(rasters)
            if len(parts) == 1:
                own = [*whole.reasons]
                result = simulate_batch(
                    whole, inputs, spikes_of=own, sums=sums, engine=Engine.BOUND
                )
                sums = result.sums
                take_over(result.spikes, rasters)
            fired = inputs | {name: rasters[name] for name in whole.reasons}
            whole = place_by_traffic(whole, measured_traffic(whole, fired), calibration.seed)
            placed_parts.append(replace(part, program=whole))
    if isinstance(program, SequentialProgram):
        return replace(program, parts=tuple(placed_parts))
    return placed_parts[0].program


def _of_own_neurons(
    program: BinaryProgram, potentials: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the potentials with zeros for the neurons that lie in another part."""
    own = {name: np.zeros(values.shape[2], bool) for name, values in potentials.items()}
    for block in program.blocks:
        if block.layer in own and block.helps is None:
            own[block.layer][block.box.flat_ids(block.grid)] = True
    return {name: values * own[name] for name, values in potentials.items()}


def checked_inputs(graph: Graph, parts: tuple[Part, ...], spikes: Spikes) -> dict[str, np.ndarray]:
    """Return flat spike counts per input node, checked against what the machine can take.

    Raises:
        InputError: wrong shape, values that are no counts, or counts that overflow a sum.
    """
    arrays = input_arrays(graph, spikes)
    for name, array in arrays.items():
        whole = array.dtype.kind in "biu"
        if not whole and (array.dtype.kind != "f" or not np.array_equal(array, np.round(array))):
            raise InputError(
                f"input spikes for node {name!r}",
                got=f"values of type {array.dtype}",
                expected="booleans or integer counts",
                remedy="encode the input as spikes",
            )
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > MOST_SPIKES_PER_BIN:
            raise InputError(
                f"input spikes for node {name!r}",
                got=f"counts from {low} to {high}",
                expected=f"0 to {MOST_SPIKES_PER_BIN} spikes a bin",
                remedy="encode the input as spikes, or spread it over more time steps",
            )
        if high > 1:
            _check_sums([part.program for part in parts], name, high)
    return {
        name: array.reshape(*array.shape[:2], -1).astype(np.uint8) for name, array in arrays.items()
    }


def _check_sums(programs: list[BinaryProgram], name: str, count: int) -> None:
    """Counts above 1 make larger sums than the compiler allowed for."""
    machine = programs[0].architecture
    width = machine.core.accumulator_bits
    for program in programs:
        for layer in dict.fromkeys(block.layer for block in program.blocks):
            if all(path.source != name for path in paths_into(program.graph, layer)):
                continue
            sums = sum_range(program.graph, layer, count)
            worst = max(-int(sums.low.min()), int(sums.high.max()) + 1)
            if worst > 1 << (width - 1):
                raise InputError(
                    f"input spikes for node {name!r}",
                    got=f"up to {count} spikes a bin, which can bring a sum of layer {layer!r} to "
                    f"{worst}",
                    expected=f"sums within {width} bits of {machine.name!r}",
                    remedy="raise accumulator_bits, or give at most one spike a bin",
                )


def _delayed(raster: np.ndarray, steps: int) -> np.ndarray:
    if steps == 0:
        return raster
    late = np.zeros_like(raster)
    late[:, steps:] = raster[:, :-steps]
    return late
