"""Residual networks with binary convolutions.

Two kinds of shortcut:

    current   a convolution's current plus the current of the layer before it, as in Bi-Real Net
              (Liu et al. 2018), the form that AGMM builds on: each neuron's input is a real number
              that has come down through all layers of its stage.
              Where the shape changes, it passes a binary 1x1 convolution with BatchNorm.
    spike     the spikes at a block's input reach its last neurons through a binary 1x1 convolution
              whose sums are added to those of the second convolution, in front of the one
              BatchNorm: only spikes travel, and all synapses of a neuron have one gain, as hardware
              with one bit a synapse needs it. Ours; docs/training.md tells what it costs.
"""

from __future__ import annotations

from torch import nn

from ..config import Shortcut, TrainingConfig
from .blocks import Layers, conv, finish, read_out
from .layers import SpikingLayer
from .network import INPUT, Wire

_Stage = tuple[int, int]  # channels, blocks of two convolutions


def resnet18(config: TrainingConfig, shape: tuple[int, ...], classes: int) -> Layers:
    """Build 64-128-256-512 with two blocks each; images above 64 pixels get the ImageNet stem."""
    return _resnet(config, shape, classes, 64, ((64, 2), (128, 2), (256, 2), (512, 2)))


def resnet19(config: TrainingConfig, shape: tuple[int, ...], classes: int) -> Layers:
    """Build 128-256-512 with 3, 3 and 2 blocks (published: 12.57 M parameters, 50.28 MB)."""
    return _resnet(config, shape, classes, 128, ((128, 3), (256, 3), (512, 2)))


def _resnet(
    config: TrainingConfig,
    shape: tuple[int, ...],
    classes: int,
    width: int,
    stages: tuple[_Stage, ...],
) -> Layers:
    channels_in, side = shape[0], shape[1]
    large = side > 64
    kernel, stride = (7, 2) if large else (3, 1)
    stem = conv(config, channels_in, width, kernel, stride, end=True)
    layers: Layers = {"stem": (Wire(INPUT), finish(config, stem))}
    source, channels, side = "stem", width, -(-side // stride)
    pool = nn.AvgPool2d(3, 2, 1) if large else None
    if large:
        side = -(-side // 2)
    block = _spike_block if config.network.shortcut is Shortcut.SPIKE else _current_block
    for s, (width, blocks) in enumerate(stages, start=1):
        for b in range(1, blocks + 1):
            stride = 2 if s > 1 and b == 1 else 1
            name = f"stage{s}_block{b}"
            source = block(config, layers, name, source, channels, width, stride, pool)
            channels, pool, side = width, None, -(-side // stride)
    readout = read_out(config, channels, classes, pool=nn.AvgPool2d(side))
    layers["output"] = (Wire(source), readout)
    return layers


def _current_block(
    config: TrainingConfig,
    layers: Layers,
    name: str,
    source: str,
    channels: int,
    width: int,
    stride: int,
    pool: nn.AvgPool2d | None,
) -> str:
    """Add two convolutions, each with its own shortcut; return the last one's name."""
    shortcut = source
    if channels != width or stride != 1 or pool is not None:
        shortcut = f"{name}_shortcut"
        synapses = conv(config, channels, width, 1, stride)
        layers[shortcut] = (Wire(source), finish(config, synapses, fires=False, pool=pool))
    first, second = f"{name}_conv1", f"{name}_conv2"
    synapses = conv(config, channels, width, 3, stride)
    layers[first] = (Wire(source, (shortcut,)), finish(config, synapses, pool=pool))
    layers[second] = (Wire(first, (first,)), finish(config, conv(config, width, width)))
    return second


def _spike_block(
    config: TrainingConfig,
    layers: Layers,
    name: str,
    source: str,
    channels: int,
    width: int,
    stride: int,
    pool: nn.AvgPool2d | None,
) -> str:
    """Add two convolutions with one shortcut of spikes around both; return the last one's name."""
    shortcut = f"{name}_shortcut"
    around = conv(config, channels, width, 1, stride)
    # Counts spikes and divides by nothing: the convolution's synapses have the same gain.
    counts = pool and nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, divisor_override=1)
    layers[shortcut] = (Wire(source), SpikingLayer(around, pool=counts))
    first, second = f"{name}_conv1", f"{name}_conv2"
    synapses = conv(config, channels, width, 3, stride)
    layers[first] = (Wire(source), finish(config, synapses, pool=pool))
    layers[second] = (Wire(first, sums=(shortcut,)), finish(config, conv(config, width, width)))
    return second
