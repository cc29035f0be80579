"""Networks by name, built from a configuration."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..config import Encoding, TrainingConfig
from ..errors import TrainingInputError, nearest
from .blocks import Layers, conv, finish, linear, read_out
from .network import INPUT, SpikingNetwork, Wire
from .resnet import resnet18, resnet19
from .vgg import dvs_gesture, vgg11, vgg13, vggsnn


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
    events = config.encoder.kind is Encoding.EVENTS  # samples then have a time axis of their own
    shape = input_shape(config, image_shape[1:] if events else image_shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        layers = ARCHITECTURES[architecture](config, shape, classes)
    return SpikingNetwork(layers, input_shape=shape, classes=classes, steps=config.encoder.steps)


def input_shape(config: TrainingConfig, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return what a network takes in one step of a sample: a vector for an MLP, else the shape."""
    return (math.prod(shape),) if config.network.architecture == "mlp" else shape


def mlp(config: TrainingConfig, shape: tuple[int, ...], classes: int) -> Layers:
    """Build `hidden1`, `hidden2`, ..., `output`, each fully connected to the one before."""
    layers: Layers = {}
    source, fan_in = INPUT, shape[0]
    for i, width in enumerate(config.network.hidden, start=1):
        synapses = linear(config, fan_in, width, end=i == 1)
        layers[f"hidden{i}"] = (Wire(source), finish(config, synapses))
        source, fan_in = f"hidden{i}", width
    readout = read_out(config, fan_in, classes, dropout=config.network.dropout)
    layers["output"] = (Wire(source), readout)
    return layers


def strided(config: TrainingConfig, shape: tuple[int, ...], classes: int) -> Layers:
    """Build 3x3 convolutions of stride 2 (`conv1`, ...), then hidden layers, then `output`.

    No pooling: every value between two layers is a spike, so the whole network suits hardware.
    """
    layers: Layers = {}
    source, (fan_in, height, width) = INPUT, shape
    for i, channels in enumerate(config.network.channels, start=1):
        synapses = conv(config, fan_in, channels, 3, 2, end=i == 1)
        layers[f"conv{i}"] = (Wire(source), finish(config, synapses))
        source, fan_in, height, width = f"conv{i}", channels, -(-height // 2), -(-width // 2)
    fan_in *= height * width
    for i, neurons in enumerate(config.network.hidden, start=1):
        dense = linear(config, fan_in, neurons, end=not layers)
        layers[f"hidden{i}"] = (Wire(source), finish(config, dense))
        source, fan_in = f"hidden{i}", neurons
    readout = read_out(config, fan_in, classes, dropout=config.network.dropout)
    layers["output"] = (Wire(source), readout)
    return layers


ARCHITECTURES: dict[str, Callable[[TrainingConfig, tuple[int, ...], int], Layers]] = {
    "mlp": mlp,
    "conv": strided,
    "vgg11": vgg11,
    "vgg13": vgg13,
    "vggsnn": vggsnn,
    "resnet18": resnet18,
    "resnet19": resnet19,
    "dvs-gesture": dvs_gesture,
}
