"""Networks by name, built from a configuration."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from .adali import AdaLi
from .agmm import ForwardGate
from .batchnorm import TemporalBatchNorm
from .binarize import BinaryLinear
from .config import NeuronKind, Reset, SurrogateKind, TrainingConfig
from .errors import TrainingInputError, nearest
from .layers import SpikingLayer
from .mpd_agl import MembraneRectangle
from .network import INPUT, SpikingNetwork, Wire
from .neurons import Cell, IFCell, LIFCell, PLIFCell, if_parameters, lif_parameters
from .surrogates import Rectangle, Sigmoid, StraightThrough, SuperSpike, Surrogate, Triangle

Layers = dict[str, tuple[Wire, SpikingLayer]]


def build_network(
    config: TrainingConfig, image_shape: tuple[int, ...], classes: int
) -> SpikingNetwork:
    """Build the network of a configuration with weights drawn from its seed."""
    architecture = config.network.architecture
    if architecture not in ARCHITECTURES:
        raise TrainingInputError(
            "network.architecture",
            got=repr(architecture),
            expected="a known network",
            remedy=nearest(architecture, ARCHITECTURES),
        )
    shape = input_shape(config, image_shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        layers = ARCHITECTURES[architecture](config, shape, classes)
    return SpikingNetwork(layers, input_shape=shape, classes=classes, steps=config.encoder.steps)


def input_shape(config: TrainingConfig, image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of one sample in one step: a vector for an MLP, else the image's own."""
    return (math.prod(image_shape),) if config.network.architecture == "mlp" else image_shape


def mlp(config: TrainingConfig, shape: tuple[int, ...], classes: int) -> Layers:
    """Build `hidden1`, `hidden2`, ..., `output`, each fully connected to the one before."""
    layers: Layers = {}
    source, fan_in = INPUT, shape[0]
    widths = (*config.network.hidden, classes)
    for i, width in enumerate(widths, start=1):
        last = i == len(widths)
        name = "output" if last else f"hidden{i}"
        binary = config.network.binary and (config.network.binary_ends or 1 < i < len(widths))
        fires = not last or config.network.spike_readout
        synapses = (
            BinaryLinear(fan_in, width, config.network.weight_scale)
            if binary
            else nn.Linear(fan_in, width, bias=False)
        )
        layers[name] = (Wire(source), finish(config, synapses, width, binary=binary, fires=fires))
        source, fan_in = name, width
    return layers


def finish(
    config: TrainingConfig,
    synapses: nn.Linear | nn.Conv2d,
    channels: int,
    *,
    binary: bool,
    fires: bool = True,
    pool: nn.Module | None = None,
) -> SpikingLayer:
    """Put BatchNorm, the gate (behind binary synapses) and neurons behind synapses."""
    scale = config.neuron.threshold if config.neuron.tdbn else 1.0
    gated = binary and config.gate.enabled
    return SpikingLayer(
        synapses,
        norm=TemporalBatchNorm(channels, scale),
        gate=ForwardGate(config.gate, channels, config.encoder.steps) if gated else None,
        cell=build_cell(config) if fires else None,
        pool=pool,
    )


def build_cell(config: TrainingConfig) -> Cell:
    """Build one layer's neurons."""
    neuron, surrogate = config.neuron, build_surrogate(config)
    soft = neuron.reset is Reset.SOFT
    if neuron.kind is NeuronKind.IF:
        p = if_parameters(neuron.threshold)
        return IFCell(p, surrogate, neuron.dt_s, neuron.detach_reset, soft_reset=soft)
    cell = PLIFCell if neuron.kind is NeuronKind.PLIF else LIFCell
    p = lif_parameters(neuron.tau_s, neuron.threshold, soft_reset=soft)
    return cell(p, surrogate, neuron.dt_s, neuron.detach_reset)


def build_surrogate(config: TrainingConfig) -> Surrogate:
    """Build one layer's surrogate gradient."""
    settings, steps = config.surrogate, config.encoder.steps
    match settings.kind:
        case SurrogateKind.TRIANGLE:
            return Triangle(settings.width)
        case SurrogateKind.RECTANGLE:
            return Rectangle(settings.width)
        case SurrogateKind.SUPERSPIKE:
            return SuperSpike(settings.slope)
        case SurrogateKind.SIGMOID:
            return Sigmoid(settings.slope)
        case SurrogateKind.STRAIGHT_THROUGH:
            return StraightThrough()
        case SurrogateKind.MPD_AGL:
            return MembraneRectangle(steps, settings.width)
        case SurrogateKind.MEASURED:
            return MembraneRectangle(steps, settings.width, measured=True)
        case SurrogateKind.ADALI:
            return AdaLi(config.adali)


ARCHITECTURES: dict[str, Callable[[TrainingConfig, tuple[int, ...], int], Layers]] = {
    "mlp": mlp,
}
