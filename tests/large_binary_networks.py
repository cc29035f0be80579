"""Large binary networks with random weights, for what is measured: their activity is chosen.

Weights are drawn from a seed, thresholds so that a layer with inputs that fire in `RATE` of all
bins fires about as often itself; accuracy means nothing here.
"""

from __future__ import annotations

import numpy as np

from axonc.toolchain.ir import (
    BIPOLAR,
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    LeakyState,
    Node,
    Output,
    Stage,
    SumPool,
    Window,
)

RATE = 0.15
_HALF = 1 << 15
_VGG11 = (128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512)


def leaky(shape: tuple[int, ...], fan_in: int, residual: float = 0.0) -> IntegerNeuron:
    """Return neurons that lose half their potential a step, behind `fan_in` bipolar synapses.

    Sums have a variance of about RATE * fan_in, potentials in time 4 / 3 of it; a threshold of
    0.9 standard deviations keeps deep networks from falling silent within a few steps. residual:
    the mean that a residual input adds.
    """
    threshold = int(0.9 * (4 / 3 * RATE * fan_in) ** 0.5 + residual)
    state = LeakyState(np.array([1]), 1, -_HALF, _HALF - 1)
    zero = np.array([0])
    return IntegerNeuron(shape, np.array([threshold]), zero, zero, state)


def _convolution(
    rng: np.random.Generator, outputs: int, inputs: int, kernel: int, stride: int = 1
) -> IntegerConv:
    weight = rng.choice([-1, 1], (outputs, inputs, kernel, kernel)).astype(np.int8)
    window = Window((stride,) * 2, ((kernel // 2,) * 2,) * 2, (1, 1))
    return IntegerConv(weight, BIPOLAR, window)


def _pool(size: int) -> SumPool:
    return SumPool((size, size), Window((size, size), ((0, 0), (0, 0)), (1, 1)))


def vgg11() -> Graph:
    """Return a VGG-11 for 32 x 32 images behind its first layer: 9.2 M bipolar synapses."""
    rng = np.random.default_rng(0)
    nodes: dict[str, Node] = {"input": Input((64, 32, 32)), "pool1": _pool(2)}
    channels, size, pooled = 64, 16, 4
    for step in _VGG11:
        number = sum(name.startswith("conv") for name in nodes) + 2
        if isinstance(step, str):
            nodes[f"pool{number - 1}"] = _pool(2)
            size, pooled = size // 2, 4
            continue
        nodes[f"conv{number}"] = _convolution(rng, step, channels, 3)
        nodes[f"neurons{number}"] = leaky((step, size, size), 9 * channels * pooled)
        channels, pooled = step, 1
    nodes["pool"] = _pool(size)
    nodes["flatten"] = Flatten()
    nodes["full"] = IntegerAffine(rng.choice([-1, 1], (10, channels)).astype(np.int8), BIPOLAR)
    nodes["classes"] = leaky((10,), channels * size * size)
    nodes["output"] = Output((10,))
    names = list(nodes)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.INTEGER, nodes, edges)


def resnet19(channels: tuple[int, ...] = (128, 256, 512), size: int = 32) -> Graph:
    """Return a ResNet-19 behind its first layer: 12.7 M bipolar synapses, residual spikes."""
    rng = np.random.default_rng(0)
    nodes: dict[str, Node] = {"input": Input((channels[0], size, size))}
    edges: list[Edge] = []
    before, width = "input", channels[0]
    blocks = [(channels[0], 1)] * 3 + [(channels[1], 2)] + [(channels[1], 1)] * 2
    blocks += [(channels[2], 2), (channels[2], 1)]
    for number, (outputs, stride) in enumerate(blocks):
        size //= stride
        shape = (outputs, size, size)
        nodes[f"conv{number}a"] = _convolution(rng, outputs, width, 3, stride)
        nodes[f"n{number}a"] = leaky(shape, 9 * width)
        nodes[f"conv{number}b"] = _convolution(rng, outputs, outputs, 3)
        fan_in = 9 * outputs + (width if stride > 1 else 0)
        nodes[f"n{number}b"] = leaky(shape, fan_in, residual=RATE * (stride == 1))
        chain = [before, f"conv{number}a", f"n{number}a", f"conv{number}b", f"n{number}b"]
        edges += [Edge(a, b) for a, b in zip(chain, chain[1:], strict=False)]
        if stride > 1:
            nodes[f"short{number}"] = _convolution(rng, outputs, width, 1, stride)
            edges += [Edge(before, f"short{number}"), Edge(f"short{number}", chain[-1])]
        else:
            edges.append(Edge(before, chain[-1]))
        before, width = chain[-1], outputs
    nodes["pool"] = _pool(size)
    nodes["flatten"] = Flatten()
    fan_in = width * size * size
    for name, outputs in (("full", 256), ("last", 10)):
        nodes[name] = IntegerAffine(rng.choice([-1, 1], (outputs, width)).astype(np.int8), BIPOLAR)
        nodes[f"n {name}"] = leaky((outputs,), fan_in)
        fan_in = width = outputs
    nodes["output"] = Output((10,))
    tail = [before, "pool", "flatten", "full", "n full", "last", "n last", "output"]
    edges += [Edge(a, b) for a, b in zip(tail, tail[1:], strict=False)]
    return Graph(Stage.INTEGER, nodes, tuple(edges))
