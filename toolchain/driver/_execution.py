"""Run a lowered graph: host and chip parts in sequence, on the reference or on a target."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from axonc.targets import REFERENCE, Run, Target

from ..comparison import Measurement, measured
from ..cost import Count, Way, Workload, workload
from ..errors import InputError
from ..ir import Graph, SizedFor, Stage
from ..passes import HostSplit
from ..reference import Progress, Real, Recording, Spikes, execute, input_arrays
from ._deployment import Deployment, deploy
from ._lowering import Lowering, fullest_bin, steps_of


@dataclass(frozen=True)
class Execution:
    """A run with its names: which target, which engine, and the graph that was executed.

    host: the parts that the host computes, with their work. deployment: what ran; None on the
    reference. warnings: what the run breaks that its integer
    graph assumes, so that results may differ from those of the network.
    """

    target: str
    engine: str
    graph: Graph
    run: Run
    batch: int
    steps: int
    deployment: Deployment | None = None
    warnings: tuple[str, ...] = ()
    host: tuple[tuple[Graph, Workload], ...] = ()

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
            figures["cycles"] = self.run.cycles.total
        if products := self.run.counters.get(Count.MULTIPLICATIONS, 0):
            figures["multiplications"] = products
        if self.host:
            work = [counted for _, counted in self.host]
            figures["host"] = {
                "multiplications": sum(sum(each.multiplications.values()) for each in work),
                "synaptic_operations": sum(sum(each.synaptic_operations.values()) for each in work),
            }
        if self.warnings:
            figures["warnings"] = list(self.warnings)
        figures["counters"] = dict(self.run.counters)
        for way in Way:
            if moved := {a.memory: n for a, n in self.run.accesses.items() if a.way is way and n}:
                figures[f"{way}_bits"] = moved
        return figures


_REAL: dict[str, Real] = {"float": np.float64, "float32": np.float32}


def run(
    lowering: Lowering,
    spikes: Spikes,
    *,
    target: Deployment | Target | str = REFERENCE,
    engine: str | None = None,
    precision: str = "float",
    probes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Execution:
    """Run a lowered graph on (batch, time, *shape) spikes, one array or one for each input node.

    Parts that stay on the host are computed in float64 before and after the chip's part. `wall_s`,
    counts and cycles are the chip's part alone.

    Args:
        target: `reference`, a target or its name; or a deployment of this very lowering, whose
            program is then used.
        precision: on the reference, `float` runs the discrete graph in float64, `float32` in
            float32, `int` the integer graph; targets always run integers, and so does a network
            that was read as integers.

    Raises:
        InputError: no such target, engine or probe, or spikes that do not fit.
        LoweringError: the graph cannot be lowered to the target.
    """
    if target == REFERENCE:
        _refuse_engine(engine)
    if lowering.discrete.stage is Stage.INTEGER:
        precision = "int"
    size = _batch_and_steps(lowering, spikes)
    if target == REFERENCE and precision in _REAL:
        done = _on_reference(lowering.discrete, spikes, probes, progress, _REAL[precision])
        return Execution(REFERENCE, precision, lowering.discrete, done, *size)
    integer, split = lowering.integer, lowering.split
    assert split is not None
    here = [name for name in probes if not _on_host(split, name)]
    _refuse_removed(lowering, here)
    before = None
    if split.front is not None:
        inside = [name for name in probes if name in split.front.nodes]
        before = execute(split.front, spikes, probes=inside)
        spikes = before.output
    deployment = None
    if target == REFERENCE:
        graph, engine = integer, precision
        done = _on_reference(integer, spikes, here, progress)
    else:
        deployment = target if isinstance(target, Deployment) else deploy(lowering, target)
        engine = deployment.target.chosen_engine(engine)
        graph = deployment.program.graph
        done = deployment.run(spikes, engine=engine, probes=here)
    name = REFERENCE if deployment is None else deployment.target.name
    joined, after = _joined(split, before, done, probes)
    host = tuple(
        (part, workload_of(part, recording))
        for part, recording in ((split.front, before), (split.back, after))
        if part is not None and recording is not None
    )
    warnings = _broken_assumptions(integer, spikes, done)
    return Execution(name, engine, graph, joined, *size, deployment, warnings, host)


def _refuse_engine(engine: str | None) -> None:
    if engine is not None:
        raise InputError(
            "engine of target reference",
            got=repr(engine),
            expected="none: --precision float or int says how to run it",
            remedy="leave --engine out",
        )


def _batch_and_steps(lowering: Lowering, spikes: Spikes) -> tuple[int, int]:
    batch, steps = next(iter(input_arrays(lowering.discrete, spikes).values())).shape[:2]
    return batch, steps


def _broken_assumptions(graph: Graph, spikes: Spikes, done: Run) -> tuple[str, ...]:
    """Say how a run of an integer graph goes beyond what its widths were chosen for."""
    counts, steps = fullest_bin(spikes), steps_of(spikes)
    if graph.sized_for is None or graph.sized_for.covers(counts, steps):
        return ()
    return (
        f"the integers of this network are made for {graph.sized_for}; this run has "
        f"{SizedFor.text(counts, steps)}, and {done.counters.get(Count.OVERFLOWS, 0)} states left "
        "their range: its spikes may be wrong. Lower the network for this input (`runs` of lower, "
        "--input of a command)",
    )


def _on_reference(
    graph: Graph,
    spikes: Spikes,
    probes: Sequence[str],
    progress: Progress | None,
    real: Real = np.float64,
) -> Run:
    start = time.perf_counter()
    recording = execute(graph, spikes, probes=probes, progress=progress, real=real)
    wall_s = time.perf_counter() - start
    counted = workload_of(graph, recording)
    return Run(
        spikes={**recording.outputs, **recording.spikes},
        potentials=recording.potentials,
        latency_steps=0,
        wall_s=wall_s,
        synaptic_operations=sum(counted.synaptic_operations.values()),
        counters={
            Count.OVERFLOWS: sum(recording.overflows.values()),
            Count.MULTIPLICATIONS: sum(counted.multiplications.values()),
        },
    )


def _refuse_removed(lowering: Lowering, probes: Sequence[str]) -> None:
    """Refuse probes on nodes that lowering removed, and say why it did."""
    for name in probes:
        if name in lowering.discrete.nodes and name not in lowering.integer.nodes:
            *_, why = ["it is not needed", *(row.detail for row in lowering.findings.about(name))]
            raise InputError(
                f"probe {name!r}",
                got=f"a node that lowering removed: {why.removeprefix('removed: ')}",
                expected=f"a node of the lowered graph: {', '.join(lowering.integer.nodes)}",
                remedy="probe it on the reference, with --precision float",
            )


def _on_host(split: HostSplit, name: str) -> bool:
    in_front = split.front is not None and name in split.front.nodes
    return in_front or (
        split.back is not None and name in split.back.nodes and name not in split.chip.nodes
    )


def _joined(
    split: HostSplit, before: Recording | None, done: Run, probes: Sequence[str]
) -> tuple[Run, Recording | None]:
    """Return the run with outputs and probes of the host's parts added, and what the back did."""
    signals: dict[str, np.ndarray] = {**done.spikes}
    potentials: dict[str, np.ndarray] = {**done.potentials}
    if before is not None:
        signals |= before.spikes
        potentials |= before.potentials
    after = None
    if split.back is not None:
        handed_over = {name: signals.pop(split.handed_over[name]) for name in split.back.inputs}
        inside = [n for n in probes if n in split.back.nodes and n not in split.chip.nodes]
        after = execute(split.back, handed_over, probes=inside)
        signals = {**after.outputs, **signals, **after.spikes}
        potentials |= after.potentials
    return replace(done, spikes=signals, potentials=potentials), after


