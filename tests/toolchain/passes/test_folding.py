"""Biases and scales that are folded: where to, and to what, each pass by itself."""

from __future__ import annotations

import numpy as np
import pytest

from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import (
    Affine,
    AvgPool,
    Conv,
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerNeuron,
    LeakyState,
    Neuron,
    Node,
    Output,
    Scale,
    Stage,
    SumPool,
    Window,
    narrowest_type,
)
from axonc.toolchain.passes import Findings, FoldBias, IntegerWeights, Pass, SinkScales, run_passes
from axonc.toolchain.reference import execute
from axonc.toolchain.reference.linear import pooled

ONE = np.ones(1)


def neuron(shape: tuple[int, ...], current: bool = False) -> Neuron:
    decays = dict(current_decay=0.5 * ONE, current_gain=3 * ONE) if current else {}
    return Neuron(shape, 0.5 * ONE, 2 * ONE, 0.25 * ONE, ONE, 0 * ONE, **decays)  # type: ignore[arg-type]


def after(step: Pass, shape: tuple[int, ...], *between: Node, current: bool = False) -> Graph:
    """Return what a pass makes of a row of nodes in front of a neuron."""
    return run_passes(row(shape, *between, current=current), [step], Findings())


def row(shape: tuple[int, ...], *between: Node, current: bool = False) -> Graph:
    nodes: dict[str, Node] = {"input": Input(shape)}
    for number, node in enumerate(between):
        nodes[f"n{number}"], shape = node, node.output_shape(shape)
    nodes |= {"neuron": neuron(shape, current), "output": Output(shape)}
    names = list(nodes)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.DISCRETE, nodes, edges)


def window(stride: int = 1, padding: int = 0) -> Window:
    return Window((stride, stride), ((padding, padding), (padding, padding)), (1, 1))


BIAS = np.array([1.0, -3.0])
CONV = Conv(np.ones((2, 1, 2, 2)), window(), 1, BIAS)  # of (1, 3, 3): (2, 2, 2)


@pytest.mark.parametrize(
    ("shape", "between", "constant"),
    [
        ((3,), [Affine(np.ones((2, 3)), BIAS)], [1, -3]),
        ((3,), [Affine(np.ones((2, 3)), BIAS), Scale(np.array([4.0, 0.5]))], [4, -1.5]),
        (
            (3,),
            [Affine(np.ones((2, 3)), BIAS), Affine(np.array([[1.0, 2], [5, 0], [0, -1]]))],
            [-5, 5, 3],
        ),
        ((1, 3, 3), [CONV], np.repeat(BIAS, 4)),
        ((1, 3, 3), [CONV, Flatten()], np.repeat(BIAS, 4)),
        ((1, 3, 3), [CONV, SumPool((2, 2), window(2))], 4 * BIAS),
        ((1, 3, 3), [CONV, AvgPool((2, 2), window(2))], BIAS),
        # 1 * 2 * 4 - 3 * 3 * 4 and 1 * 1 * 4 - 3 * 0 * 4: two kernels of four taps each
        (
            (1, 3, 3),
            [CONV, Conv(np.array([[2.0, 3], [1, 0]])[..., None, None] * np.ones((2, 2)), window())],
            [8 - 36, 4],
        ),
        (
            (1, 3, 3),
            [CONV, Conv(np.array([2.0, 5])[:, None, None, None] * np.ones((2, 2)), window(), 2)],
            [8, -60],
        ),
    ],
)
@pytest.mark.parametrize("current", [False, True])
def test_a_bias_becomes_the_leak_that_it_brings(
    shape: tuple[int, ...], between: list[Node], constant: list[float], current: bool
) -> None:
    graph = after(FoldBias(), shape, *between, current=current)
    folded = graph.nodes["neuron"]
    assert isinstance(folded, Neuron)
    # gain 2 times the constant; a current of gain 3 that keeps half of itself settles at 6 times.
    expected = 0.25 + 2 * np.ravel(constant) * (6 if current else 1)
    assert np.broadcast_to(folded.leak, folded.shape).ravel().tolist() == expected.tolist()
    assert graph.nodes["n0"].bias is None  # type: ignore[attr-defined]
    spikes = np.random.default_rng(0).random((2, 6, *shape)) < 0.5
    if not current:
        before = execute(row(shape, *between), spikes, probes=["neuron"])
        now = execute(graph, spikes, probes=["neuron"])
        assert np.array_equal(before.potentials["neuron"], now.potentials["neuron"])


@pytest.mark.parametrize(
    "between",
    [
        [CONV, SumPool((2, 2), window(2, 1))],
        [CONV, Delay(np.array(2.0))],
        [CONV, Scale(np.arange(8.0).reshape(2, 2, 2)), SumPool((2, 2), window(2))],
    ],
)
def test_a_bias_that_does_not_arrive_everywhere_stays(between: list[Node]) -> None:
    graph = after(FoldBias(), (1, 3, 3), *between)
    assert graph.nodes["n0"].bias is not None  # type: ignore[attr-defined]
    assert graph.nodes["neuron"].leak.tolist() == [0.25]  # type: ignore[attr-defined]


