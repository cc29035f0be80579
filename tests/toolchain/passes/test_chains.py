"""Linear nodes in a row between two spikes: they lower, and the integers fire as the reals do.

Weights, biases and thresholds are whole numbers, so that rounding has no part in it.
"""

import numpy as np
import pytest

from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import (
    Affine,
    AvgPool,
    Conv,
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    Neuron,
    Output,
    Reset,
    Stage,
    SumPool,
    Window,
)
from axonc.toolchain.passes import Findings, to_integer
from axonc.toolchain.reference import execute

RNG = np.random.default_rng(7)


def window(stride=1, padding=0):
    return Window((stride,) * 2, ((padding,) * 2,) * 2, (1, 1))


def conv(outputs, inputs, kernel=3, *, padding=0, groups=1, bias=False):
    weight = RNG.integers(-2, 3, (outputs, inputs // groups, kernel, kernel)).astype(float)
    shift = RNG.integers(-2, 3, outputs).astype(float) if bias else None
    return Conv(weight, window(padding=padding), groups, shift)


def affine(outputs, inputs, *, bias=False):
    shift = RNG.integers(-2, 3, outputs).astype(float) if bias else None
    return Affine(RNG.integers(-2, 3, (outputs, inputs)).astype(float), shift)


def neuron(shape, threshold=2.0):
    one = np.ones(1)
    return Neuron(
        shape=shape,
        decay=0.5 * one,
        gain=one,
        leak=0 * one,
        threshold=threshold * one,
        v_reset=0 * one,
        reset=Reset.HARD,
    )


def chain(shape, *nodes):
    """Return input, nodes, a neuron and an output in a row."""
    named = {"input": Input(shape)}
    for number, node in enumerate(nodes):
        shape = node.output_shape(shape)
        named[f"n{number}"] = node
    named |= {"neuron": neuron(shape), "output": Output(shape)}
    names = list(named)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.DISCRETE, named, edges)


IMAGE = (2, 6, 6)
CHAINS = {
    "depthwise-separable": (IMAGE, conv(2, 2, padding=1, groups=2, bias=True), conv(6, 2, 1)),
    "two convolutions": (IMAGE, conv(3, 2, padding=1, bias=True), conv(4, 3, bias=True)),
    "pointwise, then padded": (IMAGE, conv(3, 2, 1), conv(4, 3, padding=1, bias=True)),
    "a padded second": (IMAGE, conv(3, 2, padding=1), conv(2, 3, padding=1, bias=True)),
    "convolution, mean, neuron": (IMAGE, conv(4, 2, bias=True), AvgPool((2, 2), window(2))),
    "convolution, sum, neuron": (IMAGE, conv(4, 2, bias=True), SumPool((2, 2), window(2))),
    "mean, then groups": (IMAGE, AvgPool((2, 2), window(2)), conv(4, 2, groups=2, bias=True)),
    "convolution, flatten, matrix": (
        IMAGE,
        conv(3, 2, bias=True),
        Flatten(),
        affine(5, 3 * 4 * 4, bias=True),
    ),
    "convolution, mean, flatten, matrix": (
        IMAGE,
        conv(3, 2, bias=True),
        AvgPool((2, 2), window(2)),
        Flatten(),
        affine(5, 3 * 2 * 2),
    ),
    "three matrices": ((5,), affine(4, 5, bias=True), affine(6, 4), affine(3, 6, bias=True)),
    "matrix, delay, matrix": ((5,), affine(4, 5), Delay(np.array(2.0)), affine(3, 4, bias=True)),
    "matrix, delays, matrix": (
        (5,),
        affine(4, 5),
        Delay(np.array([0.0, 1.0, 2.0, 0.0])),
        affine(3, 4),
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_integers_fire_as_the_reals_do(name):
    graph = chain(*CHAINS[name])
    integer = to_integer(graph, Findings())
    spikes = np.random.default_rng(1).random((3, 12, *graph.nodes["input"].shape)) < 0.4
    expected = execute(graph, spikes, probes=["neuron"]).output
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(execute(integer, spikes).output, expected)


@pytest.mark.parametrize(
    "name",
    [
        "depthwise-separable",
        "two convolutions",
        "pointwise, then padded",
        "convolution, flatten, matrix",
        "three matrices",
    ],
)
def test_one_connection_is_left(name):
    integer = to_integer(chain(*CHAINS[name]), Findings())
    kinds = [node.kind for node in integer.nodes.values() if hasattr(node, "weight")]
    assert len(kinds) == 1


def test_a_real_kernel_and_its_pool_are_rounded_as_one():
    """Summed over the pool after rounding, 8-bit weights would need 10 bits on a chip."""
    real = conv(4, 2)
    real = Conv(RNG.normal(size=real.weight.shape), real.window)
    integer = to_integer(chain(IMAGE, real, AvgPool((2, 2), window(2))), Findings())
    kernel = integer.nodes["n1"]
    assert kernel.weight_type.bits == 8 and kernel.weight.shape == (4, 2, 4, 4)
    assert "n0" not in integer.nodes


def test_a_binary_kernel_stays_binary_in_front_of_a_pool():
    signs = Conv(np.where(RNG.random((4, 2, 3, 3)) < 0.5, -0.3, 0.3), window())
    integer = to_integer(chain(IMAGE, signs, AvgPool((2, 2), window(2))), Findings())
    assert integer.nodes["n0"].weight_type.bits == 1
    assert integer.nodes["n1"].kind == "SumPool"


def test_a_bias_that_cannot_reach_the_neuron_in_every_step_is_refused():
    late = chain((5,), affine(4, 5), Delay(np.array([0.0, 1.0, 2.0, 0.0])))
    shifted = Affine(late.nodes["n0"].weight, np.ones(4))
    with pytest.raises(LoweringError, match="'n0'.*its bias does not reach a neuron directly"):
        to_integer(late.with_nodes({"n0": shifted}), Findings())


def test_a_bias_at_a_padded_border_is_refused():
    padded = chain(IMAGE, conv(3, 2), SumPool((2, 2), window(2, padding=1)))
    signs = Conv(np.ones((3, 2, 3, 3)), window(), bias=np.ones(3))
    with pytest.raises(LoweringError, match="'n0'.*its bias does not reach a neuron directly"):
        to_integer(padded.with_nodes({"n0": signs}), Findings())
