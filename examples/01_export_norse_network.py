"""Build and train a binary network of norse cells, export it as NIR, and prove that it is the same.

Needs the extra `train`. Run: python examples/01_export_norse_network.py [MODEL.nir]
"""

import sys
from pathlib import Path

import numpy as np
import torch

from axonc.models import SpikingNetwork, export_nir, run_network
from axonc.models.batchnorm import TemporalBatchNorm
from axonc.models.binarize import BinaryLinear
from axonc.models.layers import SpikingLayer
from axonc.models.network import Wire
from axonc.models.neurons import LIFCell, lif_parameters
from axonc.models.surrogates import Triangle
from axonc.toolchain.driver import lower, run, verdicts
from axonc.toolchain.frontend import load_graph

STEPS, CLASSES = 8, 4


def layer(inputs: int, neurons: int) -> SpikingLayer:
    """One-bit synapses, BatchNorm, then a norse cell with a surrogate gradient of our choice."""
    cell = LIFCell(lif_parameters(tau_s=2e-3, threshold=0.25), Triangle(0.5), dt=1e-3)
    return SpikingLayer(BinaryLinear(inputs, neurons), norm=TemporalBatchNorm(neurons), cell=cell)


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "norse_network.nir")
    torch.manual_seed(0)
    network = SpikingNetwork(
        {"hidden": (Wire("input"), layer(64, 48)), "readout": (Wire("hidden"), layer(48, CLASSES))},
        input_shape=(64,),
        classes=CLASSES,
        steps=STEPS,
    )

    # A toy task: each class is a random pattern of spike rates.
    random = np.random.default_rng(0)
    rates = random.random((CLASSES, 64)) ** 2
    labels = random.integers(CLASSES, size=400)
    spikes = random.random((400, STEPS, 64)) < rates[labels][:, None]
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(40):
        batch = random.permutation(300)[:50]
        inputs = torch.from_numpy(spikes[batch].swapaxes(0, 1).astype(np.float32))
        loss = torch.nn.functional.cross_entropy(network(inputs), torch.from_numpy(labels[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"loss after 40 batches: {loss.item():.3f}")

    export_nir(network, path)  # BatchNorm is folded in; weights are int8, -1 and +1
    lowering = lower(load_graph(path))
    for row in verdicts(lowering):
        print(f"{row.node:18} {row.kind:8} {row.verdict:12} {row.detail}")

    unseen = spikes[300:]
    norse = run_network(network, unseen)
    ours = run(lowering, unseen, precision="int", probes=["hidden", "readout"]).run.spikes
    for name in ("hidden", "readout"):
        differing = np.count_nonzero(norse[name] != ours[name])
        print(f"{name}: {differing} of {norse[name].size} spike bins differ from norse")
    accuracy = np.mean(ours["readout"].sum(axis=1).argmax(axis=1) == labels[300:])
    print(f"integer accuracy on unseen samples: {100 * accuracy:.0f} %")
    print(f"written {path}")


if __name__ == "__main__":
    main()