def test_two_ways_to_one_neuron_add_up() -> None:
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "fc": Affine(np.ones((2, 2)), BIAS),
        "left": Scale(np.array([2.0, 3.0])),
        "right": Scale(np.array([10.0, -1.0])),
        "neuron": neuron((2,)),
        "output": Output((2,)),
    }
    pairs = ["input fc", "fc left", "fc right", "left neuron", "right neuron", "neuron output"]
    edges = tuple(Edge(*pair.split()) for pair in pairs)
    graph = run_passes(Graph(Stage.DISCRETE, nodes, edges), [FoldBias()], Findings())
    leak = graph.nodes["neuron"].leak  # type: ignore[attr-defined]
    assert leak.tolist() == [0.25 + 2 * 12, 0.25 + 2 * -6]


@pytest.mark.parametrize("current", [False, True])
def test_scales_of_weights_go_into_the_gain(current: bool) -> None:
    signs = np.array([[1, -1, 1], [1, 1, -1]])
    graph = after(IntegerWeights(), (3,), Affine(signs * np.array([[0.5], [4.0]])), current=current)
    weights, folded = graph.nodes["n0"], graph.nodes["neuron"]
    assert isinstance(weights, Affine) and isinstance(folded, Neuron)
    assert weights.weight.tolist() == signs.tolist()
    if current:
        assert folded.current_gain is not None
        assert (folded.current_gain.tolist(), folded.gain.tolist()) == ([1.5, 12.0], [2.0])
    else:
        assert folded.gain.tolist() == [1.0, 8.0]


def test_scales_of_kernels_go_into_the_gain_by_channel() -> None:
    kernel = np.array([0.5, -4.0]).reshape(2, 1, 1, 1) * np.ones((2, 1, 2, 2))
    graph = after(IntegerWeights(), (1, 3, 3), Conv(kernel, window()))
    gain = graph.nodes["neuron"].gain  # type: ignore[attr-defined]
    assert gain.shape == (2, 1, 1) and gain.ravel().tolist() == [1.0, 8.0]


@pytest.mark.parametrize("bias", [None, BIAS])
def test_a_scale_behind_shared_sums_goes_into_rows_of_weight_and_bias(
    bias: np.ndarray | None,
) -> None:
    """The neuron is fed by two, so the scale cannot be its gain."""
    nodes: dict[str, Node] = {
        "input": Input((3,)),
        "fc": Affine(np.arange(6.0).reshape(2, 3), bias),
        "scale": Scale(np.array([2.0, -0.5])),
        "other": Affine(np.ones((2, 3))),
        "neuron": neuron((2,)),
        "output": Output((2,)),
    }
    pairs = ["input fc", "fc scale", "scale neuron", "input other", "other neuron", "neuron output"]
    edges = tuple(Edge(*pair.split()) for pair in pairs)
    graph = run_passes(Graph(Stage.DISCRETE, nodes, edges), [SinkScales()], Findings())
    first = graph.nodes["fc"]
    assert isinstance(first, Affine) and "scale" not in graph.nodes
    assert first.weight.tolist() == [[0, 2, 4], [-1.5, -2, -2.5]]
    if bias is None:
        assert first.bias is None
    else:
        assert first.bias is not None and first.bias.tolist() == [2.0, 1.5]


def test_a_scale_that_differs_within_a_channel_stays_beside_another_sum() -> None:
    nodes: dict[str, Node] = {
        "input": Input((1, 3, 3)),
        "conv": CONV,
        "scale": Scale(np.arange(1.0, 9).reshape(2, 2, 2)),
        "other": Conv(np.ones((2, 1, 2, 2)), window()),
        "neuron": neuron((2, 2, 2)),
        "output": Output((2, 2, 2)),
    }
    pairs = ["input conv", "conv scale", "scale neuron", "input other", "other neuron"]
    edges = tuple(Edge(*pair.split()) for pair in [*pairs, "neuron output"])
    graph = run_passes(Graph(Stage.DISCRETE, nodes, edges), [SinkScales()], Findings())
    assert isinstance(graph.nodes["scale"], Scale)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.float32])
def test_sums_of_a_window_of_spikes_do_not_overflow(dtype: type) -> None:
    """Of 20 x 20 spikes: more than a byte holds."""
    summed = pooled(np.ones((1, 1, 20, 20), dtype), (20, 20), window())
    assert summed.ravel().tolist() == [400]
    assert summed.dtype == (np.float32 if dtype is np.float32 else np.int64)


def integer_graph() -> Graph:
    weight = np.array([[1, -1]], np.int8)
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "fc": IntegerAffine(weight, narrowest_type(weight)),
        "neuron": IntegerNeuron(
            (1,),
            np.array([250]),
            np.array([0]),
            np.array([0]),
            LeakyState(np.array([1]), 0, -2000, 2000),
        ),
        "output": Output((1,)),
    }
    names = list(nodes)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.INTEGER, nodes, edges)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_counts_of_any_type_drive_an_integer_graph(dtype: type) -> None:
    counts = np.array([[[200, 0], [100, 0]]], dtype)
    recording = execute(integer_graph(), counts, probes=["neuron"])
    assert recording.potentials["neuron"].ravel().tolist() == [200, 300]
    assert recording.output.ravel().tolist() == [False, True]


def test_fractions_cannot_drive_an_integer_graph() -> None:
    with pytest.raises(InputError) as told:
        execute(integer_graph(), np.array([[[2.0, 0.5]]]))
    assert str(told.value) == (
        "input spikes for node 'input': got real values such as 0.5, expected booleans or integer "
        "counts, since the graph is integer. Encode the input as spikes, or run with --precision "
        "float."
    )
