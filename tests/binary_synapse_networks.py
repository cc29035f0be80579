"""Random integer networks of binary synapses, and spikes for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from axonc.toolchain.ir import (
    BIPOLAR,
    TERNARY,
    Delay,
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
    Overflow,
    Reset,
    Rounding,
    Stage,
    SumPool,
    Window,
    verify,
)


def neurons(shape: tuple[int, ...], rng: np.random.Generator, **changes: Any) -> IntegerNeuron:
    """Return neurons whose parameters differ in every way that the machine knows."""
    per_channel = (shape[0], *(1,) * (len(shape) - 1))
    wide = (per_channel, shape, (1,) * len(shape))[rng.integers(3)]
    fraction = int(rng.integers(0, 3))
    half = 1 << int(rng.integers(5, 12))

    def state() -> LeakyState:
        shift = int(rng.integers(0, 7))
        return LeakyState(
            rng.integers(0, (1 << shift) + 1, wide, np.int64),
            shift,
            -half,
            half - 1,
            (Rounding.TOWARD_ZERO, Rounding.FLOOR)[rng.integers(2)],
            (Overflow.SATURATE, Overflow.WRAP)[rng.integers(2)],
        )

    fields: dict[str, Any] = {
        "shape": shape,
        "threshold": rng.integers(0, 4 << fraction, wide, np.int64),
        "bias": rng.integers(-2, 3, wide, np.int64),
        "v_reset": rng.integers(-3, 3, wide, np.int64),
        "membrane": state(),
        "current": state() if rng.random() < 0.2 else None,
        "fraction_bits": fraction,
        "reset": (Reset.HARD, Reset.SUBTRACT)[rng.integers(2)],
    }
    return IntegerNeuron(**(fields | changes))


def affine(outputs: int, inputs: int, rng: np.random.Generator) -> IntegerAffine:
    """Return a bipolar or ternary matrix."""
    kind = BIPOLAR if rng.random() < 0.5 else TERNARY
    values = [-1, 1] if kind is BIPOLAR else [-1, 0, 1]
    return IntegerAffine(rng.choice(values, (outputs, inputs)).astype(np.int8), kind)


def chain(nodes: dict[str, Node], extra: tuple[Edge, ...] = ()) -> Graph:
    """Return a graph whose nodes follow each other in order, with more edges if given."""
    names = list(nodes)
    edges = (*(Edge(a, b) for a, b in zip(names, names[1:], strict=False)), *extra)
    return Graph(Stage.INTEGER, nodes, edges)


def perceptron(sizes: list[int], seed: int = 0) -> Graph:
    """Return dense bipolar layers of leaky neurons."""
    rng = np.random.default_rng(seed)
    nodes: dict[str, Node] = {"input": Input((sizes[0],))}
    for index, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        weight = rng.choice([-1, 1], (outputs, inputs)).astype(np.int8)
        nodes[f"linear{index}"] = IntegerAffine(weight, BIPOLAR)
        state = LeakyState(np.array([230]), 8, -(1 << 15), (1 << 15) - 1)
        zero = np.array([0])
        nodes[f"neuron{index}"] = IntegerNeuron((outputs,), np.array([8]), zero, zero, state)
    nodes["output"] = Output((sizes[-1],))
    return chain(nodes)


@st.composite
def dense_networks(draw: st.DrawFn, skips: bool = False) -> Graph:
    """One to three dense layers, maybe recurrent, skipping a layer, delayed, or of two inputs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = [draw(st.integers(1, 14)) for _ in range(draw(st.integers(2, 4)))]
    nodes: dict[str, Node] = {"input": Input((sizes[0],))}
    extra: list[Edge] = []
    for index, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        nodes[f"linear{index}"] = affine(outputs, inputs, rng)
        nodes[f"neuron{index}"] = neurons((outputs,), rng)
    last = f"neuron{len(sizes) - 2}"
    if draw(st.booleans()):  # recurrent
        nodes["recurrent"] = affine(sizes[-1], sizes[-1], rng)
        extra += [Edge(last, "recurrent", draw(st.integers(1, 2))), Edge("recurrent", last)]
    if skips or draw(st.booleans()):  # from the input, past all layers, maybe late
        nodes["skip"] = affine(sizes[-1], sizes[0], rng)
        extra += [Edge("input", "skip", draw(st.sampled_from([0, 0, 0, 1, 3]))), Edge("skip", last)]
    if draw(st.booleans()):
        other = draw(st.integers(1, 6))
        nodes |= {"other": Input((other,)), "second": affine(sizes[1], other, rng)}
        extra += [Edge("other", "second", draw(st.integers(0, 1))), Edge("second", "neuron0")]
    feed = [name for name in nodes if name not in ("recurrent", "skip", "other", "second")]
    edges = [Edge(a, b) for a, b in zip(feed, feed[1:], strict=False)]
    if draw(st.booleans()):
        nodes["late"] = Delay(np.array([float(draw(st.integers(0, 3)))]))
        edges.append(Edge(last, "late"))
        last = "late"
    nodes["output"] = Output((sizes[-1],))
    edges.append(Edge(last, "output"))
    return verify(Graph(Stage.INTEGER, nodes, (*edges, *extra)), "the test's own hands")


