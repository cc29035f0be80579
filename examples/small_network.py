"""A small binary network as a NIR file, for the examples that need one: 64 inputs, 32, 10 neurons.

Binary synapses are int8 weights of -1 and +1; a Scale gives each row its real magnitude.
"""

from pathlib import Path

import nir
import numpy as np

DT_S = 1e-3


def write_small_network(path: Path, seed: int = 0) -> Path:
    """Write the network with random signs and thresholds, and return its path."""
    random = np.random.default_rng(seed)
    nodes = {"input": nir.Input({"input": np.array([64])})}
    edges, last = [], "input"
    for layer, (inputs, neurons) in {"hidden": (64, 32), "readout": (32, 10)}.items():
        chain = {
            f"{layer}_synapses": nir.Affine(
                weight=random.choice([-1, 1], (neurons, inputs)).astype(np.int8),
                bias=random.normal(0, 1, neurons),
            ),
            f"{layer}_scale": nir.Scale(random.uniform(0.2, 0.4, neurons)),
            layer: nir.LIF(
                tau=np.full(neurons, 2 * DT_S),
                r=np.ones(neurons),
                v_leak=np.zeros(neurons),
                v_threshold=np.full(neurons, 0.25),
                v_reset=np.zeros(neurons),
            ),
        }
        for name, node in chain.items():
            nodes[name] = node
            edges.append((last, name))
            last = name
    nodes["output"] = nir.Output({"output": np.array([10])})
    edges.append((last, "output"))
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=edges, metadata={"dt": DT_S}))
    return path


def random_spikes(samples: int, steps: int = 16, seed: int = 1) -> np.ndarray:
    """Return input spikes, bool (samples, steps, 64)."""
    return np.random.default_rng(seed).random((samples, steps, 64)) < 0.2
