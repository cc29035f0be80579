"""Bits that a network needs, before any chip rounds them up."""

from __future__ import annotations

from math import prod

from ..ir import Affine, Conv, Graph, IntegerAffine, IntegerConv, IntegerNeuron, Neuron
from .breakdown import Breakdown
from .memories import Memory, Stored

_FLOAT_BITS = 32


def integer_memory(graph: Graph) -> Breakdown[Stored]:
    """Return the bits of an integer graph, by node and memory.

    Synapses: stored weights times the bits of their type (a convolution stores its kernel
    once). Membranes: width times neurons, currents included. Parameters: threshold
    and bias, as many as differ (one a channel for a convolution), each of the membrane's width;
    a bias that is 0 everywhere is not stored.
    """
    parts: dict[Stored, int] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, (IntegerAffine, IntegerConv)):
            parts[Stored(name, Memory.SYNAPSES)] = node.weight.size * node.weight_type.bits
        elif isinstance(node, IntegerNeuron):
            neurons = prod(node.shape)
            states = node.membrane.bits + (node.current.bits if node.current else 0)
            parts[Stored(name, Memory.MEMBRANES)] = neurons * states
            stored = node.threshold.size + (node.bias.size if node.bias.any() else 0)
            parts[Stored(name, Memory.PARAMETERS)] = stored * node.membrane.bits
    return Breakdown(parts)


def float_memory(graph: Graph) -> Breakdown[Stored]:
    """Return the bits of the same network with every weight, state and parameter in float32."""
    parts: dict[Stored, int] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, (Affine, Conv)):
            biases = 0 if node.bias is None else node.bias.size
            parts[Stored(name, Memory.SYNAPSES)] = node.weight.size * _FLOAT_BITS
            if biases:
                parts[Stored(name, Memory.PARAMETERS)] = biases * _FLOAT_BITS
        elif isinstance(node, Neuron):
            states = 1 if node.current_decay is None else 2
            parts[Stored(name, Memory.MEMBRANES)] = prod(node.shape) * states * _FLOAT_BITS
            stored = 1 if node.threshold is None else node.threshold.size
            parts[Stored(name, Memory.PARAMETERS)] = stored * _FLOAT_BITS
    return Breakdown(parts)
