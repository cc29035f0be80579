"""Random networks and spike trains for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from axonc.toolchain.ir import (
    IF,
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
    Input,
    Integrator,
    Node,
    Output,
    Reset,
    Scale,
    Stage,
    SumPool,
    Threshold,
    Window,
    verify,
)

DT = 1e-3


def lif(shape: tuple[int, ...], rng: np.random.Generator, tau: float = 2e-3) -> LIF:
    """Return LIF neurons with thresholds that differ."""
    full = np.ones(shape, np.float32)
    threshold = rng.uniform(0.5, 2.0, shape).astype(np.float32)
    return LIF(shape, full * np.float32(tau), full, 0 * full, threshold, 0 * full)


def current_based(shape: tuple[int, ...], rng: np.random.Generator) -> CubaLIF:
    """Return LIF neurons with synaptic currents, and thresholds that differ."""
    full = np.ones(shape, np.float32)
    threshold = rng.uniform(0.5, 2.0, shape).astype(np.float32)
    tau_syn, tau_mem = np.float32(2e-3), np.float32(4e-3)
    return CubaLIF(shape, full * tau_syn, full * tau_mem, full, 0 * full, full, threshold, 0 * full)


def integrate_and_fire(shape: tuple[int, ...], rng: np.random.Generator) -> IF:
    """Return IF neurons with thresholds that differ."""
    full = np.ones(shape, np.float32)
    return IF(shape, full, rng.uniform(1.0, 4.0, shape).astype(np.float32), 0 * full)


def chain(nodes: dict[str, Node], dialect: Dialect, extra: tuple[Edge, ...] = ()) -> Graph:
    """Return an imported graph whose nodes follow each other in order, with more edges if given."""
    names = list(nodes)
    edges = (*(Edge(a, b) for a, b in zip(names, names[1:], strict=False)), *extra)
    return verify(Graph(Stage.IMPORTED, nodes, edges, dialect), "the test's own hands")


@st.composite
def dense_networks(draw: st.DrawFn) -> Graph:
    """Imported networks of 1 to 3 dense layers: binary, ternary, int8 or float weights, Scale or
    not, bias or not, a delay or not, LIF, IF, current-based or stateless neurons, any integrator,
    hard or subtracting reset, maybe a recurrent connection."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(1, 12))
    nodes: dict[str, Node] = {"input": Input((size,))}
    extra: list[Edge] = []
    tau = draw(st.sampled_from([1.5e-3, 2e-3, 4e-3, 20e-3]))
    for index in range(draw(st.integers(1, 3))):
        outputs = draw(st.integers(1, 10))
        weight = _weights(draw, rng, (outputs, size))
        bias = rng.normal(size=outputs).astype(np.float32) if draw(st.booleans()) else None
        if draw(st.booleans()):
            steps = rng.integers(0, 3, size).astype(np.float64)
            nodes[f"delay{index}"] = Delay(steps * DT)
        nodes[f"linear{index}"] = Affine(weight, bias)
        if draw(st.booleans()):
            scale = rng.uniform(0.1, 0.6, outputs) * rng.choice([-1, 1], outputs)
            nodes[f"scale{index}"] = Scale(scale.astype(np.float32))
        kind = draw(st.sampled_from(["lif", "lif", "if", "current", "threshold"]))
        nodes[f"neuron{index}"] = {
            "lif": lambda shape: lif(shape, rng, tau),
            "if": lambda shape: integrate_and_fire(shape, rng),
            "current": lambda shape: current_based(shape, rng),
            "threshold": lambda shape: Threshold(shape, rng.uniform(0.5, 2.0, shape)),
        }[kind]((outputs,))
        size = outputs
    nodes["output"] = Output((size,))
    reset = draw(st.sampled_from([Reset.HARD, Reset.SUBTRACT]))
    dialect = Dialect(DT, draw(st.sampled_from(list(Integrator))), reset)
    graph = chain(nodes, dialect)
    if draw(st.booleans()):
        last = list(nodes)[-2]
        recurrent = Affine(_weights(draw, rng, (size, size)))
        extra = [Edge(last, "recurrent", 1), Edge("recurrent", last)]
        graph = verify(
            Graph(
                Stage.IMPORTED,
                {**graph.nodes, "recurrent": recurrent},
                (*graph.edges, *extra),
                dialect,
            ),
            "the test's own hands",
        )
    return graph


def _weights(draw: st.DrawFn, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    kind = draw(st.sampled_from(["sign", "alpha-sign", "ternary", "int8", "float"]))
    if kind == "sign":
        return rng.choice([-1, 1], shape).astype(np.int8)
    if kind == "alpha-sign":
        alpha = rng.uniform(0.1, 2.0, (shape[0], 1)).astype(np.float32)
        return alpha * rng.choice([-1, 1], shape).astype(np.float32)
    if kind == "ternary":
        return rng.choice([-1, 0, 1], shape).astype(np.int8)
    if kind == "int8":
        return rng.integers(-127, 128, shape).astype(np.int8)
    return rng.normal(size=shape).astype(np.float32)


@st.composite
def convolutional_networks(draw: st.DrawFn) -> Graph:
    """Imported networks: convolution, neurons, pool, flatten, dense, neurons."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = draw(st.sampled_from([1, 2]))
    channels, out_channels = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 3))
    size = (draw(st.integers(5, 8)), draw(st.integers(5, 8)))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    window = Window(
        stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        padding=tuple((draw(st.integers(0, 1)), draw(st.integers(0, 1))) for _ in range(2)),
        dilation=(draw(st.integers(1, 2)), 1),
    )
    weight = rng.choice([-1, 1], (out_channels, channels // groups, *kernel)).astype(np.int8)
    conv = Conv(weight, window, groups)
    shape = conv.output_shape((channels, *size))
    gains = rng.choice([1, -1] if draw(st.booleans()) else [1], (out_channels, 1, 1))
    pool_kind = draw(st.sampled_from([SumPool, AvgPool]))
    kernel_size = (min(2, shape[1]), min(2, shape[2]))
    pool = pool_kind(kernel_size, Window(kernel_size, ((0, 0), (0, 0)), (1, 1)))
    pooled = pool.output_shape(shape)
    flat = int(np.prod(pooled))
    nodes: dict[str, Node] = {
        "input": Input((channels, *size)),
        "conv": conv,
        "scale": Scale((gains * rng.uniform(0.2, 1.0, gains.shape)).astype(np.float32)),
        "neuron0": integrate_and_fire(shape, rng),
        "pool": pool,
        "flatten": Flatten(),
        "linear": Affine(rng.choice([-1, 1], (4, flat)).astype(np.int8)),
        "neuron1": lif((4,), rng),
        "output": Output((4,)),
    }
    return chain(nodes, Dialect(DT))


def spike_trains(graph: Graph, samples: int = 3, steps: int = 12, seed: int = 0) -> np.ndarray:
    """Return Bernoulli spikes (0.3 a step) for the graph's input: bool (batch, time, *shape)."""
    rng = np.random.default_rng(seed)
    shape = next(iter(graph.inputs.values())).shape
    return rng.random((samples, steps, *shape)) < 0.3
