"""VGG networks with binary convolutions, and the DVS-Gesture network.

Each convolution is 3x3, followed by BatchNorm, gate and neurons; pooling averages spikes. With
`binary_ends` off, the first convolution and the classifier keep floating-point weights, as in the
papers. VGG-11: BSO (Liang et al. 2025); VGGSNN: TET (Deng et al. 2022); DVS-Gesture: Fang et al.
2021, with average instead of maximum pooling, which NIR does not have.
"""

from __future__ import annotations

from torch import nn

from ..config import TrainingConfig
from ..errors import TrainingInputError
from .blocks import Layers, conv, finish, linear, read_out
from .network import INPUT, Wire

_POOL = 0
_VGG11 = (64, _POOL, 128, _POOL, 256, 256, _POOL, 512, 512, _POOL, 512, 512)
_VGG13 = (64, 64, _POOL, 128, 128, _POOL, 256, 256, _POOL, 512, 512, _POOL, 512, 512)
_VGGSNN = (64, 128, _POOL, 256, 256, _POOL, 512, 512, _POOL, 512, 512, _POOL)
_GESTURE = (128, _POOL) * 5


def vgg11(config: TrainingConfig, shape: tuple[int, ...], classes: int) -> Layers:
    """Build eight convolutions, global average pooling and a classifier (published: 36.91 MB)."""
    layers, source, (channels, *size) = _features(config, shape, _VGG11)
    pool = nn.AvgPool2d((size[0], size[1]))
    layers["output"] = (Wire(source), read_out(config, channels, classes, pool=pool))
    return layers


def vgg13(config: TrainingConfig, shape: tuple[int, ...], classes: int) -> Layers:
    """Build ten convolutions, global average pooling and a classifier."""
    layers, source, (channels, *size) = _features(config, shape, _VGG13)
    pool = nn.AvgPool2d((size[0], size[1]))
    layers["output"] = (Wire(source), read_out(config, channels, classes, pool=pool))
    return layers


def vggsnn(config: TrainingConfig, shape: tuple[int, ...], classes: int) -> Layers:
    """Build eight convolutions and a classifier of all their outputs: for 48x48 events."""
    layers, source, (channels, *size) = _features(config, shape, _VGGSNN)
    fan_in = channels * (size[0] // 2) * (size[1] // 2)
    readout = read_out(
        config, fan_in, classes, pool=nn.AvgPool2d(2), dropout=config.network.dropout
    )
    layers["output"] = (Wire(source), readout)
    return layers


def dvs_gesture(config: TrainingConfig, shape: tuple[int, ...], classes: int) -> Layers:
    """Build five convolutions, a hidden layer of 512, and ten read-out neurons a class."""
    layers, source, (channels, *size) = _features(config, shape, _GESTURE)
    fan_in = channels * (size[0] // 2) * (size[1] // 2)
    dropout = config.network.dropout
    layers["hidden"] = (
        Wire(source),
        finish(
            config, linear(config, fan_in, 512, end=False), pool=nn.AvgPool2d(2), dropout=dropout
        ),
    )
    layers["output"] = (Wire("hidden"), read_out(config, 512, 10 * classes, dropout=dropout))
    return layers


def _features(
    config: TrainingConfig, shape: tuple[int, ...], plan: tuple[int, ...]
) -> tuple[Layers, str, tuple[int, int, int]]:
    """Build the convolutions of a plan; return them, the last one's name and its output shape.

    A pooling stands in front of the next layer; one at the plan's end is left to the caller.
    """
    side = 2 ** plan.count(_POOL)
    if min(shape[1:]) < side:
        raise TrainingInputError(
            f"network.architecture {config.network.architecture!r}",
            got=f"images of {shape[1]}x{shape[2]}",
            expected=f"{side}x{side} or more: pooling halves them {plan.count(_POOL)} times",
            remedy="take larger images (data.side), or the architecture conv or mlp",
        )
    layers: Layers = {}
    source, (channels, height, width) = INPUT, shape
    pool: nn.Module | None = None
    for step in plan:
        if step == _POOL:
            pool = nn.AvgPool2d(2)
            continue
        if pool is not None:
            height, width = height // 2, width // 2
        name = f"conv{len(layers) + 1}"
        synapses = conv(config, channels, step, end=not layers)
        layers[name] = (Wire(source), finish(config, synapses, pool=pool))
        source, channels, pool = name, step, None
    return layers, source, (channels, height, width)
