import math
from dataclasses import replace

import pytest
import torch

from axonc.models import TrainingConfig
from axonc.models.config import NetworkConfig, NeuronConfig, SurrogateConfig, SurrogateKind
from axonc.models.methods.agmm import GateConfig
from axonc.models.methods.mpd_agl import MembraneRectangle
from axonc.models.networks.registry import build_network
from axonc.models.nn.neurons import LIFCell, lif_parameters, over_time

CONFIG = TrainingConfig(
    network=NetworkConfig(hidden=(6,)),
    neuron=NeuronConfig(tau_s=1.25e-3, threshold=0.5, tdbn=True),  # k = 0.8, decay = 0.2
    surrogate=SurrogateConfig(kind=SurrogateKind.MPD_AGL),
    gate=GateConfig(enabled=False),
)


def widths(config: TrainingConfig) -> torch.Tensor:
    network = build_network(config, (20,), 3)
    with torch.no_grad():
        network.layer("hidden1").norm.weight.copy_(torch.arange(6.0) / 5)  # mean 0.5
    network(torch.ones(config.encoder.steps, 4, 20))
    cell = network.layer("hidden1").cell
    assert cell is not None
    surrogate = cell.surrogate
    assert isinstance(surrogate, MembraneRectangle)
    return surrogate.widths


def test_widths_follow_theorem_2() -> None:
    sigma = 0.5 * 0.5 / 0.8  # mean gain times the threshold of a neuron without the factor k
    found = widths(CONFIG)
    assert found[0].item() == pytest.approx(2 * 0.8 * sigma)
    assert found[1:].tolist() == pytest.approx([2 * 0.8 * math.sqrt(1 + 0.2**2) * sigma] * 7)


def test_a_gate_multiplies_the_width() -> None:
    gated = widths(replace(CONFIG, gate=GateConfig(momentum=0.0)))
    factor = torch.sigmoid(torch.tensor(2.0)) * 0.5  # alpha = sigmoid(2), E(X) still 0
    torch.testing.assert_close(gated, widths(CONFIG) * factor)


def test_the_derived_width_is_the_spread_of_the_potential_without_spikes() -> None:
    torch.manual_seed(0)
    surrogate = MembraneRectangle(2)
    surrogate.adapt(torch.tensor([0.7]), k=0.5, decay=0.5)
    x = 0.7 * torch.randn(2, 200_000)
    first = 0.5 * x[0]
    second = 0.5 * first + 0.5 * x[1]
    # The deviation of 200,000 normal numbers is known to 0.16 %, one standard error.
    for step, potential in enumerate((first, second)):
        assert surrogate.widths[step].item() / 2 == pytest.approx(potential.std().item(), rel=0.01)


def test_each_step_has_its_own_window() -> None:
    surrogate = MembraneRectangle(2)
    surrogate.widths.copy_(torch.tensor([0.5, 2.0]))
    x = torch.full((2, 1), 0.6, requires_grad=True)
    spikes = torch.stack([surrogate(x[t], t) for t in range(2)])
    (gradient,) = torch.autograd.grad(spikes.sum(), x)
    assert gradient.flatten().tolist() == [0, 0.5]


def test_measured_widths_are_two_deviations_of_the_potential() -> None:
    surrogate = MembraneRectangle(3, measured=True)
    cell = LIFCell(lif_parameters(2e-3, 10.0), surrogate)
    currents = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    over_time(cell, currents)
    v, expected = torch.zeros(50), []
    for current in currents:
        v = v + 0.5 * (current - v)
        expected.append(2 * v.std(correction=0))
    torch.testing.assert_close(surrogate.widths, torch.stack(expected))
