"""Bits that a network needs, before any chip rounds them up."""

from __future__ import annotations

from ..ir import Affine, Conv, Graph, IntegerAffine, IntegerConv, IntegerNeuron, Neuron
from .breakdown import Breakdown

_FLOAT_BITS = 32


def integer_memory(graph: Graph) -> Breakdown:
    """Return the bits of an integer graph, by node and purpose.

    `NODE synapses`: stored weights times the bits of their type (a convolution stores its kernel
    once). `NODE membranes`: width times neurons, currents included. `NODE parameters`: threshold
    and bias, as many as differ (one a channel for a convolution), each of the membrane's width;
    a bias that is 0 everywhere is not stored.
    """
    parts: dict[str, int] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, (IntegerAffine, IntegerConv)):
            parts[f"{name} synapses"] = node.weight.size * node.weight_type.bits
        elif isinstance(node, IntegerNeuron):
            neurons = _size(node.shape)
            states = node.membrane.bits + (node.current.bits if node.current else 0)
            parts[f"{name} membranes"] = neurons * states
            stored = node.threshold.size + (node.bias.size if node.bias.any() else 0)
            parts[f"{name} parameters"] = stored * node.membrane.bits
    return Breakdown(parts)


def float_memory(graph: Graph) -> Breakdown:
    """Return the bits of the same network with every weight, state and parameter in float32."""
    parts: dict[str, int] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, (Affine, Conv)):
            biases = 0 if node.bias is None else node.bias.size
            parts[f"{name} synapses"] = node.weight.size * _FLOAT_BITS
            if biases:
                parts[f"{name} parameters"] = biases * _FLOAT_BITS
        elif isinstance(node, Neuron):
            states = 1 if node.current_decay is None else 2
            parts[f"{name} membranes"] = _size(node.shape) * states * _FLOAT_BITS
            stored = 1 if node.threshold is None else node.threshold.size
            parts[f"{name} parameters"] = stored * _FLOAT_BITS
    return Breakdown(parts)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for axis in shape:
        size *= axis
    return size
