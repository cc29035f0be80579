"""The result of an execution, and its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from ..ir import Graph
from .arrivals import Arrivals

Spikes = np.ndarray | Mapping[str, np.ndarray]
"""(batch, time, *shape) of the only Input node, or of each by name."""


@dataclass(frozen=True)
class Recording:
    """The result of running a graph on a batch of spike trains.

    outputs: per Output node, (batch, time, *shape): bool where spikes come out, numbers elsewhere.
    spikes: per probed node, what it sent, same layout.
    potentials: per probed neuron, the membrane potential u[t] before reset, same layout.
    spike_counts: per input and neuron node, spikes summed over batch and time, of the node's shape.
    overflows: per integer neuron node, how often a state was saturated or wrapped.
    arrivals: per connection, what arrived there in time to reach a neuron within the run.
    """

    samples: int
    steps: int
    outputs: Mapping[str, np.ndarray]
    spikes: Mapping[str, np.ndarray] = field(default_factory=dict)
    potentials: Mapping[str, np.ndarray] = field(default_factory=dict)
    spike_counts: Mapping[str, np.ndarray] = field(default_factory=dict)
    overflows: Mapping[str, int] = field(default_factory=dict)
    arrivals: Mapping[str, Arrivals] = field(default_factory=dict)

    @property
    def output(self) -> np.ndarray:
        """The recording of the only Output node, or of the first."""
        return next(iter(self.outputs.values()))


def input_arrays(graph: Graph, spikes: Spikes) -> dict[str, np.ndarray]:
    """Return one array (batch, time, *shape) for each Input node of `graph`.

    Raises:
        InputError: an input is missing or its shape does not fit.
    """
    if not isinstance(spikes, Mapping):
        if len(graph.inputs) > 1:
            raise InputError(
                f"input of graph {graph.name!r}",
                got="one array of spikes",
                expected=f"one for each of its Input nodes: {', '.join(graph.inputs)}",
                remedy="give a mapping of names to arrays; in a file, one key spikes/NODE for each",
            )
        spikes = {next(iter(graph.inputs)): spikes}
    if missing := set(graph.inputs) - set(spikes):
        raise InputError(
            f"input of graph {graph.name!r}",
            got=f"spikes for {sorted(spikes)}",
            expected=f"spikes for every Input node; {sorted(missing)} are missing",
            remedy="give one array per Input node",
        )
    arrays = {name: np.asarray(spikes[name]) for name in graph.inputs}
    for name, array in arrays.items():
        shape = graph.shapes[name]
        if array.ndim != len(shape) + 2 or array.shape[2:] != shape or 0 in array.shape[:2]:
            raise InputError(
                f"input spikes for node {name!r}",
                got=f"shape {array.shape}",
                expected=f"(batch, time, {', '.join(map(str, shape))})",
                remedy="reshape the spikes, or check that they belong to this network",
            )
        if array.dtype.kind not in "biuf":
            raise InputError(
                f"input spikes for node {name!r}",
                got=f"values of type {array.dtype}",
                expected="booleans, integer counts or real numbers",
                remedy="save the spikes as a bool array",
            )
    if len({array.shape[:2] for array in arrays.values()}) > 1:
        raise InputError(
            f"inputs of graph {graph.name!r}",
            got=", ".join(f"{name}: {array.shape[:2]}" for name, array in arrays.items()),
            expected="the same (batch, time) everywhere",
            remedy="cut the inputs to one length",
        )
    return arrays
