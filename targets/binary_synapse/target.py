"""The binary-synapse accelerator as a target: check, compile, run, cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from axonc.toolchain.cost import CostReport
from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import Graph

from ..base import NodeVerdict, Program, Run, Target
from .architecture import Architecture, load_architecture
from .cost import cost_report
from .mapper import map_graph, read_out_of
from .placement import Calibration, place_by_traffic
from .program import BinaryProgram
from .projections import Projection
from .rules import check, sums_range

MOST_SPIKES_PER_BIN = 255


@dataclass(frozen=True)
class BinarySynapse(Target):
    """A many-core accelerator with one bit a synapse.

    architecture: a parsed one, the name of a shipped one, or the path of a TOML file.
    calibration: spikes by which cores are placed; without, they are placed in order.
    """

    name: ClassVar[str] = "binary_synapse"
    engines: ClassVar[tuple[str, ...]] = ("cycle", "analytic")
    architecture: Architecture | str | Path = "edge"
    calibration: Calibration | None = None

    @property
    def machine(self) -> Architecture:
        """The parsed architecture."""
        if isinstance(self.architecture, Architecture):
            return self.architecture
        return load_architecture(self.architecture)

    def check(self, graph: Graph) -> tuple[NodeVerdict, ...]:
        return check(graph, self.machine)

    def compile(self, graph: Graph) -> BinaryProgram:
        self.require_lowerable(graph)
        program = map_graph(graph, self.machine)
        if self.calibration is None:
            return program
        inputs = _checked_inputs(program, self.calibration.spikes)
        return place_by_traffic(program, inputs, self.calibration)

    def run(
        self,
        program: Program,
        spikes: np.ndarray,
        *,
        engine: str | None = None,
        probes: Sequence[str] = (),
    ) -> Run:
        """Run spikes through the cycle-level simulator; rasters are aligned to the input.

        A bin that holds a count c > 1 is sent as c events. Engine `cycle` counts every cycle of
        cores, FIFOs and mesh; `analytic` computes the same spikes and a lower bound of the
        cycles, as if nothing ever waited for anything else.
        """
        method = self.chosen_engine(engine)
        if not isinstance(program, BinaryProgram):
            raise InputError(
                "program",
                got=type(program).__name__,
                expected="a program compiled for binary_synapse",
                remedy="compile the graph with this target",
            )
        from .counting import BinaryRun, count_events
        from .simulator.run import simulate_batch  # numba is slow to import
        from .simulator.timing import BOUND, SHORTCUTS

        graph = program.graph
        inputs = _checked_inputs(program, spikes)
        if unknown := [name for name in probes if name not in program.grids]:
            raise InputError(
                "probe",
                got=", ".join(map(repr, unknown)),
                expected=f"a node that spikes: {', '.join(program.grids)}",
                remedy="probe one of them",
            )
        read_outs = {name: read_out_of(graph, name) for name in graph.outputs}
        wanted = dict.fromkeys([*(source for source, _ in read_outs.values()), *probes])
        program.prepared  # noqa: B018  built before the clock starts
        started = time.perf_counter()
        result = simulate_batch(
            program,
            inputs,
            spikes_of=list(wanted),
            method=SHORTCUTS if method == "cycle" else BOUND,
            potentials_of=[name for name in probes if name not in graph.inputs],
        )
        wall_s = time.perf_counter() - started

        def shaped(values: np.ndarray, node: str) -> np.ndarray:
            return values.reshape(*values.shape[:2], *graph.shapes[node])

        rasters = {
            name: shaped(_delayed(result.spikes[source], delay), name)
            for name, (source, delay) in read_outs.items()
        }
        rasters |= {name: shaped(result.spikes[name], name) for name in probes}
        totals = result.totals
        counters, layers = count_events(program, totals)
        return BinaryRun(
            spikes=rasters,
            latency_steps=program.latency_steps,
            wall_s=wall_s,
            synaptic_operations=int(totals.bank_effective.sum()),
            cycles=totals.cycles,
            potentials={name: shaped(v, name) for name, v in result.potentials.items()},
            counters=counters,
            layers=layers,
            totals=totals,
        )

    def cost(self, program: Program, run: Run | None = None) -> CostReport:
        assert isinstance(program, BinaryProgram)
        return cost_report(program, run)


def _checked_inputs(program: BinaryProgram, spikes: np.ndarray) -> dict[str, np.ndarray]:
    """Return flat spike counts per input node, checked against what the machine can take."""
    graph = program.graph
    name, *others = graph.inputs
    if others:
        raise InputError(
            f"graph {graph.name!r}",
            got=f"{len(graph.inputs)} input nodes",
            expected="one",
            remedy="join the inputs into one node",
        )
    array, shape = np.asarray(spikes), graph.shapes[name]
    if array.ndim != len(shape) + 2 or array.shape[2:] != shape or 0 in array.shape[:2]:
        raise InputError(
            f"input spikes for node {name!r}",
            got=f"shape {array.shape}",
            expected=f"(batch, time, {', '.join(map(str, shape))})",
            remedy="reshape the spikes, or check that they belong to this network",
        )
    if array.dtype.kind not in "biu":
        rounded = np.round(array) if array.dtype.kind == "f" else array
        if array.dtype.kind != "f" or not np.array_equal(array, rounded):
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
        _check_sums(program, name, high)
    return {name: array.reshape(*array.shape[:2], -1).astype(np.uint8)}


def _check_sums(program: BinaryProgram, name: str, count: int) -> None:
    """Counts above 1 make larger sums than the compiler allowed for."""
    width = program.architecture.core.accumulator_bits
    into: dict[str, list[Projection]] = {}
    for core in program.cores:
        found = into.setdefault(core.layer, [])
        found += [b.projection for b in core.banks if b.projection not in found]
    for layer, projections in into.items():
        if not any(p.path.source == name for p in projections):
            continue
        least, most = sums_range(projections)
        worst = count * max(-int(least.min()), int(most.max()) + 1)
        if worst > 1 << (width - 1):
            raise InputError(
                f"input spikes for node {name!r}",
                got=f"up to {count} spikes a bin, which can bring a sum of layer {layer!r} to "
                f"{worst}",
                expected=f"sums within {width} bits of {program.architecture.name!r}",
                remedy="raise accumulator_bits, or give at most one spike a bin",
            )


def _delayed(raster: np.ndarray, steps: int) -> np.ndarray:
    if steps == 0:
        return raster
    late = np.zeros_like(raster)
    late[:, steps:] = raster[:, :-steps]
    return late
