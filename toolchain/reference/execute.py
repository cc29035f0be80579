"""Run a graph of any stage, step by step, over a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..errors import InputError
from ..ir import (
    ContinuousNeuron,
    Delay,
    Graph,
    Input,
    IntegerNeuron,
    Neuron,
    Output,
    Stage,
)
from .linear import linear_step
from .neurons import (
    ContinuousStepper,
    DelayStepper,
    IntegerNeuronStepper,
    NeuronStepper,
)
from .recording import Recording, input_arrays

Progress = Callable[[int, int], None]
"""Called after each step with (steps done, steps in all)."""


def execute(
    graph: Graph,
    spikes: np.ndarray | Mapping[str, np.ndarray],
    *,
    probes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Recording:
    """Run `graph` on spikes of shape (batch, time, *input shape).

    In each step the nodes are evaluated in topological order, so that a spike crosses the whole
    feed-forward network within its own step; an edge with delay d carries what its source sent d
    steps before. Imported and discrete graphs are computed in float64, integer graphs in int64.

    Args:
        probes: nodes whose output, and potential if they are neurons, are recorded in full.

    Raises:
        InputError: the spikes do not fit the graph, a probe names no node, or an integer graph is
            given spikes that are not integers.
    """
    inputs = input_arrays(graph, spikes)
    _require_probes(graph, probes)
    is_integer = graph.stage is Stage.INTEGER
    if is_integer:
        inputs = {name: _as_counts(name, array) for name, array in inputs.items()}
    samples, steps = next(iter(inputs.values())).shape[:2]
    steppers = {
        name: _stepper(graph, name, samples)
        for name, node in graph.nodes.items()
        if not isinstance(node, (Input, Output))
    }
    # What each node sent before the first step: nothing.
    longest = max((edge.delay for edge in graph.edges), default=0)
    silence = {name: np.zeros((samples, *graph.shapes[name])) for name in graph.nodes}
    past: list[dict[str, np.ndarray]] = [silence] * longest

    recorded = [*graph.outputs, *dict.fromkeys(probes)]
    sent: dict[str, list[np.ndarray]] = {name: [] for name in recorded}
    potentials: dict[str, list[np.ndarray]] = {
        name: [] for name in probes if hasattr(steppers.get(name), "potential")
    }
    counts = {
        name: np.zeros(graph.shapes[name], np.int64 if is_integer else np.float64)
        for name in (*graph.inputs, *graph.spiking)
    }
    for t in range(steps):
        now: dict[str, np.ndarray] = {}
        for name in graph.order:
            if name in graph.inputs:
                now[name] = inputs[name][:, t]
                continue
            arriving = [
                now[edge.source] if edge.delay == 0 else past[-edge.delay][edge.source]
                for edge in graph.incoming[name]
            ]
            total = arriving[0]
            for more in arriving[1:]:
                total = total.astype(np.float64) + more
            if is_integer:
                total = total.astype(np.int64)
            now[name] = total if name in graph.outputs else steppers[name](total)
        for name, values in sent.items():
            values.append(now[name])
        for name, values in potentials.items():
            values.append(steppers[name].potential)
        for name, count in counts.items():
            count += now[name].sum(axis=0)
        if longest:
            past = [*past[1:], now]
        if progress:
            progress(t + 1, steps)

    stacked = {name: np.stack(values, axis=1) for name, values in sent.items()}
    for name, array in stacked.items():
        if graph.carries_spikes(name):
            stacked[name] = array.astype(bool)
    return Recording(
        samples=samples,
        steps=steps,
        outputs={name: stacked[name] for name in graph.outputs},
        spikes={name: stacked[name] for name in probes},
        potentials={name: np.stack(values, axis=1) for name, values in potentials.items()},
        spike_counts=counts,
        overflows={
            name: stepper.overflows
            for name, stepper in steppers.items()
            if isinstance(stepper, IntegerNeuronStepper)
        },
    )


def _stepper(graph: Graph, name: str, batch: int):  # type: ignore[no-untyped-def]
    node = graph.nodes[name]
    if isinstance(node, ContinuousNeuron):
        if graph.dialect is None:
            raise InputError(
                f"graph {graph.name!r}",
                got="an imported graph without a dialect",
                expected="a dialect: dt, integrator, reset",
                remedy="load it with axonc.toolchain.frontend.load_graph",
            )
        return ContinuousStepper(node, graph.dialect, batch)
    if isinstance(node, Neuron):
        return NeuronStepper(node, batch)
    if isinstance(node, IntegerNeuron):
        return IntegerNeuronStepper(node, batch)
    if isinstance(node, Delay):
        dialect = graph.dialect if graph.stage is Stage.IMPORTED else None
        steps = node.delay if dialect is None else node.in_steps(dialect.dt)
        return DelayStepper(name, steps, graph.shapes[name], batch)
    return linear_step(node)


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
    return array.astype(np.int64)
