"""Run a graph of any stage over a batch of spike trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from ..errors import InputError
from ..ir import ContinuousNeuron, Delay, Graph, Input, IntegerNeuron, Neuron, Output, Stage
from .arrivals import ArrivalCounter
from .linear import Real, linear_step
from .neurons import ContinuousStepper, DelayStepper, IntegerNeuronStepper, NeuronStepper
from .over_time import OverTime, Step, without_state
from .recording import Recording, Spikes, input_arrays

Progress = Callable[[int, int], None]
"""Called after each block of steps with (steps done, steps in all)."""

_AT_ONCE = 1 << 21
"""Elements of the widest signal computed at a time: enough for efficient matrix products."""


def execute(
    graph: Graph,
    spikes: Spikes,
    *,
    probes: Sequence[str] = (),
    progress: Progress | None = None,
    real: Real = np.float64,
) -> Recording:
    """Run `graph` on spikes of shape (batch, time, *input shape).

    In each step the nodes are evaluated in topological order, so that a spike crosses the whole
    feed-forward network within its own step; an edge with delay d carries what its source sent d
    steps before. Imported and discrete graphs are computed in `real`, integer graphs in int64.
    A graph without delayed edges is computed several steps at a time, which changes no result.

    Args:
        probes: nodes whose output, and potential if they are neurons, are recorded in full.
        real: float64; or float32, as deep-learning frameworks compute: twice as fast, and a
            potential within its rounding (6e-8) of the threshold may fall on the other side.

    Raises:
        InputError: the spikes do not fit the graph, a probe names no node, or an integer graph is
            given spikes that are not integers.
    """
    inputs = input_arrays(graph, spikes)
    _require_probes(graph, probes)
    if graph.stage is Stage.INTEGER:
        real = np.float64  # in which int64 sums of several edges are exact
        inputs = {name: _as_counts(name, array) for name, array in inputs.items()}
    samples, steps = next(iter(inputs.values())).shape[:2]
    functions = {
        name: _function(graph, name, samples, steps, real, keeps_potential=name in probes)
        for name, node in graph.nodes.items()
        if not isinstance(node, (Input, Output))
    }
    recorder = _Recorder(graph, probes, functions)
    counter = ArrivalCounter(graph, inputs, steps)
    longest = max((edge.delay for edge in graph.edges), default=0)
    # What each node sent before the first step: nothing.
    silence = {name: np.zeros((samples, 1, *graph.shapes[name]), real) for name in graph.nodes}
    past: list[dict[str, np.ndarray]] = [silence] * longest
    at_once = 1 if longest else _steps_at_once(graph, samples)
    for start in range(0, steps, at_once):
        block = {name: array[:, start : start + at_once] for name, array in inputs.items()}
        sent = _sent(graph, functions, block, past, real, partial(counter.add, start=start))
        recorder.add(sent)
        if longest:
            past = [*past[1:], sent]
        if progress:
            progress(min(start + at_once, steps), steps)
    return replace(recorder.recording(samples, steps), arrivals=counter.arrivals())


def _sent(
    graph: Graph,
    functions: Mapping[str, Step],
    inputs: Mapping[str, np.ndarray],
    past: Sequence[Mapping[str, np.ndarray]],
    real: Real,
    count: Callable[..., None],
) -> dict[str, np.ndarray]:
    """Return what every node sends in a block of steps, each (batch, time, *shape).

    past: what they sent in the blocks before, the latest last. count: called with what arrives.
    """
    sent: dict[str, np.ndarray] = {}
    for name in graph.order:
        if name in inputs:
            sent[name] = inputs[name]
            continue
        first, *others = (
            sent[edge.source] if edge.delay == 0 else past[-edge.delay][edge.source]
            for edge in graph.incoming[name]
        )
        total = first
        for other in others:
            total = total.astype(real) + other
        if graph.stage is Stage.INTEGER and total.dtype.kind == "f":
            total = total.astype(np.int64)
        count(name, arriving=total)
        sent[name] = total if name in graph.outputs else functions[name](total)
    return sent


class _Recorder:
    """Collects what a run is asked for, block by block."""

    def __init__(self, graph: Graph, probes: Sequence[str], functions: Mapping[str, Step]) -> None:
        self.graph, self.functions = graph, functions
        self.probes = tuple(probes)
        self.sent: dict[str, list[np.ndarray]] = {name: [] for name in (*graph.outputs, *probes)}
        self.potentials: dict[str, list[np.ndarray]] = {
            name: [] for name in probes if hasattr(functions.get(name), "potential")
        }
        kind = np.int64 if graph.stage is Stage.INTEGER else np.float64
        self.counts = {
            name: np.zeros(graph.shapes[name], kind) for name in (*graph.inputs, *graph.spiking)
        }

    def add(self, sent: Mapping[str, np.ndarray]) -> None:
        """Add what was sent in one more block, and its potentials."""
        for name, values in self.sent.items():
            values.append(sent[name])
        for name, values in self.potentials.items():
            values.append(self.functions[name].potential)  # type: ignore[attr-defined]
        for name, count in self.counts.items():
            count += sent[name].sum(axis=(0, 1))

    def recording(self, samples: int, steps: int) -> Recording:
        """Return the recording of all blocks; spikes as booleans."""
        whole, potentials = _joined(self.sent), _joined(self.potentials)
        for name, array in whole.items():
            if self.graph.carries_spikes(name):
                whole[name] = array.astype(bool, copy=False)
        return Recording(
            samples=samples,
            steps=steps,
            outputs={name: whole[name] for name in self.graph.outputs},
            spikes={name: whole[name] for name in self.probes},
            potentials=potentials,
            spike_counts=self.counts,
            overflows={
                name: self.functions[name].overflows  # type: ignore[attr-defined]
                for name in self.graph.of_type(IntegerNeuron)
            },
        )


def _joined(blocks: Mapping[str, Sequence[np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate(values, axis=1) for name, values in blocks.items()}


def _function(
    graph: Graph, name: str, batch: int, steps: int, real: Real, *, keeps_potential: bool
) -> Step:
    """Return the function of a node on a block of steps, (batch, time, *shape)."""
    node = graph.nodes[name]
    if isinstance(node, (ContinuousNeuron, Neuron, IntegerNeuron, Delay)):
        return OverTime(
            lambda size: _stepper(graph, name, size, steps, real),
            graph.shapes[name],
            batch,
            keeps_potential=keeps_potential,
        )
    return without_state(linear_step(node, real))


def _stepper(graph: Graph, name: str, batch: int, steps: int, real: Real) -> Step:
    node = graph.nodes[name]
    if isinstance(node, ContinuousNeuron):
        if graph.dialect is None:
            raise InputError(
                f"graph {graph.name!r}",
                got="an imported graph without a dialect",
                expected="a dialect: dt, integrator, reset",
                remedy="load it with axonc.toolchain.frontend.load_graph",
            )
        return ContinuousStepper(node, graph.dialect, batch, real)
    if isinstance(node, Neuron):
        return NeuronStepper(node, batch, real)
    if isinstance(node, IntegerNeuron):
        return IntegerNeuronStepper(node, batch)
    assert isinstance(node, Delay)
    dialect = graph.dialect if graph.stage is Stage.IMPORTED else None
    delay = node.delay if dialect is None else node.in_steps(dialect.dt)
    return DelayStepper(name, delay, graph.shapes[name], batch, steps)


def _steps_at_once(graph: Graph, samples: int) -> int:
    widest = max(prod(shape) for shape in graph.shapes.values())
    return max(1, _AT_ONCE // (widest * samples))


def _require_probes(graph: Graph, probes: Sequence[str]) -> None:
    if unknown := [name for name in probes if name not in graph.nodes]:
        raise InputError(
            "probe",
            got=", ".join(map(repr, unknown)),
            expected=f"names of nodes: {', '.join(graph.nodes)}",
            remedy="list the nodes with axonc check",
        )


def _as_counts(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "f" and not np.array_equal(array, np.round(array)):
        raise InputError(
            f"input spikes for node {name!r}",
            got=f"real values such as {array[array != np.round(array)].flat[0]:g}",
            expected="booleans or integer counts, since the graph is integer",
            remedy="encode the input as spikes, or run with --precision float",
        )
    return array if array.dtype.kind == "b" else array.astype(np.int64)
