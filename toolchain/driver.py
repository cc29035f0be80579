"""The whole way of a graph: lower it, say what became of each node, run it, cost it.

This is the only place, beside the command line, that knows targets, and it knows them by name.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from axonc.targets import REFERENCE, NodeVerdict, Program, Run, Target, Verdict, load_target

from .comparison import Measurement, measured
from .cost import CostReport, Workload, chipless_cost, workload
from .errors import InputError, LoweringError
from .ir import Graph
from .passes import (
    Effect,
    Findings,
    FixedPoint,
    IntegerWeights,
    integer_pipeline,
    to_discrete,
    to_integer,
)
from .reference import Progress, Recording, execute


@dataclass(frozen=True)
class Lowering:
    """A graph in every stage that it reached.

    refusal: why there is no integer graph; every reason is in it.
    """

    imported: Graph
    discrete: Graph
    findings: Findings
    integer_graph: Graph | None = None
    refusal: LoweringError | None = None
    programs: dict[str, Program] = field(default_factory=dict)

    @property
    def integer(self) -> Graph:
        """The integer graph.

        Raises:
            LoweringError: there is none; all reasons are listed.
        """
        if self.integer_graph is None:
            assert self.refusal is not None
            raise self.refusal
        return self.integer_graph

    def program(self, target: Target) -> Program:
        """Return the program for `target`, compiled once."""
        if target.name not in self.programs:
            self.programs[target.name] = target.compile(self.integer)
        return self.programs[target.name]


def lower(
    imported: Graph,
    *,
    weights: IntegerWeights | None = None,
    fixed_point: FixedPoint | None = None,
) -> Lowering:
    """Lower an imported graph as far as it goes.

    Raises:
        LoweringError: the graph has no discrete form under its dialect.
    """
    findings = Findings()
    discrete = to_discrete(imported, findings)
    try:
        passes = integer_pipeline(weights, fixed_point)
        integer = to_integer(discrete, findings, passes=passes)
    except LoweringError as refusal:
        return Lowering(imported, discrete, findings, refusal=refusal)
    return Lowering(imported, discrete, findings, integer_graph=integer)


_SEVERITY = {
    Verdict.EXACT: 0,
    Verdict.APPROXIMATE: 1,
    Verdict.HOST: 2,
    Verdict.UNSUPPORTED: 3,
}
_OF_EFFECT = {
    Effect.EXACT: Verdict.EXACT,
    Effect.APPROXIMATE: Verdict.APPROXIMATE,
    Effect.UNSUPPORTED: Verdict.UNSUPPORTED,
}


def verdicts(
    lowering: Lowering, target: str = REFERENCE, measurement: Measurement | None = None
) -> tuple[NodeVerdict, ...]:
    """Return one row for every node of the imported graph: what becomes of it on `target`.

    A node's verdict is the worst that any pass or the target said of it; a measurement adds the
    share of spikes that rounding changed.
    """
    on_chip: Mapping[str, NodeVerdict] = {}
    if target != REFERENCE and lowering.integer_graph is not None:
        said = load_target(target).check(lowering.integer_graph)
        on_chip = {row.node: row for row in said}
    rows = [_verdict(lowering, name, on_chip.get(name)) for name in lowering.imported.nodes]
    if measurement is None:
        return tuple(rows)
    return tuple(
        replace(row, detail=f"{row.detail}; measured: {100 * share:.3g} % of its spike bins differ")
        if (share := measurement.mismatch.get(row.node)) is not None
        else row
        for row in rows
    )


def _verdict(lowering: Lowering, name: str, on_chip: NodeVerdict | None) -> NodeVerdict:
    said = [(_OF_EFFECT[f.effect], f.detail) for f in lowering.findings.about(name)]
    if on_chip is not None:
        said.append((on_chip.verdict, on_chip.detail))
    worst = max((verdict for verdict, _ in said), key=_SEVERITY.__getitem__, default=Verdict.EXACT)
    telling = [
        detail
        for verdict, detail in said
        if detail and (verdict is worst or worst is Verdict.APPROXIMATE)
    ]
    kind = lowering.imported.nodes[name].kind
    return NodeVerdict(name, kind, worst, "; ".join(dict.fromkeys(telling)))


@dataclass(frozen=True)
class Execution:
    """A run with its names: which target, which engine, and the graph that was executed."""

    target: str
    engine: str
    graph: Graph
    run: Run
    batch: int
    steps: int

    def summary(self) -> dict[str, object]:
        """Return the figures of the run as JSON-ready values."""
        output = next(iter(self.run.spikes.values()))
        figures: dict[str, object] = {
            "target": self.target,
            "engine": self.engine,
            "batch": self.batch,
            "steps": self.steps,
            "latency_steps": self.run.latency_steps,
            "wall_s": self.run.wall_s,
            "spikes": int(output.sum()),
            "synaptic_operations": self.run.synaptic_operations,
        }
        if self.run.cycles is not None:
            figures["cycles"] = self.run.cycles
        return figures | {"counters": dict(self.run.counters)}


def run(
    lowering: Lowering,
    spikes: np.ndarray,
    *,
    target: str = REFERENCE,
    engine: str | None = None,
    precision: str = "float",
    probes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Execution:
    """Run a lowered graph on (batch, time, *input shape) spikes.

    Args:
        precision: on the reference, `float` runs the discrete graph in float64, `int` the integer
            graph; targets always run integers.

    Raises:
        InputError: no such target, engine or probe, or spikes that do not fit.
        LoweringError: the graph cannot be lowered to the target.
    """
    if target == REFERENCE:
        if engine is not None:
            raise InputError(
                "engine of target reference",
                got=repr(engine),
                expected="none: --precision float or int says how to run it",
                remedy="leave --engine out",
            )
        graph = lowering.discrete if precision == "float" else lowering.integer
        recording, wall_s = _timed(graph, spikes, probes, progress)
        counted = workload_of(graph, recording)
        done = Run(
            spikes={**recording.outputs, **recording.spikes},
            potentials=recording.potentials,
            latency_steps=0,
            wall_s=wall_s,
            synaptic_operations=sum(counted.synaptic_operations.values()),
            counters={"overflows": sum(recording.overflows.values())},
        )
        return Execution(REFERENCE, precision, graph, done, *spikes.shape[:2])
    chip = load_target(target)
    engine = chip.chosen_engine(engine)
    program = lowering.program(chip)
    done = chip.run(program, spikes, engine=engine, probes=probes)
    return Execution(target, engine, program.graph, done, *spikes.shape[:2])


def measure(
    lowering: Lowering, spikes: np.ndarray, labels: np.ndarray | None = None
) -> Measurement:
    """Run the discrete and the integer graph on the same spikes and compare every layer.

    Raises:
        LoweringError: there is no integer graph.
        InputError: the spikes do not fit, or there are not as many labels as samples.
    """
    if labels is not None and labels.shape != spikes.shape[:1]:
        raise InputError(
            "labels",
            got=f"shape {labels.shape}",
            expected=f"one for each of the {len(spikes)} samples",
            remedy="save them beside the spikes under the key 'labels'",
        )
    nodes = list(lowering.integer.spiking)
    output = next(iter(lowering.integer.outputs))
    recordings = [
        execute(graph, spikes, probes=[*nodes, output])
        for graph in (lowering.discrete, lowering.integer)
    ]
    return measured(recordings[0].spikes, recordings[1].spikes, nodes, output, labels)


def cost_of(lowering: Lowering, target: str, spikes: np.ndarray | None = None) -> CostReport:
    """Return what a graph costs on a target; with spikes, activity and energy too.

    Raises:
        LoweringError: the graph cannot be lowered to the target.
        InputError: no such target, or spikes that do not fit.
    """
    if target == REFERENCE:
        graph = lowering.integer
        work = None if spikes is None else workload_of(graph, execute(graph, spikes))
        return chipless_cost(graph, work, REFERENCE)
    chip = load_target(target)
    program = lowering.program(chip)
    return chip.cost(program, None if spikes is None else chip.run(program, spikes))


def cost_of_run(lowering: Lowering, done: Execution) -> CostReport:
    """Return the cost of a run on a target that is already there."""
    chip = load_target(done.target)
    return chip.cost(lowering.program(chip), done.run)


def workload_of(graph: Graph, recording: Recording) -> Workload:
    """Return the counted work of a reference recording of `graph`."""
    return workload(graph, recording.spike_counts, recording.samples, recording.steps)


def _timed(
    graph: Graph, spikes: np.ndarray, probes: Sequence[str], progress: Progress | None
) -> tuple[Recording, float]:
    start = time.perf_counter()
    recording = execute(graph, spikes, probes=probes, progress=progress)
    return recording, time.perf_counter() - start
