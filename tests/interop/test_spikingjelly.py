"""spikingjelly 2.0: LIF, PLIF, IF and CUBA-LIF nodes with hard reset, the only one it exports.

Two differences are named by the tests: it spikes at v >= threshold where NIR says v > threshold,
which matters where potentials meet their threshold exactly (`fires_at_threshold` reads it so), and
its potentials start at v_reset.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
nn = torch.nn
pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own deprecations

PACKAGE = "spikingjelly.activation_based"
DT = 1e-4


@pytest.fixture
def neuron(peer: Callable[[str], ModuleType]) -> ModuleType:
    return peer(f"{PACKAGE}.neuron")


@pytest.fixture
def exported(peer: Callable[[str], ModuleType]) -> Callable[..., tuple[Any, np.ndarray]]:
    """Run a network step by step, export it; return (graph, its spikes)."""
    export = peer(f"{PACKAGE}.nir_exchange.to_nir").export_to_nir
    functional = peer(f"{PACKAGE}.functional")

    def run(net: Any, inputs: Any, dt: float = DT) -> tuple[Any, np.ndarray]:
        net.eval()
        with torch.no_grad():
            sent = np.stack([net(x).numpy() for x in inputs])
        functional.reset_net(net)
        return export(net, inputs[0], dt=dt), sent

    return run


def dense(neurons: Callable[[], Any], least: float = -0.5) -> Any:
    torch.manual_seed(4)
    net = nn.Sequential(nn.Linear(8, 12), neurons(), nn.Linear(12, 6, bias=False), neurons())
    nn.init.uniform_(net[0].weight, least, 1.5)  # so that both layers fire, and not always
    nn.init.uniform_(net[2].weight, least, 1.5)
    return net


@pytest.mark.parametrize(
    "make",
    [
        lambda neuron: neuron.LIFNode(tau=2.0, decay_input=True),
        lambda neuron: neuron.LIFNode(tau=5.0, decay_input=False),
        lambda neuron: neuron.ParametricLIFNode(init_tau=3.0),
        lambda neuron: neuron.ParametricLIFNode(init_tau=3.0, decay_input=False),
        lambda neuron: neuron.CUBALIFNode(c_decay=0.5, v_decay=0.8),
        lambda neuron: neuron.IFNode(),
    ],
    ids=["LIF", "LIF-whole-input", "PLIF", "PLIF-whole-input", "CUBA", "IF"],
)
def test_spikes_are_equal(
    make: Callable[[Any], Any], neuron: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    """dt and the convention of IF (r = 1/dt) are recognised, or are the default."""
    inputs = spikes(60, 4, 8)
    least = -1.5 if isinstance(make(neuron), neuron.CUBALIFNode) else -0.5
    graph, theirs = exported(dense(lambda: make(neuron), least), inputs)
    assert 0.02 < theirs.mean() < 0.98
    assert np.array_equal(ours(graph, inputs), theirs)


def test_another_time_step_is_recognised_or_told(
    neuron: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    inputs = spikes(60, 4, 8)
    told = lambda: neuron.LIFNode(tau=2.0, decay_input=True)  # noqa: E731  r = 1 hides dt
    graph, theirs = exported(dense(told), inputs, dt=1e-3)
    assert np.array_equal(ours(graph, inputs, dt=1e-3), theirs)
    graph, theirs = exported(dense(neuron.IFNode), inputs, dt=1e-3)
    assert np.array_equal(ours(graph, inputs), theirs)


def test_a_convolutional_network(neuron: Any, exported: Any, ours: Any, spikes: Any) -> None:
    torch.manual_seed(4)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, stride=1, bias=False),
        neuron.LIFNode(tau=2.0),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 5),
        neuron.LIFNode(tau=2.0),
    )
    with torch.no_grad():
        net[0].weight.mul_(5)
        net[4].weight.mul_(5)
    inputs = spikes(30, 2, 2, 8, 8)
    graph, theirs = exported(net, inputs)
    assert theirs.any()
    assert np.array_equal(ours(graph, inputs), theirs)


def test_soft_reset_is_refused_by_its_exporter(neuron: Any, exported: Any, spikes: Any) -> None:
    with pytest.raises(NotImplementedError, match="soft reset"):
        exported(dense(lambda: neuron.LIFNode(v_reset=None)), spikes(5, 2, 8))


def test_potentials_start_at_v_reset_there_and_at_zero_here(
    neuron: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    """NIR has no initial state. Shifted by v_reset, the graph is the network from the first step.

    LIFNode also leaks towards v_reset, so that all its potentials can be told relative to it.
    """
    inputs = spikes(60, 4, 8)
    make = lambda: neuron.LIFNode(tau=8.0, v_reset=-0.4, v_threshold=0.5)  # noqa: E731
    graph, theirs = exported(dense(make), inputs)
    assert np.any(ours(graph, inputs) != theirs)
    for node in graph.nodes.values():
        if type(node).__name__ == "LIF":
            node.v_threshold = node.v_threshold - node.v_reset
            node.v_leak = node.v_leak - node.v_reset
            node.v_reset = node.v_reset - node.v_reset
    assert np.array_equal(ours(graph, inputs), theirs)


def test_it_spikes_at_the_threshold_where_nir_spikes_above(
    neuron: Any, exported: Any, ours: Any
) -> None:
    """Weight 1, threshold 1: spikingjelly answers each spike, NIR's v > 1 every second."""
    net = nn.Sequential(nn.Linear(1, 1, bias=False), neuron.IFNode(v_threshold=1.0))
    nn.init.ones_(net[0].weight)
    inputs = torch.ones(6, 1, 1)
    graph, theirs = exported(net, inputs)
    assert theirs.ravel().tolist() == [1, 1, 1, 1, 1, 1]
    assert ours(graph, inputs).ravel().tolist() == [0, 1, 0, 1, 0, 1]
    assert np.array_equal(ours(graph, inputs, fires_at_threshold=True), theirs)


def test_whole_weights_meet_the_threshold_often(
    neuron: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    torch.manual_seed(4)
    net = nn.Sequential(
        nn.Linear(8, 12, bias=False),
        neuron.IFNode(v_threshold=3.0),
        nn.Linear(12, 6, bias=False),
        neuron.IFNode(v_threshold=2.0),
    )
    with torch.no_grad():
        for layer in (net[0], net[2]):
            layer.weight.copy_(torch.randint(-1, 3, layer.weight.shape))
    inputs = spikes(60, 4, 8)
    graph, theirs = exported(net, inputs)
    assert np.any(ours(graph, inputs) != theirs)
    assert np.array_equal(ours(graph, inputs, fires_at_threshold=True), theirs)
