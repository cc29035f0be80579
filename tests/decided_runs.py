"""Runs of real graphs that float64 rounding cannot have decided."""

from __future__ import annotations

import numpy as np

from axonc.toolchain.ir import Graph, Neuron
from axonc.toolchain.reference import Recording, execute


def recorded(graph: Graph, spikes: np.ndarray) -> Recording:
    return execute(graph, spikes, probes=[name for name in graph.spiking])


def decided(recording: Recording, graph: Graph) -> bool:
    """Whether no potential came so close to its threshold that float64 rounding could matter.

    Folding changes the order of float64 operations, each good to 1.1e-16 relative; potentials
    here stay below 1e4, so 1e-9 is far more than their sum of errors.
    """
    for name, potential in recording.potentials.items():
        node = graph.nodes[name]
        assert isinstance(node, Neuron)
        if np.any(np.abs(potential - node.threshold) < 1e-9):
            return False
    return True
