"""sinabs 2.0: LIF, IAF and ExpLeak layers, which step exponentially, tau counted in steps (dt = 1).

Its files cannot say four things that change the spikes: how the input is scaled (`norm_input`), the
reset (`reset_fn`), more than one spike a step (`MultiSpike`, the default), and a lower bound of the
potential (`min_v_mem`). The first two are dialects to be asked for; the last two the tests name.
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

BATCH = 4


@pytest.fixture
def layers(peer: Callable[[str], ModuleType]) -> ModuleType:
    return peer("sinabs.layers")


@pytest.fixture
def activation(peer: Callable[[str], ModuleType]) -> ModuleType:
    return peer("sinabs.activation")


@pytest.fixture
def exported(peer: Callable[[str], ModuleType]) -> Callable[..., tuple[Any, np.ndarray]]:
    """Run a network on (time, batch, *shape) and export it; return (graph, what it sends)."""
    export = peer("sinabs.nir").to_nir

    def run(net: Any, inputs: Any) -> tuple[Any, np.ndarray]:
        rows = inputs.transpose(0, 1).flatten(0, 1)  # sinabs: batch outermost
        with torch.no_grad():
            sent = net(rows).unflatten(0, (BATCH, len(inputs))).numpy()
        return export(net, rows), np.swapaxes(sent, 0, 1)

    return run


def dense(neurons: Callable[[], Any]) -> Any:
    torch.manual_seed(4)
    net = nn.Sequential(nn.Linear(8, 12), neurons(), nn.Linear(12, 6, bias=False), neurons())
    nn.init.uniform_(net[0].weight, -0.3, 0.5)  # so that both layers fire
    nn.init.uniform_(net[2].weight, -0.3, 0.5)
    return net


def resetting(activation: Any, reset: str) -> Any:
    return activation.MembraneSubtract() if reset == "subtract" else activation.MembraneReset()


@pytest.mark.parametrize("reset", ["subtract", "hard"])
@pytest.mark.parametrize(
    ("normed", "integrator"), [(True, "exponential"), (False, "exponential-jump")]
)
def test_lif_spikes_are_equal(
    normed: bool,
    integrator: str,
    reset: str,
    layers: Any,
    activation: Any,
    exported: Any,
    ours: Any,
    spikes: Any,
) -> None:
    """norm_input=True weighs the input by 1 - exp(-1/tau); False adds it whole. r is 1 in both."""

    def neurons() -> Any:
        return layers.LIFSqueeze(
            tau_mem=6.0,
            batch_size=BATCH,
            spike_threshold=0.2 if normed else 0.8,
            norm_input=normed,
            spike_fn=activation.SingleSpike,
            reset_fn=resetting(activation, reset),
        )

    inputs = spikes(60, BATCH, 8)
    graph, theirs = exported(dense(neurons), inputs)
    assert 0.02 < theirs.mean() < 0.98
    found = ours(graph, inputs, dt=1, integrator=integrator, reset=reset)
    assert np.array_equal(found, theirs)


@pytest.mark.parametrize("reset", ["subtract", "hard"])
def test_iaf_spikes_are_equal(
    reset: str, layers: Any, activation: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    def neurons() -> Any:
        return layers.IAFSqueeze(
            batch_size=BATCH, spike_fn=activation.SingleSpike, reset_fn=resetting(activation, reset)
        )

    inputs = spikes(60, BATCH, 8)
    graph, theirs = exported(dense(neurons), inputs)
    assert 0.02 < theirs.mean() < 0.98
    assert np.array_equal(ours(graph, inputs, reset=reset), theirs)


@pytest.mark.parametrize("reset", ["subtract", "hard"])
def test_whole_weights_meet_the_threshold_often(
    reset: str, layers: Any, activation: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    """sinabs fires at v >= threshold: with whole weights in most steps that is not above it."""
    net = nn.Sequential(
        nn.Linear(8, 12, bias=False),
        layers.IAFSqueeze(
            batch_size=BATCH,
            spike_threshold=3.0,
            spike_fn=activation.SingleSpike,
            min_v_mem=None,
            reset_fn=resetting(activation, reset),
        ),
    )
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        net[0].weight.copy_(torch.randint(-1, 2, (12, 8), generator=generator))
    inputs = spikes(60, BATCH, 8)
    graph, theirs = exported(net, inputs)
    assert theirs.any()
    assert np.array_equal(ours(graph, inputs, reset=reset, fires_at_threshold=True), theirs)
    assert np.any(ours(graph, inputs, reset=reset) != theirs)


def test_a_convolutional_network(
    layers: Any, activation: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    torch.manual_seed(4)

    def neurons() -> Any:
        return layers.IAFSqueeze(batch_size=BATCH, spike_fn=activation.SingleSpike)

    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, stride=2, bias=False),
        neurons(),
        layers.SumPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5, bias=False),
        neurons(),
    )
    inputs = spikes(30, BATCH, 2, 8, 8)
    graph, theirs = exported(net, inputs)
    assert theirs.any()
    graph.infer_types()  # nir cannot write the shapes that sinabs leaves out
    assert np.array_equal(ours(graph, inputs, reset="subtract"), theirs)


@pytest.mark.parametrize(
    ("normed", "integrator"), [(True, "exponential"), (False, "exponential-jump")]
)
def test_leaky_readouts_are_equal(
    normed: bool, integrator: str, layers: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    leak = layers.ExpLeakSqueeze(tau_mem=6.0, batch_size=BATCH, norm_input=normed)
    inputs = spikes(60, BATCH, 8)
    graph, theirs = exported(nn.Sequential(nn.Linear(8, 3), leak), inputs)
    # float32 there, float64 here: 1e-6 measured
    assert ours(graph, inputs, dt=1, integrator=integrator) == pytest.approx(theirs, abs=1e-5)


def test_several_spikes_a_step_are_one_here(
    layers: Any, activation: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    """MultiSpike sends floor(v / threshold) and subtracts as many thresholds; NIR has one spike.

    Here a neuron sends one and keeps the rest for the steps after: in all as many spikes, later.
    Train with SingleSpike, or with weights that lift no neuron by two thresholds in a step.
    """
    net = nn.Sequential(
        nn.Linear(8, 5, bias=False),
        layers.IAFSqueeze(batch_size=BATCH, spike_fn=activation.MultiSpike),
    )
    nn.init.constant_(net[0].weight, 0.7)
    inputs = spikes(60, BATCH, 8)
    inputs[10:] = 0  # time enough to send what was kept
    graph, theirs = exported(net, inputs)
    found = ours(graph, inputs, reset="subtract")
    assert theirs.max() > 1
    assert np.any(found != theirs)
    # strict here, from v = threshold there: at most the last spike stays unsent
    assert np.abs(found.sum(axis=0) - theirs.sum(axis=0)).max() <= 1


def test_what_the_exporter_leaves_out_without_a_word(
    layers: Any, activation: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    """tau_syn and min_v_mem are not written: such a file is another network, for every reader."""
    inputs = spikes(60, BATCH, 8)
    for lost in (dict(tau_syn=4.0), dict(min_v_mem=-0.05)):

        def neurons(lost: dict[str, float] = lost) -> Any:
            return layers.LIFSqueeze(
                tau_mem=6.0,
                batch_size=BATCH,
                spike_threshold=0.2,
                spike_fn=activation.SingleSpike,
                **lost,
            )

        graph, theirs = exported(dense(neurons), inputs)
        assert {type(node).__name__ for node in graph.nodes.values()} == {
            "Input",
            "Affine",
            "LIF",
            "Output",
        }
        found = ours(graph, inputs, dt=1, integrator="exponential", reset="subtract")
        assert np.any(found != theirs)
