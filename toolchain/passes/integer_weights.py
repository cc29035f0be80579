"""Real weights become integers times one scale a row: recovered exactly, or quantised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..ir import BIPOLAR, TERNARY, Affine, Conv, Graph, Neuron, Scale, Stage, narrowest_type
from .base import Pass
from .findings import Findings
from .options import number
from .sink_scales import insert_after, sunk

_BITS_OF_REAL_WEIGHTS = 8


@dataclass(frozen=True)
class IntegerWeights(Pass):
    """Split the weights of every connection into integers and a positive scale per output row.

    Weights whose rows hold only 0 and +-alpha are recovered as signs, exactly: alpha must be the
    same number in every entry of a row, to the last bit. So are rows of small multiples of their
    smallest entry, and integers. Everything else is rounded to `bits` bits, symmetric:

        top = 2^(bits-1) - 1,   step = max|row| / top,   q = clip(round(w / step), -top, top)

    with round half to even; with 1 bit, q = sign(w), so that an absent synapse (0) stays absent,
    and step = the mean of |w| over the synapses of the row that are there.
    Weights that are stored as integers keep their values where they fit `bits` bits; without
    `bits`, where they fit 16.
    Connections that feed the same neuron share the step of each row. Of connections in a row, the
    first is split first; its scale goes into the weights of the next.
    """

    name: ClassVar[str] = "integer-weights"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.DISCRETE

    bits: int | None = number(
        None, "bits of a weight (none: 8 for real numbers, integers as they are)", least=1, most=16
    )

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        for group in _connections_by_neuron(graph):
            weights = {name: _weight_of(graph, name) for name in group}
            scales, integers, exact = self._integers(list(weights.values()))
            for name, integer in zip(weights, integers, strict=True):
                node = graph.nodes[name]
                assert isinstance(node, (Affine, Conv))
                self._report(name, node.weight, integer, scales, exact, findings)
                rows = scales.reshape(-1, *(1,) * (len(graph.shapes[name]) - 1))
                bias = None if node.bias is None else node.bias / scales
                graph = graph.with_nodes({name: replace(node, weight=integer, bias=bias)})
                if len(group) == 1 and np.any(scales != 1):
                    step = graph.fresh(f"{name}.step")
                    graph = sunk(insert_after(graph, name, step, Scale(rows)), step)
            if len(group) > 1:
                graph = _scale_neuron(graph, next(iter(group)), scales)
        return graph

    def _integers(self, weights: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray], bool]:
        """Return (scale per row, integer weights, whether scale * integers is exact)."""
        rows = np.concatenate([w.reshape(len(w), -1) for w in weights], axis=1)
        if all(w.dtype.kind in "ib" and _fits(w, self.bits or 16) for w in weights):
            return np.ones(len(rows)), [w.astype(np.int16) for w in weights], True
        magnitude = np.abs(rows.astype(np.float64))
        bits = self.bits or _BITS_OF_REAL_WEIGHTS
        top = max((1 << bits - 1) - 1, 1)
        smallest = np.where(magnitude > 0, magnitude, np.inf).min(axis=1)
        smallest[np.isinf(smallest)] = 1.0  # a row without any synapse
        largest = np.maximum(magnitude.max(axis=1), smallest)
        for scales in (smallest, np.ones(len(rows)), largest / top):
            steps = [scales.reshape(-1, *(1,) * (w.ndim - 1)) for w in weights]
            rounded = [np.round(w / s) for w, s in zip(weights, steps, strict=True)]
            exact = all(
                np.abs(r).max() <= top and np.array_equal(r * s, w.astype(np.float64))
                for r, s, w in zip(rounded, steps, weights, strict=True)
            )
            if exact:
                break
        if bits == 1 and not exact:
            rounded = [np.sign(w) for w in weights]
            present = np.maximum(np.count_nonzero(magnitude, axis=1), 1)
            scales = np.where(magnitude.any(axis=1), magnitude.sum(axis=1) / present, 1.0)
        return scales, [np.clip(r, -top, top).astype(np.int16) for r in rounded], exact

    def _report(
        self,
        name: str,
        weight: np.ndarray,
        integer: np.ndarray,
        scales: np.ndarray,
        exact: bool,
        findings: Findings,
    ) -> None:
        kind = narrowest_type(integer)
        if exact:
            what = {BIPOLAR: "1 sign bit a synapse", TERNARY: "sign and presence bit a synapse"}
            findings.exact(name, f"{kind}: {what.get(kind, f'{kind.bits} bits a synapse')}")
            return
        error = np.abs(weight - integer * scales.reshape(-1, *(1,) * (weight.ndim - 1)))
        relative = float(error.max() / max(np.abs(weight).max(), 1e-300))
        findings.approximate(
            name,
            f"weights rounded to {self.bits or _BITS_OF_REAL_WEIGHTS} bits, "
            f"largest error {100 * relative:.2g} % of the largest weight",
        )


def _fits(weight: np.ndarray, bits: int) -> bool:
    """Whether integers fit a signed number of `bits` bits; 1 bit also holds -1, 0 and 1."""
    half = 1 << bits - 1
    return bool(weight.max(initial=0) < max(half, 2) and weight.min(initial=0) >= -half)


def _weight_of(graph: Graph, name: str) -> np.ndarray:
    node = graph.nodes[name]
    assert isinstance(node, (Affine, Conv))
    return node.weight


def _connections_by_neuron(graph: Graph) -> list[list[str]]:
    """Group connections that feed one neuron directly; each other connection is a group alone.

    A group comes after those that feed its connections.
    """
    grouped: dict[tuple[str, bool], list[str]] = {}  # (neuron or connection, whether shared)
    for name in graph.order:
        if isinstance(graph.nodes[name], (Affine, Conv)):
            targets = graph.targets(name)
            shared = len(targets) == 1 and isinstance(graph.nodes[targets[0]], Neuron)
            grouped.setdefault((targets[0] if shared else name, shared), []).append(name)
    position = {name: at for at, name in enumerate(graph.order)}
    return sorted(grouped.values(), key=lambda group: position[group[-1]])


def _scale_neuron(graph: Graph, connection: str, scales: np.ndarray) -> Graph:
    target = graph.targets(connection)[0]
    neuron = graph.nodes[target]
    assert isinstance(neuron, Neuron)
    rows = scales.reshape(-1, *(1,) * (len(neuron.shape) - 1))
    if neuron.current_gain is not None:
        return graph.with_nodes({target: replace(neuron, current_gain=neuron.current_gain * rows)})
    return graph.with_nodes({target: replace(neuron, gain=neuron.gain * rows)})
