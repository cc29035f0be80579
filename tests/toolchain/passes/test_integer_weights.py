"""Weights become integers: recovered where they are signs, rounded where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from graph_strategies import chain, integrate_and_fire

from axonc.toolchain.ir import (
    BIPOLAR,
    TERNARY,
    Affine,
    Dialect,
    Graph,
    Input,
    IntegerAffine,
    IntegerNeuron,
    Output,
)
from axonc.toolchain.passes import (
    Findings,
    IntegerWeights,
    Verdict,
    integer_pipeline,
    to_discrete,
    to_integer,
)

RNG = np.random.default_rng(5)


def digits(weight: np.ndarray, bias: np.ndarray | None = None) -> Graph:
    nodes = {
        "input": Input((weight.shape[1],)),
        "linear": Affine(weight, bias),
        "neuron": integrate_and_fire((len(weight),), np.random.default_rng(1)),
        "output": Output((len(weight),)),
    }
    return chain(nodes, Dialect(1e-3))


def lowered(graph: Graph, **options: int) -> tuple[Graph, Findings]:
    findings = Findings()
    discrete = to_discrete(graph, findings)
    passes = integer_pipeline(IntegerWeights(**options))
    return to_integer(discrete, findings, passes=passes), findings


def test_a_scaled_sign_is_recovered_exactly() -> None:
    signs = RNG.choice([-1, 1], (4, 9)).astype(np.int16)
    alpha = RNG.uniform(0.1, 2, (4, 1)).astype(np.float32)
    integer, findings = lowered(digits(signs * alpha))
    linear = integer.nodes["linear"]
    assert isinstance(linear, IntegerAffine)
    assert linear.weight_type is BIPOLAR
    assert np.array_equal(linear.weight, signs)
    assert {row.verdict for row in findings.about("linear")} == {Verdict.EXACT}


def test_absent_synapses_make_a_ternary_layer() -> None:
    signs = np.array([[1, 0, -1], [-1, 1, 0]], np.float32) * np.float32(0.3)
    linear = lowered(digits(signs))[0].nodes["linear"]
    assert isinstance(linear, IntegerAffine)
    assert linear.weight_type is TERNARY


def test_one_odd_bit_is_not_taken_for_binary() -> None:
    weight = np.full((1, 5), np.float32(0.3))
    weight[0, 2] = np.nextafter(np.float32(0.3), np.float32(1))
    integer, findings = lowered(digits(weight))
    assert integer.nodes["linear"].weight_type.name == "INT8"  # type: ignore[attr-defined]
    assert [row.verdict for row in findings.about("linear")] == [Verdict.APPROXIMATE]


def test_small_integer_weights_are_kept() -> None:
    weight = RNG.integers(-100, 101, (3, 8)).astype(np.float32)
    integer, _ = lowered(digits(weight))
    assert np.array_equal(integer.nodes["linear"].weight, weight)  # type: ignore[attr-defined]


@pytest.mark.parametrize("bits", [2, 4, 8, 9])
def test_quantised_weights_are_at_most_half_a_step_off(bits: int) -> None:
    weight = RNG.normal(size=(5, 40)).astype(np.float32)
    integer, findings = lowered(digits(weight), bits=bits)
    linear = integer.nodes["linear"]
    assert isinstance(linear, IntegerAffine)
    top = 2 ** (bits - 1) - 1
    assert np.abs(linear.weight).max() == top
    step = np.abs(weight).max(axis=1, keepdims=True) / top
    # half a step, and the rounding of w / step in float64
    assert np.all(np.abs(linear.weight * step - weight) <= step * (0.5 + 1e-9))
    assert f"rounded to {bits} bits" in findings.about("linear")[0].detail


def test_one_bit_keeps_signs_and_the_mean_magnitude() -> None:
    weight = RNG.normal(size=(5, 40)).astype(np.float32)
    integer, findings = lowered(digits(weight), bits=1)
    linear = integer.nodes["linear"]
    assert isinstance(linear, IntegerAffine)
    assert linear.weight_type is BIPOLAR
    assert np.array_equal(linear.weight, np.where(weight >= 0, 1, -1))
    thresholds = to_discrete(digits(weight), Findings()).nodes["neuron"].threshold  # type: ignore[attr-defined]
    means = np.abs(weight).mean(axis=1)
    made = integer.nodes["neuron"]
    assert isinstance(made, IntegerNeuron)
    assert np.array_equal(made.threshold, np.floor(thresholds / means * 2**made.fraction_bits))
    assert findings.about("linear")[0].verdict is Verdict.APPROXIMATE


def test_one_bit_keeps_absent_synapses_absent() -> None:
    weight = np.array([[0.7, 0.0, -0.4, 0.1], [0.0, 0.0, 0.0, 0.0]], np.float32)
    integer, findings = lowered(digits(weight), bits=1)
    linear, neuron = integer.nodes["linear"], integer.nodes["neuron"]
    assert isinstance(linear, IntegerAffine) and isinstance(neuron, IntegerNeuron)
    assert np.array_equal(linear.weight, [[1, 0, -1, 1], [0, 0, 0, 0]])
    assert linear.weight_type is TERNARY
    theta = to_discrete(digits(weight), Findings()).nodes["neuron"].threshold[0]  # type: ignore[attr-defined]
    mean = np.abs(weight[0].astype(np.float64)).sum() / 3  # of the three synapses that are there
    assert neuron.threshold[0] == np.floor(theta / mean * 2**neuron.fraction_bits)
    assert findings.about("linear")[0].verdict is Verdict.APPROXIMATE


@pytest.mark.parametrize("bits", [1, 2, 6, 11])
def test_stored_integers_obey_the_bits_that_are_asked_for(bits: int) -> None:
    weight = RNG.integers(-2048, 2048, (4, 9)).astype(np.int16)
    weight[:, 0] = 2047
    kept, findings = lowered(digits(weight))
    assert np.array_equal(kept.nodes["linear"].weight, weight)  # type: ignore[attr-defined]
    assert findings.about("linear")[0].verdict is Verdict.EXACT
    rounded, findings = lowered(digits(weight), bits=bits)
    linear = rounded.nodes["linear"]
    assert isinstance(linear, IntegerAffine)
    assert linear.weight_type.bits <= max(bits, 2)  # ternary where some are 0
    said = findings.about("linear")[0]
    assert said.verdict is Verdict.APPROXIMATE and f"rounded to {bits} bits" in said.detail


@pytest.mark.parametrize("bits", [12, 16])
def test_stored_integers_that_fit_the_bits_keep_their_values(bits: int) -> None:
    weight = np.array([[-2048, 5, 2047], [1, -7, 0]], np.int16)
    integer, findings = lowered(digits(weight), bits=bits)
    assert np.array_equal(integer.nodes["linear"].weight, weight)  # type: ignore[attr-defined]
    assert findings.about("linear")[0].verdict is Verdict.EXACT