def measure(
    lowering: Lowering,
    spikes: Spikes,
    labels: np.ndarray | None = None,
    *,
    target: Deployment | Target | str = REFERENCE,
) -> Measurement:
    """Run the discrete and the integer graph on the same spikes and compare every layer.

    Args:
        target: whose integer graph: what a chip computes may differ from what it was given.

    Raises:
        LoweringError: there is no integer graph, or the target refuses it.
        InputError: the spikes do not fit, or there are not as many labels as samples.
    """
    batch, _ = _batch_and_steps(lowering, spikes)
    if labels is not None and labels.shape != (batch,):
        raise InputError(
            "labels",
            got=f"shape {labels.shape}",
            expected=f"one for each of the {batch} samples",
            remedy="save them beside the spikes under the key 'labels'",
        )
    nodes = list(lowering.integer.spiking)
    output = next(iter(lowering.imported.outputs))
    on_chip = lowering
    if target != REFERENCE:
        deployment = target if isinstance(target, Deployment) else deploy(lowering, target)
        on_chip = replace(lowering, integer_graph=deployment.program.graph)
    real, integer = (
        run(each, spikes, precision=precision, probes=nodes).run.spikes
        for each, precision in ((lowering, "float"), (on_chip, "int"))
    )
    return measured(real, integer, nodes, output, labels)


def workload_of(graph: Graph, recording: Recording) -> Workload:
    """Return the counted work of a reference recording of `graph`."""
    return workload(
        graph, recording.arrivals, recording.spike_counts, recording.samples, recording.steps
    )
