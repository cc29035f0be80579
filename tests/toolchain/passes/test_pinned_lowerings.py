"""Small networks whose integers are pinned, every weight, threshold, width and finding of them.

Other tests compare what two graphs compute; here a change that only moves rounding, widths or words
shows as well. AXONC_WRITE_LOWERINGS=1 writes `lowerings/` anew; whoever does reads the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
from graph_strategies import chain

from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import (
    IF,
    LI,
    LIF,
    Affine,
    AvgPool,
    Conv,
    CubaLIF,
    Delay,
    Dialect,
    Edge,
    Flatten,
    Graph,
    IFConvention,
    Input,
    Integrator,
    Node,
    Output,
    Reset,
    Scale,
    SumPool,
    Threshold,
    WInConvention,
    Window,
)
from axonc.toolchain.passes import Findings, integer_pipeline, parse_pipeline, to_discrete
from axonc.toolchain.passes.base import run_passes

PINNED = Path(__file__).with_name("lowerings")
DT = 1e-3


def values(*shape: int, seed: int, scale: float = 1.0) -> np.ndarray:
    """Return numbers of two decimals, so that they are the same everywhere."""
    drawn = np.random.default_rng(seed).integers(-200, 201, shape)
    return (scale * drawn / 100).astype(np.float32)


def lif(size: int, tau: float = 5e-3, *, leak: float = 0.0, reset: float = 0.0) -> LIF:
    full = np.ones(size, np.float32)
    threshold = (0.5 + np.arange(size) / 4).astype(np.float32)
    return LIF((size,), full * np.float32(tau), 2 * full, leak * full, threshold, reset * full)


def fires(shape: tuple[int, ...], threshold: float = 2.5) -> IF:
    full = np.ones(shape, np.float32)
    return IF(shape, full, threshold * full, 0 * full)


def window(kernel: int, stride: int = 1, padding: int = 0) -> Window:
    del kernel
    return Window((stride, stride), ((padding, padding), (padding, padding)), (1, 1))


def real_weights() -> Graph:
    """Real weights with biases, a leak to a resting value, a reset to another."""
    nodes: dict[str, Node] = {
        "input": Input((3,)),
        "fc": Affine(values(2, 3, seed=1), values(2, seed=2, scale=0.1)),
        "lif": lif(2, leak=0.125, reset=-0.25),
        "out": Affine(values(2, 2, seed=3)),
        "last": lif(2, 3e-3, reset=0.125),
        "output": Output((2,)),
    }
    return chain(nodes, Dialect(DT, Integrator.EXPONENTIAL, Reset.HARD))


def synaptic_currents() -> Graph:
    """Binary weights of one magnitude a row behind a scale, and currents that decay."""
    full = np.ones(3, np.float32)
    signs = np.where(values(3, 4, seed=4) > 0, 1, -1).astype(np.float32)
    nodes: dict[str, Node] = {
        "input": Input((4,)),
        "fc": Affine(signs * np.array([[0.5], [0.25], [1.5]], np.float32)),
        "scale": Scale(np.array([0.5, -2.0, 1.0], np.float32)),
        "cuba": CubaLIF(
            (3,), 4e-3 * full, 8e-3 * full, full, 0 * full, 1.5 * full, 0.75 * full, 0 * full
        ),
        "output": Output((3,)),
    }
    return chain(nodes, Dialect(DT, Integrator.EULER, Reset.SUBTRACT))


def jumping_currents() -> Graph:
    graph = synaptic_currents()
    dialect = Dialect(DT, Integrator.EXPONENTIAL_DELTA, Reset.HARD, w_in=WInConvention.JUMP)
    return chain(dict(graph.nodes), dialect)


def convolutions() -> Graph:
    """Convolution, mean, neurons; depthwise and pointwise; sum, flatten, matrix."""
    nodes: dict[str, Node] = {
        "input": Input((1, 4, 4)),
        "conv": Conv(values(2, 1, 3, 3, seed=5), window(3, padding=1), 1, values(2, seed=6)),
        "mean": AvgPool((2, 2), window(2, 2)),
        "first": fires((2, 2, 2), 1.25),
        "depthwise": Conv(values(2, 1, 1, 1, seed=7), window(1), 2, values(2, seed=8)),
        "pointwise": Conv(values(2, 2, 1, 1, seed=9), window(1), 1, values(2, seed=10)),
        "second": fires((2, 2, 2)),
        "sum": SumPool((2, 2), window(2, 2)),
        "flatten": Flatten(),
        "fc": Affine(values(3, 2, seed=11)),
        "last": lif(3),
        "output": Output((3,)),
    }
    return chain(nodes, Dialect(DT))


def batch_norm_as_convolution() -> Graph:
    """A kernel of integers, then a depthwise kernel of one tap with a bias: kept, and scaled."""
    kernel = np.array([[[[1, -1], [1, 1]]], [[[-1, -1], [0, 1]]]], np.int8)
    gains = np.array([0.5, -0.25], np.float32).reshape(2, 1, 1, 1)
    nodes: dict[str, Node] = {
        "input": Input((1, 3, 3)),
        "conv": Conv(kernel, window(2), 1, np.array([1.0, 2.0], np.float32)),
        "norm": Conv(gains, window(1), 2, np.array([0.5, 1.0], np.float32)),
        "neuron": fires((2, 2, 2), 1.0),
        "output": Output((2, 2, 2)),
    }
    return chain(nodes, Dialect(DT))


def strided_pointwise() -> Graph:
    """Depthwise kernels of one tap that no scale is: one strides, one pads."""
    nodes: dict[str, Node] = {
        "input": Input((2, 3, 3)),
        "conv": Conv(values(2, 2, 1, 1, seed=12), window(1)),
        "strides": Conv(values(2, 1, 1, 1, seed=13), window(1, 2), 2),
        "first": fires((2, 2, 2)),
        "again": Conv(values(2, 2, 1, 1, seed=14), window(1)),
        "pads": Conv(values(2, 1, 1, 1, seed=15), window(1, 1, 1), 2),
        "neuron": fires((2, 4, 4)),
        "output": Output((2, 4, 4)),
    }
    return chain(nodes, Dialect(DT))


def matrices_in_a_row() -> Graph:
    """A diagonal matrix becomes a scale; two full ones are multiplied."""
    nodes: dict[str, Node] = {
        "input": Input((3,)),
        "fc": Affine(np.array([[1, -1, 1], [-1, -1, 1]], np.int8), np.array([1.0, 0.5])),
        "norm": Affine(np.diag([0.5, 0.25]).astype(np.float32), values(2, seed=16)),
        "neuron": lif(2),
        "down": Affine(values(1, 2, seed=17), values(1, seed=18)),
        "up": Affine(values(2, 1, seed=19), values(2, seed=20)),
        "last": lif(2),
        "output": Output((2,)),
    }
    return chain(nodes, Dialect(DT))


def residual() -> Graph:
    """Real weights beside a bare edge that is late, and beside a scale."""
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "fc": Affine(values(2, 2, seed=21)),
        "neuron": lif(2),
        "again": Affine(values(2, 2, seed=22)),
        "last": lif(2, 8e-3),
        "output": Output((2,)),
        "gain": Scale(np.array([0.5, 1.5], np.float32)),
    }
    feed = list(nodes)[:-1]
    edges = [Edge(a, b) for a, b in zip(feed, feed[1:], strict=False)]
    edges += [Edge("input", "neuron", 2), Edge("input", "gain"), Edge("gain", "last")]
    graph = chain({name: nodes[name] for name in feed}, Dialect(DT))
    return Graph(graph.stage, nodes, tuple(edges), graph.dialect)


def residual_of_channels() -> Graph:
    nodes: dict[str, Node] = {
        "input": Input((2, 3, 3)),
        "conv": Conv(values(2, 2, 3, 3, seed=23), window(3, padding=1)),
        "neuron": fires((2, 3, 3)),
        "output": Output((2, 3, 3)),
    }
    return chain(nodes, Dialect(DT), (Edge("input", "neuron"),))


def recurrent_and_delayed() -> Graph:
    """Ternary weights, a loop, a delay node, neurons without leak."""
    ternary = np.array([[1, 0, -1], [0, 1, 1]], np.int8)
    nodes: dict[str, Node] = {
        "input": Input((3,)),
        "late": Delay(np.array([0.0, 1e-3, 3e-3])),
        "fc": Affine(ternary),
        "neuron": fires((2,), 1.5),
        "output": Output((2,)),
        "back": Affine(np.array([[0, -1], [1, 0]], np.int8)),
    }
    feed = list(nodes)[:-1]
    edges = [Edge(a, b) for a, b in zip(feed, feed[1:], strict=False)]
    edges += [Edge("neuron", "back", 1), Edge("back", "neuron")]
    graph = chain({name: nodes[name] for name in feed}, Dialect(DT))
    dialect = Dialect(DT, Integrator.EULER, Reset.SUBTRACT, if_convention=IFConvention.PER_STEP)
    return Graph(graph.stage, nodes, tuple(edges), dialect)


def silent_and_constant() -> Graph:
    """Neurons that can never fire, some that fire in every step, one that nothing hears."""
    weight = np.array([[1, 1, 0], [0, 0, 0], [1, -1, 1], [2, 1, 1]], np.float32)
    full = np.ones(4, np.float32)
    threshold = np.array([50.0, 0.5, 0.5, 0.25], np.float32)
    rest = np.array([0.0, 2.0, 0.0, 0.0], np.float32)
    nodes: dict[str, Node] = {
        "input": Input((3,)),
        "fc": Affine(weight),
        "lif": LIF((4,), 2e-3 * full, full, rest, threshold, 0 * full),
        "out": Affine(np.array([[1, 2, 1, 0], [1, -1, 3, 0]], np.float32)),
        "last": lif(2),
        "output": Output((2,)),
    }
    return chain(nodes, Dialect(DT))


def refused() -> Graph:
    """Neurons that no integer population is: they are told all at once."""
    full = np.ones(2, np.float32)
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "fc": Affine(values(2, 2, seed=24)),
        "step": Threshold((2,), 0.5 * full),
        "again": Affine(values(2, 2, seed=25)),
        "li": LI((2,), 5e-3 * full, full, 0 * full),
        "output": Output((2,)),
    }
    return chain(nodes, Dialect(DT))


def fractional_delay() -> Graph:
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "late": Delay(np.array([2e-3, 1.75e-3])),
        "fc": Affine(values(2, 2, seed=26)),
        "lif": lif(2),
        "output": Output((2,)),
    }
    return chain(nodes, Dialect(DT))


NETWORKS: dict[str, Callable[[], Graph]] = {
    made.__name__: made
    for made in (
        real_weights,
        synaptic_currents,
        jumping_currents,
        convolutions,
        batch_norm_as_convolution,
        strided_pointwise,
        matrices_in_a_row,
        residual,
        residual_of_channels,
        recurrent_and_delayed,
        silent_and_constant,
        refused,
        fractional_delay,
    )
}
_BEFORE = "merge-connections,average-to-sum,sink-scales,weigh-direct-edges"
PIPELINES = {
    "default": "",
    "narrow": f"{_BEFORE},prune{{horizon-steps=16}},fold-bias,integer-weights{{bits=3}},"
    "positive-gains,fixed-point{fraction-bits=2,rounding=floor,input-count=3,steps=20}",
    "wide": f"{_BEFORE},fold-bias,integer-weights{{bits=12}},positive-gains,"
    "fixed-point{tolerance=0.05,membrane-bits=30,horizon-steps=100}",
}


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("name", NETWORKS)
def test_lowering_is_as_pinned(name: str, pipeline: str) -> None:
    text = lowering(NETWORKS[name](), PIPELINES[pipeline])
    pinned = PINNED / f"{name}-{pipeline}.txt"
    if os.environ.get("AXONC_WRITE_LOWERINGS"):
        pinned.write_text(text)
    assert text == pinned.read_text()


def lowering(graph: Graph, pipeline: str) -> str:
    """Return all that becomes of a graph: findings, then nodes and edges, or the refusal."""
    findings = Findings()
    lines = []
    try:
        discrete = to_discrete(graph, findings)
        passes = parse_pipeline(pipeline) if pipeline else integer_pipeline()
        integer = run_passes(discrete, passes, findings)
    except LoweringError as error:
        lines += ["refused", *str(error).splitlines()]
    else:
        lines += [f"{name} = {_text(node)}" for name, node in integer.nodes.items()]
        lines += [f"{e.source} -> {e.target} after {e.delay}" for e in integer.edges]
        lines.append(f"sized for {integer.sized_for}")
    rows = [f"{row.node}: {row.verdict} by {row.found_by}: {row.detail}" for row in findings]
    return "\n".join([*rows, *lines]) + "\n"


def _text(value: object) -> str:
    if isinstance(value, np.ndarray):
        numbers = ", ".join(f"{number:.9g}" for number in value.ravel().tolist())
        return f"{value.dtype}{list(value.shape)}({numbers})"
    if is_dataclass(value) and not isinstance(value, type):
        inner = (f"{f.name}={_text(getattr(value, f.name))}" for f in fields(value))
        return f"{type(value).__name__}({', '.join(inner)})"
    return str(value)
