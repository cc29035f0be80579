"""rockpool 3.1: LIFTorch, whose exporter writes another neuron than the one it ran.

    i[t] = exp(-dt/tau_syn) * (i[t-1] + x[t]);  u[t] = exp(-dt/tau_mem) * v[t-1] + i[t]

is r = tau_mem/dt and w_in = tau_syn/dt * exp(-dt/tau_syn) under the exponential-delta integrator.
The exporter writes r = tau_mem/dt * exp(-dt/tau_mem) and w_in = 1, and leaves recurrent weights
out. The tests pin that, and that the right numbers give the same spikes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own deprecations

DT = 1e-3


@pytest.fixture
def rockpool(
    peer: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Any, Any]:
    """Return rockpool's torch modules, its Sequential and its exporter.

    samna, the driver of its chips, reinstalls itself over the network when it is imported:
    rockpool is therefore left out of the extra `peers`.
    """
    monkeypatch.setitem(sys.modules, "samna", None)
    modules = peer("rockpool.nn.modules.torch", optional=True)
    sequential = peer("rockpool.nn.combinators").Sequential
    return modules, sequential, peer("rockpool.nn.modules.torch.nir").to_nir


def exported(rockpool: Any, inputs: Any, **options: Any) -> tuple[Any, np.ndarray]:
    """Export and run a layer on (time, batch, 8); return (graph, its spikes)."""
    modules, sequential, to_nir = rockpool
    torch.manual_seed(4)
    layer = modules.LIFTorch(
        shape=(6,), tau_mem=20e-3, tau_syn=10e-3, dt=DT, **{"max_spikes_per_dt": 1} | options
    )
    net = sequential(modules.LinearTorch((8, 6), has_bias=False), layer)
    batch_first = inputs.transpose(0, 1)
    with torch.no_grad():
        sent = net(batch_first)[0].numpy()
    return to_nir(net, batch_first[:1, :1]), np.swapaxes(sent, 0, 1)


def neurons(graph: Any) -> Any:
    return next(node for node in graph.nodes.values() if type(node).__name__ == "CubaLIF")


def test_spikes_are_equal_once_its_gains_are_mended(rockpool: Any, ours: Any, spikes: Any) -> None:
    """Its Input carries axes of batch and time, which are dropped."""
    inputs = spikes(60, 4, 8)
    graph, theirs = exported(rockpool, inputs, threshold=2.0)
    assert 0.02 < theirs.mean() < 0.98
    options = dict(dt=DT, integrator="exponential-delta", reset="subtract")
    assert np.any(ours(graph, inputs, **options) != theirs)  # w_in = 1 is a tenth of its input
    node = neurons(graph)
    node.r = node.tau_mem / DT
    node.w_in = node.tau_syn / DT * np.exp(-DT / node.tau_syn)
    assert np.array_equal(ours(graph, inputs, **options), theirs)


def test_recurrent_weights_are_left_out_by_its_exporter(rockpool: Any, spikes: Any) -> None:
    graph, _ = exported(rockpool, spikes(5, 2, 8), has_rec=True)
    assert sorted(type(node).__name__ for node in graph.nodes.values()) == [
        "CubaLIF",
        "Input",
        "Linear",
        "Output",
    ]


def test_it_sends_several_spikes_a_step_by_default(rockpool: Any, spikes: Any) -> None:
    _, theirs = exported(rockpool, spikes(60, 4, 8), threshold=0.5, max_spikes_per_dt=31)
    assert theirs.max() > 1
