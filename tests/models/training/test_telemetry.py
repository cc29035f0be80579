from dataclasses import replace
from pathlib import Path

import pytest
import torch

from axonc.models import TrainingConfig, model_size, plot_history, write_tensorboard
from axonc.models.config import EncoderConfig, NetworkConfig, SurrogateConfig, SurrogateKind
from axonc.models.networks.registry import build_network
from axonc.models.nn.binarize import BinaryConv2d, BinaryLinear
from axonc.models.training.probe import Probe, synaptic_operations
from axonc.models.training.telemetry import Telemetry

CONFIG = TrainingConfig(
    network=NetworkConfig(hidden=(6,)),
    encoder=EncoderConfig(steps=3),
    surrogate=SurrogateConfig(kind=SurrogateKind.RECTANGLE, width=0.5),
)


def test_flips_count_signs_between_the_ends_of_two_epochs() -> None:
    network = build_network(CONFIG, (1, 4, 5), 3)
    telemetry = Telemetry(network)
    weight = network.layer("hidden1").synapses.weight
    telemetry.observe({})
    with torch.no_grad():
        weight.fill_(0.0)  # counts as +1
    telemetry.finish_epoch()
    telemetry.observe({})
    with torch.no_grad():
        weight.view(-1)[:30] = -0.1
        weight.view(-1)[30:60] = 5.0
    figures = telemetry.finish_epoch()
    assert figures["flips/hidden1"] == 30 / 120
    assert figures["flips/output"] == 0


def test_gradient_statistics_and_rates_are_those_of_the_batches() -> None:
    torch.manual_seed(0)
    network = build_network(CONFIG, (1, 4, 5), 3)
    telemetry = Telemetry(network)
    gradients, rates = [], []
    for _ in range(3):
        record: dict[str, torch.Tensor] = {}
        network.zero_grad()
        network((torch.rand(3, 8, 20) < 0.5).float(), record).square().sum().backward()
        telemetry.observe(record)
        gradient = network.layer("hidden1").synapses.weight.grad
        assert gradient is not None
        gradients.append(gradient.clone())
        rates.append(record["hidden1"].mean().item())
    figures = telemetry.finish_epoch()
    every = torch.stack(gradients).double()
    assert figures["gradient_mean/hidden1"] == pytest.approx(every.mean().item(), rel=1e-4)
    # float32 sums of a few hundred numbers against float64.
    assert figures["gradient_variance/hidden1"] == pytest.approx(
        every.var(correction=0).item(), rel=1e-4
    )
    assert figures["firing_rate/hidden1"] == pytest.approx(sum(rates) / 3, rel=1e-5)


def test_synaptic_operations_are_counted_exactly() -> None:
    torch.manual_seed(0)
    spikes = (torch.rand(4, 3, 7, 7) < 0.3).float()
    synapses = BinaryConv2d(3, 5, 3, stride=2, padding=1)
    expected = 0
    for _, _, y, x in spikes.nonzero().tolist():  # each spike reaches the kernels that cover it
        rows = sum(0 <= y - 2 * oy + 1 < 3 for oy in range(4))
        columns = sum(0 <= x - 2 * ox + 1 < 3 for ox in range(4))
        expected += rows * columns * 5
    assert synaptic_operations(synapses, spikes) == expected
    assert synaptic_operations(BinaryLinear(7, 9), spikes) == spikes.sum() * 9


def test_probe_watches_windows_and_work() -> None:
    network = build_network(CONFIG, (1, 4, 5), 3).eval()
    spikes = (torch.rand(3, 8, 20, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    record: dict[str, torch.Tensor] = {}
    with Probe(network) as probe, torch.no_grad():
        network(spikes, record)
        network(spikes)
    figures = probe.figures()
    assert figures["synaptic_operations/hidden1"] == spikes.sum().item() * 6 / 8
    assert figures["synaptic_operations/output"] == record["hidden1"].sum().item() * 3 / 8
    assert 0 < figures["window/hidden1"] < 1
    before = dict(figures)
    network(spikes)
    assert probe.figures() == before


def test_size_counts_one_bit_a_binary_weight() -> None:
    size = model_size(build_network(CONFIG, (1, 4, 5), 3))
    assert size.binary_weights == 20 * 6 + 6 * 3
    assert size.parameters == size.binary_weights + 2 * 6 + 2 * 3 + 2  # BatchNorm, two alphas
    assert size.size_bits == size.binary_weights + 32 * 20
    float_network = replace(CONFIG, network=NetworkConfig(hidden=(6,), binary=False))
    assert model_size(build_network(float_network, (1, 4, 5), 3)).binary_weights == 0


def test_plots_and_tensorboard(tmp_path: Path) -> None:
    history = [
        {
            "epoch": epoch,
            "train_accuracy": 0.5,
            "validation_accuracy": 0.4,
            **{
                f"{kind}/hidden1": 0.1 * epoch
                for kind in (
                    "flips",
                    "firing_rate",
                    "gradient_variance",
                    "window",
                    "synaptic_operations",
                )
            },
        }
        for epoch in (1, 2)
    ]
    plot_history(history, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    write_tensorboard(history, tmp_path / "events")
    (file,) = (tmp_path / "events").iterdir()
    assert b"flips/hidden1" in file.read_bytes()
