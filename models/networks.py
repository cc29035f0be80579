"""Networks by name, built from a configuration."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from .blocks import Layers, finish, linear, read_out
from .config import TrainingConfig
from .errors import TrainingInputError, nearest
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
    for i, width in enumerate(config.network.hidden, start=1):
        synapses = linear(config, fan_in, width, end=i == 1)
        layers[f"hidden{i}"] = (Wire(source), finish(config, synapses))
        source, fan_in = f"hidden{i}", width
    readout = read_out(config, fan_in, classes, dropout=config.network.dropout)
    layers["output"] = (Wire(source), readout)
    return layers


ARCHITECTURES: dict[str, Callable[[TrainingConfig, tuple[int, ...], int], Layers]] = {
    "mlp": mlp,
    "vgg11": vgg11,
    "vgg13": vgg13,
    "vggsnn": vggsnn,
    "resnet18": resnet18,
    "resnet19": resnet19,
    "dvs-gesture": dvs_gesture,
}
