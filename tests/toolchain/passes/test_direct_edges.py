"""Residual edges beside real weights: they become weights, and the integers stay the network's."""

from __future__ import annotations

import numpy as np
import pytest
from graph_strategies import chain, integrate_and_fire, lif, spike_trains

from axonc.toolchain.driver import lower
from axonc.toolchain.ir import (
    Affine,
    Conv,
    Dialect,
    Edge,
    Graph,
    Input,
    Node,
    Output,
    Scale,
    Window,
)
from axonc.toolchain.reference import execute


def residual(shape: tuple[int, ...], behind: Node, beside: Scale | None) -> Graph:
    """Return input -> first -> weights -> behind -> second, and first -> (beside) -> second."""
    rng = np.random.default_rng(2)
    n = shape[0]
    signs = rng.choice([-1, 1, 1, 1], (n, n) if len(shape) == 1 else (n, n, 3, 3)).astype(np.int8)
    window = Window((1, 1), ((1, 1), (1, 1)), (1, 1))
    nodes: dict[str, Node] = {
        "input": Input(shape),
        "first": integrate_and_fire(shape, rng),
        "weights": Affine(signs) if len(shape) == 1 else Conv(signs, window),
        "behind": behind,
        "second": integrate_and_fire(shape, rng),
        "output": Output(shape),
    }
    if beside is None:
        return chain(nodes, Dialect(1e-3), (Edge("first", "second"),))
    graph = chain(nodes, Dialect(1e-3))
    more = (Edge("first", "beside"), Edge("beside", "second"))
    return Graph(graph.stage, {**nodes, "beside": beside}, (*graph.edges, *more), graph.dialect)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4)])
@pytest.mark.parametrize("beside", [None, 0.5, (0.5, 0.25, 2.0)])
def test_a_residual_edge_is_exact_where_one_step_fits_both(
    shape: tuple[int, ...], beside: float | tuple[float, ...] | None
) -> None:
    axes = (-1, *(1,) * (len(shape) - 1))
    factors = Scale(np.array([0.5, 0.25, 1.0]).reshape(axes))
    scale = None if beside is None else Scale(np.array(beside).reshape(axes))
    lowering = lower(residual(shape, factors, scale))
    spikes = spike_trains(lowering.imported, samples=4, steps=30)
    expected = execute(lowering.discrete, spikes).output
    assert expected.any()
    assert np.array_equal(execute(lowering.integer, spikes).output, expected)


def test_integers_too_wide_for_16_bits_are_not_cut() -> None:
    signs = np.array([[1, -1], [1, 1]], np.int64)
    rng = np.random.default_rng(0)
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "fc": Affine(signs * 10**12),
        "scale": Scale(np.array(1e-12)),
        "if": integrate_and_fire((2,), rng),
        "output": Output((2,)),
    }
    lowering = lower(chain(nodes, Dialect(1e-3)))
    spikes = spike_trains(lowering.imported)
    expected = execute(lowering.discrete, spikes).output
    assert expected.any()
    assert np.array_equal(execute(lowering.integer, spikes).output, expected)


def test_a_leak_without_a_gain_is_refused_by_name() -> None:
    rng = np.random.default_rng(0)
    neuron = lif((2,), rng)
    idle = type(neuron)(
        (2,),
        neuron.tau,
        np.array([0.0, 1.0]),
        np.array([2.0, 0.0]),
        neuron.v_threshold,
        neuron.v_reset,
    )
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "fc": Affine(np.eye(2, dtype=np.int8)),
        "lif": idle,
        "output": Output((2,)),
    }
    assert "a gain of 0 beside a leak" in str(lower(chain(nodes, Dialect(1e-3))).refusal)
