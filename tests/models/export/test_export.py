"""The exported graph, run by a small interpreter of NIR, against the norse network."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from axonc.models import SpikingNetwork, export_nir, run_network
from axonc.models.errors import ExportError, TrainingInputError
from axonc.models.export.trained_network import Form
from axonc.models.methods.agmm import Alpha, ForwardGate, GateConfig, Mean
from axonc.models.networks.layers import SpikingLayer
from axonc.models.networks.network import Wire
from axonc.models.nn.batchnorm import TemporalBatchNorm
from axonc.models.nn.binarize import BinaryConv2d, BinaryLinear, WeightScale
from axonc.models.nn.neurons import Cell, IFCell, LIFCell, PLIFCell, if_parameters, lif_parameters
from axonc.models.nn.surrogates import Triangle

STEPS = 6
# norse computes in float32 and the interpreter in float64: a potential that lies within rounding
# of its threshold may fall on either side, and the difference then travels on.
MISMATCH = 1e-4


def interpret(path: Path, spikes: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Run a NIR file in float64, step by step: forward Euler, strict threshold, hard reset."""
    graph = nir.read(path)
    dt = float(graph.metadata["dt"])
    sources: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        sources[target].append(source)
    potentials: dict[str, Any] = {}
    trace: dict[str, list[Any]] = {name: [] for name in graph.nodes}

    def value(name: str, now: dict[str, Any]) -> Any:
        if name not in now:
            total = sum(value(source, now) for source in sources[name])
            now[name] = node_output(name, graph.nodes[name], total)
        return now[name]

    def node_output(name: str, node: Any, x: Any) -> Any:
        match node:
            case nir.Affine():
                return x @ node.weight.astype(np.float64).T + node.bias
            case nir.Conv2d():
                out = torch.nn.functional.conv2d(
                    torch.from_numpy(x),
                    torch.from_numpy(node.weight.astype(np.float64)),
                    torch.from_numpy(node.bias),
                    tuple(node.stride),
                    tuple(node.padding),
                    tuple(node.dilation),
                    node.groups,
                )
                return out.numpy()
            case nir.SumPool2d():
                kernel = tuple(int(k) for k in node.kernel_size)
                pooled = torch.nn.functional.avg_pool2d(torch.from_numpy(x), kernel)
                return pooled.numpy() * kernel[0] * kernel[1]
            case nir.Scale():
                return x * node.scale
            case nir.Flatten():
                return x.reshape(len(x), -1)
            case nir.LIF() | nir.IF():
                v = potentials.get(name, np.zeros_like(x))
                v = v + x if isinstance(node, nir.IF) else v + dt / node.tau * (x - v)
                fired = v > node.v_threshold
                potentials[name] = np.where(fired, node.v_reset, v)
                return fired.astype(np.float64)
            case _:
                return x

    for t in range(spikes.shape[1]):
        now: dict[str, Any] = {"input": spikes[:, t].astype(np.float64)}
        for name in graph.nodes:
            trace[name].append(value(name, now))
    return {name: np.stack(values, 1) for name, values in trace.items()}


def lif(threshold: float = 0.25) -> LIFCell:
    return LIFCell(lif_parameters(2e-3, threshold), Triangle())


def layer(
    synapses: nn.Linear | nn.Conv2d,
    cell: Cell | None,
    gate: GateConfig | None = None,
    pool: nn.Module | None = None,
) -> SpikingLayer:
    """A layer whose statistics look trained: negative gains, one dead channel."""
    channels = synapses.weight.shape[0]
    norm = TemporalBatchNorm(channels)
    with torch.no_grad():
        norm.weight.normal_(0.5, 1.0)
        norm.weight[0] = 0.0
        norm.bias.normal_(0.2, 0.3)
        norm.running_mean.normal_(0.0, 3.0)
        norm.running_var.uniform_(2.0, 20.0)
    gate_module = None if gate is None else ForwardGate(gate, channels, STEPS)
    if gate_module is not None:
        gate_module.running_mean.normal_(0, 0.5)
    return SpikingLayer(synapses, norm=norm, gate=gate_module, cell=cell, pool=pool)


def mlp(gate: GateConfig | None = None) -> SpikingNetwork:
    torch.manual_seed(1)
    gate = gate or GateConfig()
    return SpikingNetwork(
        {
            "hidden1": (Wire("input"), layer(BinaryLinear(30, 40), lif(), gate)),
            "hidden2": (
                Wire("hidden1"),
                layer(BinaryLinear(40, 40, WeightScale.SHIFT), lif(), gate),
            ),
            "output": (Wire("hidden2"), layer(BinaryLinear(40, 10), lif(), gate)),
        },
        input_shape=(30,),
        classes=10,
        steps=STEPS,
    ).eval()


def convolutional() -> SpikingNetwork:
    """Pooling, a residual shortcut of currents, a grouped convolution, IF, PLIF, float layers."""
    torch.manual_seed(2)
    plif = PLIFCell(lif_parameters(3e-3, 0.25), Triangle())
    gate = GateConfig(mean=Mean.CHANNEL, alpha_per_channel=True)
    return SpikingNetwork(
        {
            "conv1": (Wire("input"), layer(nn.Conv2d(2, 4, 3, padding=1), lif())),
            "conv2": (Wire("conv1"), layer(BinaryConv2d(4, 4, 3, padding=1), plif, gate)),
            "conv3": (
                Wire("conv2", ("conv2",)),
                layer(
                    BinaryConv2d(4, 4, 3, padding=1, groups=2),
                    IFCell(if_parameters(0.9), Triangle()),
                    gate,
                ),
            ),
            "hidden": (
                Wire("conv3"),
                layer(BinaryLinear(4 * 16, 20), lif(), gate, nn.AvgPool2d(2)),
            ),
            "output": (Wire("hidden"), layer(nn.Linear(20, 5), None)),
        },
        input_shape=(2, 8, 8),
        classes=5,
        steps=STEPS,
    ).eval()


