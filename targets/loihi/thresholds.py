"""Many thresholds in a layer, few configurations in a core: three ways, measured.

A binary network with folded normalisation has a threshold a channel, while a core of the first
Loihi holds eight. So a layer is either spread over more cores (`own`, exact), or its thresholds are
replaced by a few (`clustered`), or each neuron is scaled, which changes nothing but needs wider
weights (`scaled`): with w, bias and threshold all times k, a neuron spikes when it did before, so k
is chosen to bring k * threshold to few values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import (
    Graph,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    Node,
    Reset,
    compact,
    narrowest_type,
)
from axonc.toolchain.reference import Spikes, execute, input_arrays

from .chip import Chip
from .emulator import emulate
from .lower import lower
from .network import ALIGN_SHIFT, STATE_LIMIT

WAYS = ("own", "clustered", "scaled")
MEASURED = "measured"
MOST_MISMATCH = 0.01
"""The share of spike bins that a way may change to be chosen for its fewer cores."""
WIDEST_SUM = STATE_LIMIT >> ALIGN_SHIFT
"""Sums of weights, in the unit of the threshold, that a current takes."""


@dataclass(frozen=True)
class ThresholdChoice:
    """One way for a whole network: what it differs by and what it takes.

    graph: the integer graph to compile. mismatch: the share of spike bins of all neurons in which
    it differs on the chip from the graph that was asked for. chosen: whether it is the one with the
    fewest cores of those that change at most `MOST_MISMATCH` (the least of all, if none does).
    """

    way: str
    graph: Graph
    mismatch: float
    cores: int
    synapse_bits: int
    chosen: bool = False


def threshold_choices(graph: Graph, spikes: Spikes, chip: Chip) -> list[ThresholdChoice]:
    """Run every way that can be lowered on (batch, time, *shape) spikes; fewest cores first."""
    names = list(graph.of_type(IntegerNeuron))
    asked = execute(graph, spikes, probes=names).spikes
    inputs = {n: a.astype(np.uint8) for n, a in input_arrays(graph, spikes).items()}
    choices = []
    for way in WAYS:
        changed = with_thresholds(graph, way, chip)
        lowering = lower(changed, chip)
        if lowering.network is None or lowering.partition is None:
            continue
        got = emulate(lowering.network, inputs, names).spikes
        differing = sum(int(np.count_nonzero(asked[n] != got[n])) for n in names)
        cores = sum(map(len, lowering.partition.fragments.values()))
        choices.append(
            ThresholdChoice(
                way,
                changed,
                differing / sum(asked[n].size for n in names),
                cores,
                sum(lowering.partition.synapse_bits.values()),
            )
        )
    choices.sort(key=lambda choice: (choice.cores, choice.mismatch))
    small = [choice for choice in choices if choice.mismatch <= MOST_MISMATCH]
    best = small[:1] or sorted(choices, key=lambda choice: choice.mismatch)[:1]
    return [replace(choice, chosen=choice in best) for choice in choices]


def with_thresholds(graph: Graph, way: str, chip: Chip) -> Graph:
    """Return `graph` with the thresholds of its layers as `way` says; `own` leaves it as it is.

    Layers that hold few enough already stay as they are, and so do those that cannot be scaled:
    with a connection that others share, or thresholds below 1.

    Raises:
        InputError: there is no such way.
    """
    if way not in WAYS:
        raise InputError(
            "thresholds of target loihi",
            got=repr(way),
            expected=f"one of {', '.join((*WAYS, MEASURED))}",
            remedy="`measured`, with --calibrate, tries them all",
        )
    changed: dict[str, Node] = {}
    for name, neuron in graph.of_type(IntegerNeuron).items():
        count = chip["threshold_configurations_per_core"]
        count *= -(-int(np.prod(neuron.shape)) // chip["compartments_per_core"])
        if way == "own" or np.unique(neuron.threshold).size <= count:
            continue
        if way == "scaled":
            connections = _own_connections(graph, name)
            if connections is None or neuron.reset is not Reset.HARD or neuron.threshold.min() < 1:
                continue
            neuron, weights = _scaled(neuron, connections, chip["weight_bits_max"])
            changed |= weights
        threshold = compact(clustered(neuron.threshold, count))
        changed[name] = replace(neuron, threshold=threshold)
    return graph.with_nodes(changed)


def clustered(values: np.ndarray, count: int) -> np.ndarray:
    """Return `values` replaced by `count` integers near them (Lloyd's k-means in one dimension)."""
    flat = np.sort(values.reshape(-1)).astype(np.float64)
    if np.unique(flat).size <= count:
        return values
    centres = np.unique(np.quantile(flat, (np.arange(count) + 0.5) / count))
    for _ in range(50):
        nearest = np.abs(flat[:, None] - centres).argmin(axis=1)
        moved = np.array([flat[nearest == i].mean() for i in np.unique(nearest)])
        if moved.shape == centres.shape and np.allclose(moved, centres):
            break
        centres = moved
    nearest = np.abs(values[..., None] - centres).argmin(axis=-1)
    return np.round(centres)[nearest].astype(np.int64)


def _own_connections(graph: Graph, neuron: str) -> dict[str, IntegerAffine | IntegerConv] | None:
    """Return the connections into `neuron`, if each leads nowhere else and nothing else does."""
    found = {}
    for source in graph.sources(neuron):
        node = graph.nodes[source]
        if not isinstance(node, IntegerAffine | IntegerConv) or len(graph.outgoing[source]) > 1:
            return None
        found[source] = node
    return found


def _scaled(
    neuron: IntegerNeuron, connections: dict[str, IntegerAffine | IntegerConv], weight_bits: int
) -> tuple[IntegerNeuron, dict[str, Node]]:
    """Return the neuron and its connections with every row (or channel) times its own k.

    k is as large as signed weights of `weight_bits` bits allow for the lowest threshold, so that
    k * threshold is the same for all but for the rounding of k. Fraction bits go where the scale
    brings its own.
    """
    rows = neuron.shape[0]
    theta = np.broadcast_to(neuron.threshold, neuron.shape).reshape(rows, -1).max(axis=1)
    largest = max(int(np.abs(node.weight).max()) for node in connections.values())
    widest = (1 << weight_bits - 1) - 1
    k = np.round(widest // largest * theta.min() / theta).astype(np.int64)
    k = np.maximum(k, 1)
    weights: dict[str, Node] = {}
    reach = np.zeros(rows, np.int64)
    for name, node in connections.items():
        wide = node.weight.astype(np.int64) * k.reshape(-1, *(1,) * (node.weight.ndim - 1))
        reach += np.abs(wide).reshape(rows, -1).sum(axis=1)
        wide = wide.astype(np.int16)
        weights[name] = replace(node, weight=wide, weight_type=narrowest_type(wide))
    room = max(int(WIDEST_SUM / reach.max()).bit_length() - 2, 0)
    fraction = min(neuron.fraction_bits, room)
    by_row = k.reshape(-1, *(1,) * (len(neuron.shape) - 1))

    def rescaled(values: np.ndarray) -> np.ndarray:
        exact = values * by_row / 2.0 ** (neuron.fraction_bits - fraction)
        return compact(np.round(np.broadcast_to(exact, neuron.shape)).astype(np.int64))

    top = neuron.membrane.maximum * int(k.max())
    membrane = replace(neuron.membrane, minimum=-top - 1, maximum=top)
    current = neuron.current and replace(neuron.current, minimum=-top - 1, maximum=top)
    made = replace(
        neuron,
        threshold=rescaled(neuron.threshold),
        bias=rescaled(neuron.bias),
        membrane=membrane,
        current=current,
        fraction_bits=fraction,
    )
    return made, weights
