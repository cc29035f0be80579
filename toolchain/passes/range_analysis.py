"""How far a membrane potential can go: bounds that hold for every spike train."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ir import Conv, Graph, IntegerConv, Neuron, Reset, SumPool


@dataclass(frozen=True)
class InputRange:
    """Bounds of the summed input a[t] of a population, one pair a neuron (or channel)."""

    low: np.ndarray
    high: np.ndarray


def signal_bound(graph: Graph, name: str, input_count: int = 1) -> float:
    """Return the largest value that one element of what `name` sends can have (smallest: 0).

    Spikes are bits; an Input delivers at most `input_count` spikes a step; a sum pool counts up to
    its window's area; edges that join add up.
    """
    spiking, inputs = set(graph.spiking), graph.inputs
    found: dict[str, float] = {}
    waiting, opened = [name], set[str]()
    while waiting:  # sources before what they feed, without recursion: files nest without end
        here = waiting[-1]
        ends = here in spiking or here in inputs
        if here not in opened and not ends:
            opened.add(here)
            waiting += [source for source in graph.sources(here) if source not in opened]
            continue
        waiting.pop()
        if here in spiking:
            found[here] = 1.0
        elif here in inputs:
            found[here] = float(input_count)
        elif here not in found:
            node = graph.nodes[here]
            area = float(np.prod(node.kernel)) if isinstance(node, SumPool) else 1.0
            found[here] = area * sum(found.get(source, 0.0) for source in graph.sources(here))
    return found[name]


def input_range(graph: Graph, neuron: str, input_count: int = 1) -> InputRange:
    """Return the bounds of a[t] for `neuron`: all excitatory, or all inhibitory, synapses active.

    low = - bound * sum of negative weights' magnitudes, high = bound * sum of positive weights,
    summed over all connections into the neuron. For a convolution the whole kernel is counted,
    also at the border.
    """
    node = graph.nodes[neuron]
    rank = len(getattr(node, "shape", (1,)))
    low = high = np.zeros((1,) * rank)
    for source in graph.sources(neuron):
        connection = graph.nodes[source]
        weight = getattr(connection, "weight", None)
        bound = (
            sum(signal_bound(graph, s, input_count) for s in graph.sources(source))
            if weight is not None
            else signal_bound(graph, source, input_count)
        )
        if weight is None:
            high = high + bound
            continue
        rows = weight.reshape(len(weight), -1).astype(np.float64)
        axes = (-1, *(1,) * (rank - 1)) if isinstance(connection, (Conv, IntegerConv)) else (-1,)
        high = high + bound * np.where(rows > 0, rows, 0).sum(axis=1).reshape(axes)
        low = low + bound * np.where(rows < 0, rows, 0).sum(axis=1).reshape(axes)
    return InputRange(low, high)


def membrane_range(
    node: Neuron, arriving: InputRange, horizon_steps: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return (lowest u, highest u, whether they hold for ever) for a spiking neuron.

    A leaking membrane forgets: u >= (low + leak) / (1 - decay). Without leak (decay 1) the
    potential can fall without end, so the bound is the one after `horizon_steps` steps and holds
    that long only. Upwards a spike resets, so u <= decay * threshold + high + leak, and what a
    subtracting reset leaves behind is bounded by the same limit as from below.
    """
    settle = np.minimum(1 / np.maximum(1 - node.decay, 1e-12), horizon_steps)
    current = 1.0
    if node.current_decay is not None and node.current_gain is not None:
        current_settle = np.minimum(1 / np.maximum(1 - node.current_decay, 1e-12), horizon_steps)
        current = node.current_gain * current_settle
    low = node.gain * current * arriving.low + np.minimum(node.leak, 0)
    high = node.gain * current * arriving.high + np.maximum(node.leak, 0)
    reset = np.zeros(1) if node.v_reset is None else node.v_reset
    lowest = np.minimum(low * settle, node.decay * np.minimum(reset, 0) + low)
    if node.threshold is None:
        return lowest, high * settle, bool(np.all(node.decay < 1))
    before = np.maximum(node.threshold, reset)
    highest = node.decay * before + high
    if node.reset is not Reset.HARD:
        highest = np.maximum(highest, high * settle)
    holds = bool(np.all(node.decay < 1) or (np.all(low >= 0) and node.reset is Reset.HARD))
    return lowest, highest, holds