@st.composite
def convolutional_networks(draw: st.DrawFn, skips: bool = False) -> Graph:
    """Convolution, neurons, pool, convolution, neurons, flatten, dense, neurons; some left out.

    The second convolution may have another beside it that looks elsewhere.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rank = draw(st.integers(1, 2))
    groups = draw(st.sampled_from([1, 1, 2]))
    shape: tuple[int, ...] = (
        groups * draw(st.integers(1, 2)),
        *(draw(st.integers(3, 7)) for _ in range(rank)),
    )
    nodes: dict[str, Node] = {"input": Input(shape)}
    extra: list[Edge] = []

    def window(stride: int) -> Window:
        return Window(
            tuple(draw(st.integers(1, stride)) for _ in range(rank)),
            tuple((draw(st.integers(0, 2)), draw(st.integers(0, 1))) for _ in range(rank)),
            tuple(draw(st.integers(1, 2)) for _ in range(rank)),
        )

    def convolution(name: str, outputs: int, groups: int, stride: int) -> None:
        nonlocal shape
        kernel = tuple(min(draw(st.integers(1, 3)), 1 + (size > 2)) for size in shape[1:])
        weight = rng.choice([-1, 0, 1], (outputs, shape[0] // groups, *kernel)).astype(np.int8)
        node = IntegerConv(weight, TERNARY, window(stride), groups)
        nodes[name] = node
        shape = node.output_shape(shape)

    convolution("conv0", groups * draw(st.integers(1, 5)), groups, 2)
    nodes["neuron0"] = neurons(shape, rng)
    if min(shape[1:]) >= 2 and draw(st.booleans()):
        pool = SumPool(
            (2,) * rank, Window((draw(st.integers(1, 2)),) * rank, ((0, 1),) * rank, (1,) * rank)
        )
        nodes["pool"] = pool
        shape = pool.output_shape(shape)
    before = list(nodes)[-1]
    if skips or draw(st.sampled_from([True, True, False])):
        convolution("conv1", draw(st.integers(1, 3)), 1, 1)
    second = nodes.get("conv1")
    if draw(st.booleans()):
        nodes["neuron1"] = neurons(shape, rng)
        nodes["flatten"] = Flatten()
    else:
        nodes["flatten"] = Flatten()
        nodes["neuron1"] = neurons((int(np.prod(shape)),), rng)
    if isinstance(second, IntegerConv) and (skips or draw(st.booleans())):
        shifted = tuple((sum(padding), 0) for padding in second.window.padding)
        look = Window(second.window.stride, shifted, second.window.dilation)
        weight = rng.choice([-1, 0, 1], second.weight.shape).astype(np.int8)
        beside = {"beside": IntegerConv(weight, TERNARY, look, second.groups)}
        names = list(nodes)
        at = names.index("conv1") + 1
        nodes = {name: nodes[name] for name in names[:at]} | beside | nodes
        extra += [Edge(before, "beside"), Edge("beside", names[at])]
    outputs = int(np.prod(shape))
    if draw(st.booleans()):
        nodes["linear"] = affine(3, outputs, rng)
        nodes["neuron2"] = neurons((3,), rng)
        outputs = 3
    nodes["output"] = Output((outputs,))
    feed = [name for name in nodes if name != "beside"]
    edges = [Edge(a, b) for a, b in zip(feed, feed[1:], strict=False)]
    return verify(Graph(Stage.INTEGER, nodes, (*edges, *extra)), "the test's own hands")


def spike_counts(
    graph: Graph, samples: int = 2, steps: int = 6, seed: int = 0, most: int = 1
) -> np.ndarray:
    """Return random counts 0..most for the graph's input, three bins of ten not empty."""
    return counts_by_input(graph, samples, steps, seed, most)["input"]


def counts_by_input(
    graph: Graph, samples: int = 2, steps: int = 6, seed: int = 0, most: int = 1
) -> dict[str, np.ndarray]:
    """Return what `spike_counts` does for each of the graph's inputs."""
    rng = np.random.default_rng(seed)
    counts = {}
    for name, node in graph.inputs.items():
        shape = (samples, steps, *node.shape)
        counts[name] = (rng.random(shape) < 0.3) * rng.integers(1, most + 1, shape)
    return counts
