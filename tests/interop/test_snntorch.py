"""snnTorch 1.0: Leaky, Synaptic and RLeaky, in each of its resets.

Its default subtracting reset takes the threshold off in the step after (`reset_delay=True`), with
`reset_delay=False` it does so at once, but not twice in a row: two dialects of their own. NIR
cannot tell them from a hard reset to 0, so that the reset is always to be asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import nir
import numpy as np
import pytest

torch = pytest.importorskip("torch")
nn = torch.nn
pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own deprecations


@pytest.fixture
def snn(peer: Callable[[str], ModuleType]) -> ModuleType:
    return peer("snntorch")


@pytest.fixture
def exported(peer: Callable[[str], ModuleType]) -> Callable[..., tuple[Any, np.ndarray]]:
    """Run a network step by step, export it; return (graph, its spikes)."""
    export = peer("snntorch.export_nir").export_to_nir
    reset = peer("snntorch.utils").reset

    def run(net: Any, inputs: Any) -> tuple[Any, np.ndarray]:
        reset(net)
        with torch.no_grad():
            sent = [out[0] if isinstance(out := net(x), tuple) else out for x in inputs]
        reset(net)
        graph = export(net, inputs[0], ignore_dims=[0])  # dimension 0 is the batch
        return graph, np.stack([z.numpy() for z in sent])

    return run


def network(snn: ModuleType, cell: str, reset: str, delay: bool) -> Any:
    torch.manual_seed(4)
    options = dict(init_hidden=True, reset_mechanism=reset, reset_delay=delay)

    def population(n: int, **more: Any) -> Any:
        threshold = torch.full((n,), 0.5)
        if cell == "Synaptic":
            alpha, beta = torch.full((n,), 0.6), torch.linspace(0.7, 0.9, n)
            return snn.Synaptic(alpha=alpha, beta=beta, threshold=threshold, **options, **more)
        if cell == "RLeaky" and not more:
            return snn.RLeaky(beta=0.9, linear_features=n, threshold=0.5, **options)
        if cell == "RSynaptic" and not more:
            return snn.RSynaptic(alpha=0.6, beta=0.9, linear_features=n, threshold=0.5, **options)
        beta = torch.linspace(0.7, 0.9, n)
        return snn.Leaky(beta=beta, threshold=threshold, **options, **more)

    net = nn.Sequential(
        nn.Linear(8, 12), population(12), nn.Linear(12, 6), population(6, output=True)
    )
    nn.init.uniform_(net[0].weight, -0.3, 0.5)  # so that both layers fire
    nn.init.uniform_(net[2].weight, -0.3, 0.5)
    return net


@pytest.mark.parametrize("cell", ["Leaky", "Synaptic", "RLeaky", "RSynaptic"])
@pytest.mark.parametrize(
    ("mechanism", "delay", "reset"),
    [
        ("subtract", True, "subtract-next"),
        ("subtract", False, "subtract-held"),
        ("zero", False, "hard"),
    ],
)
def test_spikes_are_equal_under_the_reset_of_its_own(
    cell: str,
    mechanism: str,
    delay: bool,
    reset: str,
    snn: Any,
    exported: Any,
    ours: Any,
    spikes: Any,
) -> None:
    if cell == "RSynaptic" and not delay:
        pytest.skip("snnTorch's own RSynaptic fails with reset_delay=False")
    inputs = spikes(60, 4, 8)
    graph, theirs = exported(network(snn, cell, mechanism, delay), inputs)
    assert 0.02 < theirs.mean() < 0.98
    assert np.array_equal(ours(graph, inputs, reset=reset), theirs)  # dt is recognised


def test_leaky_resets_to_zero_one_step_later_without_loss(
    snn: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    """Leaky empties the membrane before it adds the next input: a hard reset, told one step on."""
    inputs = spikes(60, 4, 8)
    graph, theirs = exported(network(snn, "Leaky", "zero", True), inputs)
    assert np.array_equal(ours(graph, inputs, reset="hard"), theirs)


@pytest.mark.parametrize("cell", ["Synaptic", "RLeaky", "RSynaptic"])
def test_delayed_zero_reset_of_other_cells_loses_a_step(
    cell: str, snn: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    """After a spike they throw away the next potential, input included: u[t] = 0 where z[t-1]."""
    inputs = spikes(60, 4, 8)
    net = network(snn, cell, "zero", True)
    net = nn.Sequential(net[0], net[1]) if cell != "Synaptic" else net  # the second one is Leaky
    graph, theirs = exported(net, inputs)
    assert theirs.any()
    assert np.array_equal(ours(graph, inputs, reset="hard-next"), theirs)
    assert np.any(ours(graph, inputs, reset="hard") != theirs)


def test_a_convolutional_network(snn: Any, exported: Any, ours: Any, spikes: Any) -> None:
    torch.manual_seed(4)

    def population(*shape: int, **more: Any) -> Any:
        return snn.Leaky(
            beta=torch.full(shape, 0.8),
            threshold=torch.full(shape, 0.3),
            init_hidden=True,
            reset_delay=False,
            **more,
        )

    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        population(4, 8, 8),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 5),
        population(5, output=True),
    )
    inputs = spikes(30, 2, 2, 8, 8)
    graph, theirs = exported(net, inputs)
    assert theirs.any()
    assert np.array_equal(ours(graph, inputs, reset="subtract-held"), theirs)


def test_scalar_parameters_stand_for_the_population(
    snn: Any, exported: Any, peer: Any, ours: Any, spikes: Any
) -> None:
    """The network most users write, beta=0.9: nir's own check refuses its graph (snnTorch #410)."""
    torch.manual_seed(4)
    leaky = snn.Leaky(beta=0.9, init_hidden=True, output=True, reset_delay=False)
    net = nn.Sequential(nn.Linear(8, 6), leaky)
    inputs = spikes(60, 4, 8)
    with pytest.raises(ValueError, match="type mismatch"):
        exported(net, inputs)
    node_of = peer("snntorch.export_nir")._extract_snntorch_module
    nodes = {
        "input": nir.Input({"input": np.array([8])}),
        "fc": node_of(net[0]),
        "lif": node_of(net[1]),
        "output": nir.Output({"output": np.array([6])}),
    }
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    peer("snntorch.utils").reset(net)
    with torch.no_grad():
        theirs = np.stack([net(x)[0].numpy() for x in inputs])
    assert theirs.any()
    assert np.array_equal(ours(graph, inputs, reset="subtract-held"), theirs)
