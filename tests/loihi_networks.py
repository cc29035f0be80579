"""Integer networks of the sizes that the Loihi benchmarks speak of; weights are random signs."""

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
    Shape,
    Stage,
    SumPool,
    Window,
)

RNG = np.random.default_rng(0)
SAME = ((1, 1), (1, 1))


def neuron(shape: Shape, threshold: int, multiplier: int = 15, shift: int = 4) -> IntegerNeuron:
    one = lambda x: np.array([x], np.int64)  # noqa: E731
    membrane = LeakyState(one(multiplier), shift, -(1 << 23) + 1, (1 << 23) - 1)
    return IntegerNeuron(shape, one(threshold), one(0), one(0), membrane)


def signs(*shape: int) -> np.ndarray:
    return (RNG.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def chain(shape: Shape, *nodes: Node) -> Graph:
    named: dict[str, Node] = {"in": Input(shape)}
    for node in nodes:
        named[f"{node.kind}{len(named)}"] = node
        shape = node.output_shape(shape)
    named["out"] = Output(shape)
    names = list(named)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.INTEGER, named, edges)


def perceptron(sizes: list[int], thresholds: list[int], **decay: int) -> Graph:
    nodes: list[Node] = []
    for inputs, outputs, threshold in zip(sizes, sizes[1:], thresholds, strict=False):
        nodes += [
            IntegerAffine(signs(outputs, inputs), BIPOLAR),
            neuron((outputs,), threshold, **decay),
        ]
    return chain((sizes[0],), *nodes)


def convolutional() -> Graph:
    return chain(
        (2, 34, 34),
        IntegerConv(signs(16, 2, 5, 5), BIPOLAR, Window((2, 2), SAME, (1, 1))),
        neuron((16, 16, 16), 4),
        IntegerConv(signs(32, 16, 3, 3), BIPOLAR, Window((2, 2), SAME, (1, 1))),
        neuron((32, 8, 8), 9),
        Flatten(),
        IntegerAffine(signs(10, 2048), BIPOLAR),
        neuron((10,), 40),
    )


def vgg11() -> Graph:
    nodes: list[Node] = []
    channels, size = 3, 32
    for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
        if width == 0:
            nodes.append(SumPool((2, 2), Window((2, 2), ((0, 0), (0, 0)), (1, 1))))
            size //= 2
            continue
        window = Window((1, 1), SAME, (1, 1))
        nodes.append(IntegerConv(signs(width, channels, 3, 3), BIPOLAR, window))
        nodes.append(neuron((width, size, size), 30))
        channels = width
    nodes += [Flatten(), IntegerAffine(signs(10, 512), BIPOLAR), neuron((10,), 20)]
    return chain((3, 32, 32), *nodes)
