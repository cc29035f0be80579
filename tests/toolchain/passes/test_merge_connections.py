"""When two connections become one, and when both stay."""

from __future__ import annotations

import numpy as np
import pytest

from axonc.toolchain.ir import (
    Affine,
    AvgPool,
    Conv,
    Edge,
    Flatten,
    Graph,
    Input,
    Neuron,
    Node,
    Output,
    Stage,
    SumPool,
    Window,
)
from axonc.toolchain.passes import Findings, MergeConnections, merge_connections, run_passes

ONE = np.ones(1)


def window(stride: int = 1, padding: int = 0) -> Window:
    return Window((stride, stride), ((padding, padding), (padding, padding)), (1, 1))


def merged(shape: tuple[int, ...], *between: Node, delay: int = 0) -> tuple[Graph, list[str]]:
    """Return a row of nodes in front of a neuron, merged, and what was said."""
    nodes: dict[str, Node] = {"input": Input(shape)}
    for number, node in enumerate(between):
        nodes[f"n{number}"], shape = node, node.output_shape(shape)
    nodes["neuron"] = Neuron(shape, 0.5 * ONE, ONE, 0 * ONE, ONE, 0 * ONE)
    nodes["output"] = Output(shape)
    names = list(nodes)
    edges = [Edge(a, b) for a, b in zip(names, names[1:], strict=False)]
    edges[0] = Edge("input", "n0", delay)
    findings = Findings()
    graph = run_passes(Graph(Stage.DISCRETE, nodes, tuple(edges)), [MergeConnections()], findings)
    return graph, [f"{row.node}: {row.detail}" for row in findings]


def kinds(graph: Graph) -> list[str]:
    return [node.kind for node in graph.nodes.values()][1:-2]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (Affine(np.diag([2.0, 0.5])), ["Affine", "Scale"]),
        (Affine(np.diag([2.0, 0.0])), ["Affine"]),  # 0 has no inverse: multiplied instead
        (Affine(np.array([[2.0, 1.0], [0.0, 1.0]])), ["Affine"]),
        (Affine(np.array([[2.0, 0.0]])), ["Affine"]),
        (Affine(np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])), ["Affine"]),
    ],
)
def test_a_diagonal_becomes_a_scale_and_others_are_multiplied(
    second: Affine, expected: list[str]
) -> None:
    graph, said = merged((3,), Affine(np.arange(6.0).reshape(2, 3) + 1), second)
    assert kinds(graph) == expected
    assert said == [
        "n1: scales 'n0', its bias folded there"
        if len(expected) == 2
        else "n0: multiplied into 'n1'"
    ]


def test_a_bias_behind_a_diagonal_is_divided_by_it() -> None:
    graph, _ = merged(
        (2,),
        Affine(np.eye(2) + 1, np.array([1.0, 2.0])),
        Affine(np.diag([2.0, -4.0]), np.array([3.0, 8.0])),
    )
    first = graph.nodes["n0"]
    assert isinstance(first, Affine) and first.bias is not None
    assert first.bias.tolist() == [1 + 3 / 2, 2 - 8 / 4]


def depthwise(channels: int, kernel: int = 1, stride: int = 1, padding: int = 0) -> Conv:
    weight = np.arange(1.0, 1 + channels * kernel * kernel).reshape(channels, 1, kernel, kernel)
    return Conv(weight, window(stride, padding), channels)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_depthwise_tap_becomes_a_scale_of_channels(channels: int) -> None:
    first = Conv(np.ones((channels, 2, 2, 2)), window())
    graph, _ = merged((2, 4, 4), first, depthwise(channels))
    assert kinds(graph) == ["Conv", "Scale"]
    scale = graph.nodes["n1"].scale  # type: ignore[attr-defined]
    assert scale.shape == (channels, 1, 1) and scale.ravel().tolist() == [*range(1, channels + 1)]


@pytest.mark.parametrize(
    "second",
    [
        depthwise(2, stride=2),
        depthwise(2, kernel=2),
        Conv(np.arange(1.0, 5).reshape(2, 2, 1, 1), window()),  # mixes channels
        Conv(np.arange(1.0, 5).reshape(4, 1, 1, 1), window(), 2),  # two for each channel
    ],
)
def test_other_kernels_are_no_scale(second: Conv) -> None:
    graph, said = merged((2, 4, 4), Conv(np.ones((2, 2, 2, 2)), window()), second)
    assert "Scale" not in kinds(graph)
    assert said == ["n0: multiplied into 'n1'"]


def test_a_padded_second_stays() -> None:
    """Its zeros lie beyond the first one's border, where the first would send others."""
    graph, said = merged((2, 4, 4), Conv(np.ones((2, 2, 2, 2)), window()), depthwise(2, padding=1))
    assert (kinds(graph), said) == (["Conv", "Conv"], [])


@pytest.mark.parametrize(
    ("kernel", "kept"),
    [
        (np.array([1, -1, 2, 1] * 2, np.int8), True),
        (np.array([0.5, -0.5, 0.0, 0.5, -2.0, 2.0, 2.0, 0.0]), True),  # one magnitude a row
        (np.array([0.5, -0.5, 0.25, 0.5, 1.0, 1.0, 1.0, 1.0]), False),
        (np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]), False),
    ],
)
@pytest.mark.parametrize("pool", [SumPool, AvgPool])
def test_a_pool_joins_real_kernels_and_keeps_binary_ones(
    kernel: np.ndarray, kept: bool, pool: type[SumPool]
) -> None:
    first = Conv(kernel.reshape(2, 1, 2, 2), window())
    graph, said = merged((1, 5, 5), first, pool((2, 2), window(2)))
    assert kinds(graph) == (["Conv", pool.__name__] if kept else ["Conv"])
    assert said == ([] if kept else ["n0: multiplied into 'n1'"])


def test_a_flattened_kernel_joins_a_matrix_and_says_so() -> None:
    first = Conv(np.ones((1, 1, 2, 2)), window(), 1, np.array([2.0]))
    graph, said = merged((1, 3, 3), first, Flatten(), Affine(np.ones((2, 4))))
    assert kinds(graph) == ["Flatten", "Affine"]
    assert said == ["n0: multiplied into 'n2'"]


@pytest.mark.parametrize(("largest", "joined"), [(17, False), (18, True)])
def test_a_matrix_too_large_keeps_both(
    largest: int, joined: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rows of nine pixels are 18 entries."""
    monkeypatch.setattr(merge_connections, "_LARGEST_MATRIX", largest)
    first = Conv(np.ones((1, 1, 2, 2)), window())
    graph, _ = merged((1, 3, 3), first, Flatten(), Affine(np.ones((2, 4))))
    assert kinds(graph) == (["Flatten", "Affine"] if joined else ["Conv", "Flatten", "Affine"])


def test_a_delay_in_front_stays() -> None:
    graph, _ = merged((2,), Affine(np.ones((3, 2))), Affine(np.ones((1, 3))), delay=2)
    assert graph.incoming["n1"] == (Edge("input", "n1", 2),)
