"""One BatchNorm factor near 0 neither widens the layer nor changes what it fires."""

from __future__ import annotations

import numpy as np
import pytest
from graph_strategies import chain, integrate_and_fire

from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import (
    IF,
    LIF,
    Affine,
    Dialect,
    Graph,
    Input,
    IntegerAffine,
    IntegerNeuron,
    Output,
    Reset,
    Scale,
)
from axonc.toolchain.passes import Findings, FixedPoint, integer_pipeline, to_discrete, to_integer
from axonc.toolchain.reference import execute

NEURONS, SMALL = 8, 3


def layer(gain: float, bias: float, reset: Reset, leaks: bool, after_reset: float = 0.0) -> Graph:
    """Binary weights, a factor and a bias a neuron; those of neuron 3 are given."""
    rng = np.random.default_rng(1)
    full = np.ones(NEURONS, np.float32)
    scale = rng.uniform(0.2, 0.6, NEURONS).astype(np.float32)
    shift = rng.uniform(-0.3, 0.3, NEURONS).astype(np.float32)
    scale[SMALL], shift[SMALL] = gain, bias
    threshold, v_reset = 2 * full, after_reset * full
    neuron = (
        LIF((NEURONS,), 2e-3 * full, 2 * full, 0 * full, threshold, v_reset)
        if leaks
        else IF((NEURONS,), full, threshold, v_reset)
    )
    nodes = {
        "input": Input((20,)),
        "fc": Affine(rng.choice([-1, 1], (NEURONS, 20)).astype(np.int8)),
        "scale": Scale(scale),
        "norm": Affine(np.eye(NEURONS, dtype=np.float32), shift),
        "neuron": neuron,
        "output": Output((NEURONS,)),
    }
    return chain(nodes, Dialect(1e-3, reset=reset))


def lowered(graph: Graph, **options: float) -> tuple[Graph, Graph, list[str]]:
    findings = Findings()
    discrete = to_discrete(graph, findings)
    passes = integer_pipeline(fixed_point=FixedPoint(**options))  # type: ignore[arg-type]
    integer = to_integer(discrete, findings, passes=passes)
    return discrete, integer, [row.detail for row in findings.about("neuron")]


def width(graph: Graph) -> int:
    neuron = graph.nodes["neuron"]
    assert isinstance(neuron, IntegerNeuron)
    return neuron.membrane.bits


@pytest.mark.parametrize("gain", [1e-3, -1e-5, 1e-7, 1e-9, -1e-12, 1e-30])
@pytest.mark.parametrize("bias", [0.0, 0.9, 1.3, -5.0])
@pytest.mark.parametrize("reset", [Reset.HARD, Reset.SUBTRACT])
@pytest.mark.parametrize("leaks", [True, False])
def test_the_layer_fires_as_before(gain: float, bias: float, reset: Reset, leaks: bool) -> None:
    discrete, integer, said = lowered(layer(gain, bias, reset, leaks), fraction_bits=12)
    spikes = np.random.default_rng(2).random((2, 40, 20)) < 0.3
    expected, got = execute(discrete, spikes).output, execute(integer, spikes).output
    differ = (expected != got).reshape(-1, NEURONS).sum(axis=0)
    others = np.delete(differ, SMALL)
    assert others.sum() <= 2, differ  # 12 fraction bits of potentials
    # Subtracting 2 at bias 0.9 leaves a residue that depends on every last synapse.
    assert differ[SMALL] <= (8 if reset is Reset.SUBTRACT else 0), (differ, said)
    assert width(integer) <= 41


@pytest.mark.parametrize("gain", [1e-7, 1e-9, 1e-12])
def test_a_leaking_layer_is_hardly_wider(gain: float) -> None:
    ordinary = width(lowered(layer(0.3, 0.9, Reset.HARD, leaks=True))[1])
    narrow, said = lowered(layer(gain, 0.0, Reset.HARD, leaks=True))[1:]
    assert width(narrow) <= ordinary  # a threshold that nothing reaches costs nothing
    assert "gain" not in said[-1]
    with_bias, said = lowered(layer(gain, 0.9, Reset.HARD, leaks=True))[1:]
    assert width(with_bias) <= ordinary + 9  # the tolerance of 1/256, and a bit
    assert (
        "the gain of neuron 3 is so small that the bias decides alone, and was raised" in said[-1]
    )
    weights = with_bias.nodes["fc"]
    assert isinstance(weights, IntegerAffine)
    assert set(np.unique(weights.weight)) == {-1, 1}  # one bit a synapse, as before


def test_what_is_not_small_is_left_alone() -> None:
    for said in lowered(layer(0.3, 0.9, Reset.HARD, leaks=True))[2]:
        assert "gain" not in said


def test_a_layer_that_is_too_wide_names_the_neuron() -> None:
    full = np.ones(NEURONS, np.float32)
    threshold = 2 * full
    threshold[5] = 1e14
    graph = chain(
        {
            "input": Input((4,)),
            "fc": Affine(np.ones((NEURONS, 4), np.int8)),
            "neuron": IF((NEURONS,), full, threshold, 0 * full + np.eye(NEURONS)[5] * 1e13),
            "output": Output((NEURONS,)),
        },
        Dialect(1e-3),
    )
    with pytest.raises(LoweringError) as told:
        lowered(graph, tolerance=0)
    assert "bits, 41 are the most; neuron 5 needs most; scale weights" in str(told.value)


def test_integrators_that_fire_keep_their_width() -> None:
    """The threshold bounds a membrane without leak for ever where nothing inhibits."""
    rng = np.random.default_rng(0)
    nodes = {
        "input": Input((4,)),
        "fc": Affine(np.ones((3, 4), np.int8)),
        "neuron": integrate_and_fire((3,), rng),
        "output": Output((3,)),
    }
    _, integer, said = lowered(chain(nodes, Dialect(1e-3)))
    assert "steps" not in said[-1]
    assert width(integer) == 5  # 4 below a threshold of at most 4, and 4 more arrive
