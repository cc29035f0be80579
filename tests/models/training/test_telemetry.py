from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from axonc.models import (
    SpikingNetwork,
    TrainingConfig,
    export_nir,
    model_size,
    plot_history,
    write_tensorboard,
)
from axonc.models.config import EncoderConfig, NetworkConfig, SurrogateConfig, SurrogateKind
from axonc.models.networks.layers import SpikingLayer
from axonc.models.networks.network import Wire
from axonc.models.networks.registry import build_network
from axonc.models.nn.binarize import BinaryConv2d, BinaryLinear
from axonc.models.nn.neurons import IFCell, if_parameters
from axonc.models.nn.surrogates import Triangle
from axonc.models.training.probe import Probe, spikes_behind, synaptic_operations
from axonc.models.training.telemetry import Telemetry
from axonc.toolchain.driver import lower, workload_of
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.reference import execute

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


@pytest.mark.parametrize("divisor", [None, 1])
@pytest.mark.parametrize("kernel", [2, (3, 2)])
def test_every_spike_of_an_averaged_window_is_counted(
    divisor: int | None, kernel: int | tuple[int, int]
) -> None:
    pool = nn.AvgPool2d(kernel, divisor_override=divisor)
    spikes = (torch.rand(4, 3, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    found = spikes_behind(pool, pool(spikes))
    assert found is not None and found.sum() == spikes.sum()
    assert spikes_behind(None, pool(spikes) * 0.37) is None
    assert spikes_behind(None, -spikes) is None
    assert spikes_behind(None, spikes) is not None


@pytest.mark.parametrize("real", [False, True])
def test_telemetry_counts_what_cost_counts(tmp_path: Path, real: bool) -> None:
    """Of a convolutional network with pooling, exported and lowered; pixels are multiplied."""
    torch.manual_seed(3)

    def integrate(synapses: nn.Linear | nn.Conv2d, pool: nn.Module | None = None) -> SpikingLayer:
        return SpikingLayer(synapses, cell=IFCell(if_parameters(0.9), Triangle()), pool=pool)

    network = SpikingNetwork(
        {
            "first": (Wire("input"), integrate(BinaryConv2d(2, 4, 3, padding=1))),
            "second": (Wire("first"), integrate(BinaryConv2d(4, 6, 3), nn.AvgPool2d(2))),
            "third": (Wire("second"), integrate(BinaryLinear(6 * 4, 5))),
        },
        input_shape=(2, 8, 8),
        classes=5,
        steps=6,
    ).eval()
    inputs = np.random.default_rng(0).random((3, 6, 2, 8, 8))
    inputs = inputs if real else inputs < 0.4
    with Probe(network) as probe, torch.no_grad():
        network(torch.from_numpy(inputs.astype(np.float32)).swapaxes(0, 1))
    figures = {k: v for k, v in probe.figures().items() if v and not k.startswith("window")}
    export_nir(network, tmp_path / "model.nir")
    lowering = lower(load_graph(tmp_path / "model.nir"), real_input=real)
    work, arriving = [], inputs
    assert lowering.split is not None
    for part in (lowering.split.front, lowering.integer):
        if part is not None:
            recording = execute(part, arriving)
            work.append(workload_of(part, recording))
            arriving = recording.output
    counted: dict[str, float] = {}
    for done in work:
        for kind in ("synaptic_operations", "multiplications"):
            for name, number in getattr(done, kind).items():
                if number:
                    counted[f"{kind}/{name.removesuffix('_synapses')}"] = number / 3
    assert figures == counted
