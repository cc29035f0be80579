"""Train a network of norse's own cells, export it as NIR, and prove that it stays the same.

Needs the extra `train`. Run: python examples/01_export_norse_network.py [MODEL.nir]
"""

import sys
from pathlib import Path

import norse.torch as norse
import numpy as np
import torch
from torch import nn

from axonc.models import export_norse
from axonc.models.nn.binarize import BinaryLinear
from axonc.toolchain.driver import lower, run, verdicts
from axonc.toolchain.frontend import load_graph

STEPS, CLASSES, DT_S = 8, 4, 1e-3


def neurons() -> norse.LIFBoxCell:
    """Leaky neurons with a time constant of two steps."""
    p = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(500.0), v_th=torch.tensor(0.25))
    return norse.LIFBoxCell(p, dt=DT_S)


def spike_counts(network: nn.Module, spikes: torch.Tensor) -> torch.Tensor:
    """Run (time, batch, inputs) through the network, step by step."""
    state, counts = None, 0.0
    for now in spikes:
        fired, state = network(now, state)
        counts = counts + fired
    return counts


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "norse_network.nir")
    torch.manual_seed(0)
    network = norse.SequentialState(
        BinaryLinear(64, 48),  # synapses of one bit; nn.Linear works as well
        nn.BatchNorm1d(48),
        neurons(),
        BinaryLinear(48, CLASSES),
        nn.BatchNorm1d(CLASSES),
        neurons(),
    )

    # A toy task: each class is a random pattern of spike rates.
    random = np.random.default_rng(0)
    rates = random.random((CLASSES, 64)) ** 2
    labels = random.integers(CLASSES, size=400)
    spikes = random.random((400, STEPS, 64)) < rates[labels][:, None]
    inputs = torch.from_numpy(spikes.swapaxes(0, 1).astype(np.float32))  # norse: time first
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        batch = random.permutation(300)[:50]
        scores = spike_counts(network, inputs[:, batch])
        loss = nn.functional.cross_entropy(scores, torch.from_numpy(labels[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    # BatchNorm is folded in; a graph that computes something else than the module is not written.
    proof = export_norse(network.eval(), path, inputs[:, :300])
    for name, compared in proof.compared.items():
        print(f"{name}: {proof.differing[name]} of {compared} spike bins differ from norse")

    lowering = lower(load_graph(path))
    for row in verdicts(lowering):
        print(f"{row.node:8} {row.kind:7} {row.verdict:12} {row.detail}")
    unseen, expected = spikes[300:], labels[300:]
    integers = run(lowering, unseen, precision="int").run.spikes["output"]
    with torch.no_grad():
        in_norse = spike_counts(network, inputs[:, 300:]).argmax(dim=1).numpy()
    in_integers = integers.sum(axis=1).argmax(axis=1)
    print(f"accuracy on unseen samples: norse {np.mean(in_norse == expected):.2f}, ", end="")
    print(f"integers {np.mean(in_integers == expected):.2f}")
    print(f"written {path}")


if __name__ == "__main__":
    main()