def random_spikes(network: SpikingNetwork, batch: int = 60) -> NDArray[np.bool_]:
    shape = (batch, STEPS, *network.input_shape)
    return np.random.default_rng(0).random(shape) < 0.4


@pytest.mark.parametrize("build", [mlp, convolutional])
@pytest.mark.parametrize("form", ["int8", "folded-float"])
def test_the_graph_spikes_as_norse_does(build: Any, form: Form, tmp_path: Path) -> None:
    network = build()
    spikes = random_spikes(network)
    export_nir(network, tmp_path / "model.nir", form=form)
    ours = run_network(network, spikes)
    theirs = interpret(tmp_path / "model.nir", spikes)
    assert set(ours) == {name for name in network.wiring if network.layer(name).cell is not None}
    for name, raster in ours.items():
        assert 0.02 < raster.mean() < 0.98, name
        assert (raster != theirs[name]).mean() <= MISMATCH, name


def test_int8_form_holds_signs_and_positive_scales(tmp_path: Path) -> None:
    export_nir(mlp(), tmp_path / "model.nir")
    graph = nir.read(tmp_path / "model.nir")
    weight = graph.nodes["hidden1_synapses"].weight
    assert weight.dtype == np.int8
    assert np.array_equal(np.unique(weight[0]), [0])  # the dead channel
    assert np.array_equal(np.unique(weight[1:]), [-1, 1])
    assert (graph.nodes["hidden1_scale"].scale > 0).all()
    assert graph.metadata["dt"] == 1e-3
    assert graph.metadata["format_version"] == 1


def test_export_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    network = mlp().train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    export_nir(network, tmp_path / "model.nir")
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("gate", "got", "remedy"),
    [
        (
            GateConfig(per_step=True),
            "a gate of its own in each time step",
            "Train with gate.per_step = false.",
        ),
        (
            GateConfig(mean=Mean.SAMPLE),
            "a gate computed from each sample",
            "Train with gate.mean = 'layer'.",
        ),
        (
            GateConfig(running=False),
            "a gate computed from each batch",
            "Train with gate.running = true.",
        ),
    ],
)
def test_refused_gates(gate: GateConfig, got: str, remedy: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as error:
        export_nir(mlp(gate), tmp_path / "model.nir")
    assert str(error.value) == (
        f"layers hidden1, hidden2, output: got {got}, expected what a static graph can say. "
        f"{remedy}"
    )
    assert list(tmp_path.iterdir()) == []


def folds(gate: GateConfig) -> bool:
    """What docs/training.md promises."""
    constant = gate.mean in (Mean.LAYER, Mean.CHANNEL) and gate.running and not gate.per_step
    return gate.gradient_only or constant


@pytest.mark.parametrize("mean", list(Mean))
@pytest.mark.parametrize("alpha", list(Alpha))
def test_every_gate_is_folded_exactly_or_refused(mean: Mean, alpha: Alpha, tmp_path: Path) -> None:
    path = tmp_path / "model.nir"
    for switches in itertools.product((False, True), repeat=4):
        names = ("alpha_per_channel", "per_step", "running", "gradient_only")
        options = dict(zip(names, switches, strict=True))
        gate = GateConfig(mean=mean, alpha=alpha, alpha_init=0.8, **options)
        network = mlp(gate)
        if not folds(gate):
            with pytest.raises(ExportError) as error:
                export_nir(network, path)
            told = str(error.value)
            assert told.startswith("layers hidden1, hidden2, output: got a gate ")
            assert not path.exists()
            remedied = replace(
                gate,
                mean=Mean.LAYER if "gate.mean = 'layer'" in told else mean,
                running=gate.running or "gate.running = true" in told,
                per_step=gate.per_step and "gate.per_step = false" not in told,
            )
            assert folds(remedied), told
            continue
        export_nir(network, path)
        spikes = random_spikes(network, batch=10)
        ours, theirs = run_network(network, spikes), interpret(path, spikes)
        assert all((ours[name] != theirs[name]).mean() <= MISMATCH for name in ours), gate
        path.unlink()


def test_refused_reset_and_pooling(tmp_path: Path) -> None:
    soft = LIFCell(lif_parameters(2e-3, 0.25, soft_reset=True), Triangle())
    network = SpikingNetwork(
        {"conv": (Wire("input"), layer(BinaryConv2d(1, 2, 3), soft, pool=nn.MaxPool2d(2)))},
        input_shape=(1, 8, 8),
        classes=2,
        steps=STEPS,
    )
    with pytest.raises(ExportError) as error:
        export_nir(network, tmp_path / "model.nir")
    assert str(error.value).startswith("layer conv: got")
    assert "a soft reset, which NIR does not have; maximum pooling" in str(error.value)
    assert "Train with neuron.reset = 'hard'; use average pooling." in str(error.value)


def test_another_time_step_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"got dt = 0.002 s for cells trained with 0.001 s"):
        export_nir(mlp(), tmp_path / "model.nir", dt=2e-3)


def test_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(TrainingInputError, match="expected a place that can be written to"):
        export_nir(mlp(), tmp_path / "none" / "model.nir")
