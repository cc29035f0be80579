"""The parts that every architecture is built of."""

from __future__ import annotations

import torch
from torch import nn

from ..config import NeuronKind, Reset, SurrogateKind, TrainingConfig
from ..methods.adali import AdaLi
from ..methods.agmm import ForwardGate
from ..methods.mpd_agl import MembraneRectangle
from ..nn.batchnorm import TemporalBatchNorm
from ..nn.binarize import BinaryConv2d, BinaryLinear
from ..nn.neurons import Cell, IFCell, LIFCell, PLIFCell, if_parameters, lif_parameters
from ..nn.surrogates import Rectangle, Sigmoid, StraightThrough, SuperSpike, Surrogate, Triangle
from .layers import SpikingLayer
from .network import Wire

Layers = dict[str, tuple[Wire, SpikingLayer]]


def linear(config: TrainingConfig, fan_in: int, width: int, *, end: bool) -> nn.Linear:
    """Make fully connected synapses; `end` marks a network's first or last layer."""
    if is_binary(config, end):
        return BinaryLinear(fan_in, width, config.network.weight_scale)
    return nn.Linear(fan_in, width, bias=False)


def conv(
    config: TrainingConfig,
    channels_in: int,
    channels: int,
    kernel: int = 3,
    stride: int = 1,
    *,
    end: bool = False,
    groups: int = 1,
) -> nn.Conv2d:
    """Make convolutional synapses that keep the size, but for the stride."""
    padding = kernel // 2
    if is_binary(config, end):
        scale = config.network.weight_scale
        return BinaryConv2d(channels_in, channels, kernel, stride, padding, groups, scale)
    return nn.Conv2d(channels_in, channels, kernel, stride, padding, groups=groups, bias=False)


def is_binary(config: TrainingConfig, end: bool) -> bool:
    """Whether a layer's synapses are one bit: all but the ends, or all."""
    return config.network.binary and (config.network.binary_ends or not end)


def finish(
    config: TrainingConfig,
    synapses: nn.Linear | nn.Conv2d,
    *,
    fires: bool = True,
    pool: nn.Module | None = None,
    dropout: float = 0.0,
) -> SpikingLayer:
    """Put BatchNorm, the gate (behind binary synapses) and neurons behind synapses."""
    channels = synapses.weight.shape[0]
    scale = config.neuron.threshold / config.neuron.k if config.neuron.tdbn else 1.0
    gated = config.gate.enabled and isinstance(synapses, BinaryLinear | BinaryConv2d)
    return SpikingLayer(
        synapses,
        norm=TemporalBatchNorm(channels, scale),
        gate=ForwardGate(config.gate, channels, config.encoder.steps) if gated else None,
        cell=build_cell(config) if fires else None,
        pool=pool,
        dropout=dropout,
    )


def build_cell(config: TrainingConfig) -> Cell:
    """Build one layer's neurons, whose few parameters are real also in a network on "meta"."""
    with torch.device("cpu"):
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


def read_out(
    config: TrainingConfig,
    fan_in: int,
    classes: int,
    *,
    pool: nn.Module | None = None,
    dropout: float = 0.0,
) -> SpikingLayer:
    """Make the last layer: a plain classifier of currents, or binary synapses, or spike counts."""
    if is_binary(config, True) or config.network.spike_readout:
        synapses = linear(config, fan_in, classes, end=True)
        fires = config.network.spike_readout
        return finish(config, synapses, fires=fires, pool=pool, dropout=dropout)
    return SpikingLayer(nn.Linear(fan_in, classes), pool=pool, dropout=dropout)
