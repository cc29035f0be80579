"""A small interpreter of NIR graphs: what the exporter's proof is run against.

Forward Euler from rest (every state 0), synapse first, then membrane, strict threshold, hard reset,
in float64:

    i[t] = i[t-1] + dt/tau_syn * (w_in * x[t] - i[t-1])                   CubaLI, CubaLIF
    u[t] = v[t-1] + dt/tau * (v_leak - v[t-1] + r * i[t])                 i[t] = x[t] for LI, LIF
    u[t] = v[t-1] + r * x[t]                                              IF
    z[t] = u[t] > v_threshold;  v[t] = v_reset where z[t], else u[t]

Several edges into a node add up. In a loop, what leaves a neuron arrives one step later. The
interpreter shares no code with the exporter, nor with the toolchain.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

Array = NDArray[np.float64]


def interpret(graph: nir.NIRGraph, inputs: NDArray[Any], *, dt: float) -> dict[str, Array]:
    """Run a graph on inputs (time, batch, *shape); return every node's output, same layout.

    dt: in the unit of the graph's time constants (seconds).

    Raises TypeError for a node that the exporter does not write, CycleError for a loop without
    neurons.
    """
    sources: dict[str, list[str]] = {name: [] for name in graph.nodes}
    delayed: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        loops = type(graph.nodes[source]) in _NEURONS and _reaches(graph, target, source)
        (delayed if loops else sources)[target].append(source)
    order = list(TopologicalSorter(sources).static_order())
    neurons = {
        name: _Neurons(node, dt) for name, node in graph.nodes.items() if type(node) in _NEURONS
    }
    trace: dict[str, list[Array]] = {name: [] for name in order}
    for t, x in enumerate(inputs.astype(np.float64)):
        for name in order:
            node = graph.nodes[name]
            arriving: Any = sum(trace[s][t] for s in sources[name])
            if isinstance(node, nir.Input):
                arriving = x
            for source in delayed[name]:
                silence = np.zeros((len(x), *graph.nodes[source].r.shape))
                arriving = arriving + (trace[source][t - 1] if t else silence)
            step = neurons.get(name)
            trace[name].append(step(arriving) if step else _connection(node, arriving))
    return {name: np.stack(steps) for name, steps in trace.items()}


def _reaches(graph: nir.NIRGraph, start: str, end: str) -> bool:
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name == end:
            return True
        if name not in seen:
            seen.add(name)
            waiting += [target for source, target in graph.edges if source == name]
    return False


_NEURONS = (nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)


class _Neurons:
    """The state of one node; a call advances it by a step."""

    def __init__(self, node: Any, dt: float) -> None:
        self.node, self.dt = node, dt
        self.i: Any = 0.0
        self.v: Any = 0.0

    def __call__(self, x: Array) -> Array:
        node = self.node
        if isinstance(node, nir.CubaLI | nir.CubaLIF):
            self.i = self.i + self.dt / node.tau_syn * (node.w_in * x - self.i)
            x, tau = self.i, node.tau_mem
        elif not isinstance(node, nir.IF):
            tau = node.tau
        if isinstance(node, nir.IF):
            u = self.v + node.r * x
        else:
            u = self.v + self.dt / tau * (node.v_leak - self.v + node.r * x)
        if isinstance(node, nir.LI | nir.CubaLI):
            self.v = u
            return u
        fired = u > node.v_threshold
        self.v = np.where(fired, node.v_reset, u)
        return fired.astype(np.float64)


def _connection(node: Any, x: Array) -> Array:
    """Apply a node without state to x (batch, *shape)."""
    match node:
        case nir.Input() | nir.Output():
            return x
        case nir.Linear():
            return x @ node.weight.astype(np.float64).T
        case nir.Affine():
            return x @ node.weight.astype(np.float64).T + node.bias
        case nir.Scale():
            return x * node.scale
        case nir.Flatten():
            # NIR counts its dimensions without the batch
            return _flattened(x, node.start_dim, node.end_dim)
        case nir.Conv1d():
            return _convolved(functional.conv1d, node, x)
        case nir.Conv2d():
            return _convolved(functional.conv2d, node, x)
        case nir.AvgPool2d():
            kernel, stride, padding = (
                tuple(int(n) for n in value)
                for value in (node.kernel_size, node.stride, node.padding)
            )
            return functional.avg_pool2d(torch.from_numpy(x), kernel, stride, padding).numpy()
    raise TypeError(f"the interpreter knows no {type(node).__name__}")


def _flattened(x: Array, start: int, end: int) -> Array:
    shape = x.shape[1:]
    start, end = start % len(shape), end % len(shape)
    merged = int(np.prod(shape[start : end + 1]))
    return x.reshape(len(x), *shape[:start], merged, *shape[end + 1 :])


def _convolved(convolve: Any, node: Any, x: Array) -> Array:
    weight, bias = (
        torch.from_numpy(array.astype(np.float64)) for array in (node.weight, node.bias)
    )
    padding = node.padding if isinstance(node.padding, str) else _ints(node.padding)
    return convolve(
        torch.from_numpy(x),
        weight,
        bias,
        stride=_ints(node.stride),
        padding=padding,
        dilation=_ints(node.dilation),
        groups=int(node.groups),
    ).numpy()


def _ints(value: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in np.atleast_1d(value))
