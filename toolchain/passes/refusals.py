"""What has no integer form, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..ir import Affine, Conv, Graph, Neuron, Reset, Scale
from .findings import Findings


class Refusal(NamedTuple):
    """Why a node cannot be lowered, and what to do about it."""

    reason: str
    remedy: str


def refuse_what_has_no_integer_form(graph: Graph, findings: Findings) -> None:
    """Add to `findings` every node of a discrete graph that no integer node can stand for."""
    for name, node in graph.nodes.items():
        if isinstance(node, Neuron):
            for refusal in neuron_refusals(node):
                findings.unsupported(name, *refusal)
        elif isinstance(node, (Scale, Affine, Conv)) and _is_shared_current(graph, name):
            one, *others = graph.targets(name)
            findings.unsupported(
                name,
                f"its current goes to {one!r} and {len(others)} more, and a scale or a bias can be "
                "folded into one neuron only",
                "let the spikes of a neuron take the shortcut, through synapses of their own, and "
                'not the current before it (shortcut = "spike" in axonc\'s own residual networks)',
            )
        elif isinstance(node, Scale):
            findings.unsupported(
                name,
                "this scale could not be folded into one neuron behind it",
                "scale by channel, directly in front of a neuron",
            )
        elif isinstance(node, (Affine, Conv)):
            behind_scale = any(isinstance(graph.nodes[t], Scale) for t in graph.targets(name))
            if node.bias is not None and not behind_scale:  # else that is what is wrong
                findings.unsupported(
                    name,
                    "its bias does not reach a neuron directly",
                    "put the bias on the connection right in front of the neuron",
                )
            elif any(target in graph.outputs for target in graph.targets(name)):
                findings.unsupported(
                    name,
                    "a real-valued read-out without a neuron stays on the host",
                    "end the network with a spiking neuron, or run with --precision float",
                )


def _is_shared_current(graph: Graph, name: str) -> bool:
    """Whether a scaled or biased current goes to several nodes."""
    node = graph.nodes[name]
    adds = isinstance(node, Scale) or (isinstance(node, (Affine, Conv)) and node.bias is not None)
    return adds and len(graph.outgoing[name]) > 1


def neuron_refusals(node: Neuron) -> Iterator[Refusal]:
    """Yield every reason why a neuron has no integer form."""
    if not node.spikes:
        yield Refusal(
            "a neuron that never spikes sends real numbers",
            "give it a threshold, or run with --precision float",
        )
    if node.reset not in (Reset.HARD, Reset.SUBTRACT):
        yield Refusal(
            f"the reset {node.reset} has no integer form", "use --reset subtract or --reset hard"
        )
    if np.any(node.decay < 0) or np.any(node.decay > 1):
        yield Refusal(
            f"decay {node.decay.min():g} to {node.decay.max():g} lies outside 0 to 1",
            "choose a dt smaller than tau, or --integrator exponential",
        )
    gain = node.gain * (1.0 if node.current_gain is None else node.current_gain)
    if np.any((gain == 0) & (node.leak != 0)):
        yield Refusal(
            "a gain of 0 beside a leak that drives it",
            "set r to 1, and the weights in front of it to 0",
        )
    if node.v_start is not None and np.any(node.v_start != 0):
        yield Refusal("it starts from a potential other than 0", "start from 0")
