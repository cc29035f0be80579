"""An integer graph, lowered: the emulator equals the reference on the graph that it says it is."""

from dataclasses import replace

import numpy as np
import pytest
from loihi_graphs import chain, recurrent_graph, signs

from axonc.targets.base import Verdict
from axonc.targets.loihi import Loihi
from axonc.targets.loihi.soft_reset import as_hard_reset
from axonc.toolchain.ir import (
    Delay,
    Edge,
    Flatten,
    Graph,
    IntegerAffine,
    IntegerConv,
    LeakyState,
    Overflow,
    Reset,
    Stage,
    SumPool,
    Window,
    narrowest_type,
)
from axonc.toolchain.reference import execute

TARGET = Loihi()


def assert_equals_its_reference(graph, spikes, probes=()):
    program = TARGET.compile(graph)
    run = TARGET.run(program, spikes, probes=probes)
    reference = execute(program.graph, spikes, probes=probes)
    for name, raster in reference.outputs.items():
        np.testing.assert_array_equal(run.spikes[name], raster)
    for name in probes:
        np.testing.assert_array_equal(run.spikes[name], reference.spikes[name])
        np.testing.assert_array_equal(run.potentials[name], reference.potentials[name])
    return program, run


def verdict_of(graph, node):
    return next(row for row in TARGET.check(graph) if row.node == node)


@pytest.mark.parametrize("seed", range(20))
def test_random_perceptrons_equal_their_lowered_reference(seed, build):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 40, rng.integers(2, 5))
    top = int(rng.choice([1, 1, 3, 127]))
    weights, neurons = [], []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        weights.append(rng.integers(-top, top + 1, (outputs, inputs)).astype(np.int16))
        fraction = int(rng.integers(0, 8))
        options = {"bias": rng.integers(-30, 31, outputs), "fraction_bits": fraction}
        if rng.random() < 0.4:
            options["current"] = LeakyState(np.array([3]), 3, -(1 << 20), (1 << 20) - 1)
        shift = int(rng.integers(0, 13))
        neurons.append(
            build.integer_neuron(
                outputs,
                rng.integers(0, top * 8 << fraction, outputs),
                rng.integers(1, (1 << shift) + 1, outputs),
                shift,
                bits=21,
                **options,
            )
        )
    spikes = rng.random((3, 15, sizes[0])) < 0.4
    graph = build.affine_graph(weights, neurons)
    assert_equals_its_reference(graph, spikes, [f"lif{i + 1}" for i in range(len(neurons))])


def test_a_binary_layer_takes_two_bits_a_synapse_and_arrives_as_one(build):
    rng = np.random.default_rng(0)
    graph = build.affine_graph([signs(rng, 4, 6)], [build.integer_neuron(4)])
    program = TARGET.compile(graph)
    (group,) = program.network.synapses
    assert (group.bits, group.exponent) == (2, -7)
    assert sorted(np.unique(group.weight)) == [-128, 128]
    assert verdict_of(graph, "fc1").detail == "2-bit mixed synapses, exponent -7"


def test_an_integrator_is_exact_whatever_its_scale(build):
    rng = np.random.default_rng(1)
    neuron = build.integer_neuron(5, threshold=[3, 4, 5, 6, 7], multiplier=1, shift=0, bits=24)
    graph = build.affine_graph([np.abs(signs(rng, 5, 9))], [neuron])
    assert verdict_of(graph, "lif1").verdict is Verdict.EXACT
    spikes = rng.random((4, 30, 9)) < 0.5
    run = TARGET.run(TARGET.compile(graph), spikes)
    np.testing.assert_array_equal(run.spikes["out"], execute(graph, spikes).output)


def test_loihis_own_arithmetic_is_lowered_exactly_decay_included(build):
    rng = np.random.default_rng(2)
    limit = 1 << 23
    membrane = LeakyState(np.array([3333]), 12, -limit + 1, limit - 1)
    current = LeakyState(np.array([2047]), 12, -limit + 1, limit, overflow=Overflow.WRAP)
    neuron = build.integer_neuron(
        8,
        threshold=np.arange(5, 13) * 64,
        fraction_bits=6,
        membrane=membrane,
        current=current,
        bias=rng.integers(-90, 90, 8),
    )
    graph = build.affine_graph([signs(rng, 8, 20)], [neuron])
    assert verdict_of(graph, "lif1").verdict is Verdict.EXACT
    spikes = rng.random((4, 40, 20)) < 0.3
    program = TARGET.compile(graph)
    assert program.graph.nodes["lif1"].fraction_bits == 6
    run = TARGET.run(program, spikes, probes=["lif1"])
    reference = execute(graph, spikes, probes=["lif1"])
    np.testing.assert_array_equal(run.spikes["out"], reference.output)
    np.testing.assert_array_equal(run.potentials["lif1"], reference.potentials["lif1"])


@pytest.mark.parametrize("seed", range(6))
def test_convolutions_pools_and_flattening_become_synapses(seed, build):
    rng = np.random.default_rng(seed)
    conv = Window((1, 1), ((1, 1), (1, 0)), (1, 1))
    tiles = Window((2, 2), ((0, 0), (0, 0)), (1, 1))
    first = signs(rng, 4, 2, 3, 3)
    second = signs(rng, 6, 4, 3, 3)
    padded = Window((1, 1), ((1, 1), (1, 1)), (1 + seed % 2, 1))
    nodes = {
        "conv1": IntegerConv(first, narrowest_type(first), conv),
        "lif1": build.integer_neuron((4, 8, 7), np.full((4, 1, 1), 2)),
        "pool1": SumPool((2, 2), tiles),
        "conv2": IntegerConv(second, narrowest_type(second), padded),
    }
    shape = nodes["conv2"].output_shape((4, 4, 3))
    nodes["lif2"] = build.integer_neuron(shape, np.full((6, 1, 1), 3))
    nodes["pool2"] = SumPool((2, 1), Window((2, 1), ((0, 0), (0, 0)), (1, 1)))
    pooled = nodes["pool2"].output_shape(shape)
    nodes["flat"] = Flatten()
    dense = signs(rng, 5, int(np.prod(pooled)))
    nodes["fc"] = IntegerAffine(dense, narrowest_type(dense))
    nodes["lif3"] = build.integer_neuron(5, 4)
    spikes = rng.random((2, 10, 2, 8, 8)) < 0.3
    program, _ = assert_equals_its_reference(chain(nodes, (2, 8, 8)), spikes, ["lif1", "lif2"])
    kinds = [group.kernel is not None for group in program.network.synapses]
    assert kinds == [True, False, False]  # 7 columns in tiles of 2 leave one over: multiplied out


def test_a_convolution_after_a_pool_over_whole_tiles_stays_a_convolution(build):
    rng = np.random.default_rng(5)
    weight = signs(rng, 3, 2, 3, 3)
    nodes = {
        "pool": SumPool((2, 2), Window((2, 2), ((0, 0), (0, 0)), (1, 1))),
        "conv": IntegerConv(
            weight, narrowest_type(weight), Window((2, 1), ((1, 1), (1, 1)), (1, 1))
        ),
        "lif": build.integer_neuron((3, 2, 4), 2),
    }
    graph = chain(nodes, (2, 8, 8))
    spikes = rng.random((2, 10, 2, 8, 8)) < 0.3
    program, _ = assert_equals_its_reference(graph, spikes, ["lif"])
    assert program.network.synapses[0].weight.shape == (3, 2, 6, 6)


def test_one_dimensional_and_grouped_convolutions_are_lowered_too(build):
    rng = np.random.default_rng(6)
    weight = signs(rng, 6, 2, 3)
    nodes = {
        "conv": IntegerConv(weight, narrowest_type(weight), Window((2,), ((2, 1),), (2,)), 2),
        "lif": build.integer_neuron((6, 5), 1),
    }
    spikes = rng.random((2, 12, 4, 11)) < 0.3
    assert_equals_its_reference(chain(nodes, (4, 11)), spikes, ["lif"])


@pytest.mark.parametrize(("delay", "layers"), [(1, 1), (3, 1), (2, 2), (4, 3)])
def test_loops_and_delays_take_their_steps(delay, layers, build):
    graph = recurrent_graph(build, delay, layers)
    spikes = np.random.default_rng(8).random((3, 25, 6)) < 0.3
    program, _ = assert_equals_its_reference(graph, spikes, ["lif1"])
    loop = next(g for g in program.network.synapses if "loop" in g.nodes)
    assert int(loop.delay[0]) == delay - layers


def test_a_delay_node_delays_each_neuron_by_its_own(build):
    rng = np.random.default_rng(9)
    graph = build.affine_graph([signs(rng, 5, 8)], [build.integer_neuron(5, 2)])
    nodes = {**graph.nodes, "late": Delay(rng.integers(0, 6, 8).astype(float))}
    edges = (Edge("in", "late"), Edge("late", "fc1"), *graph.edges[1:])
    spikes = rng.random((2, 20, 8)) < 0.3
    assert_equals_its_reference(Graph(Stage.INTEGER, nodes, edges), spikes, ["lif1"])


def test_signed_weights_of_nine_bits_are_exact(build):
    rng = np.random.default_rng(11)
    weight = rng.integers(-255, 256, (6, 20)).astype(np.int16)
    graph = build.affine_graph([weight], [build.integer_neuron(6, 900, bits=20)])
    spikes = rng.random((2, 20, 20)) < 0.4
    program, run = assert_equals_its_reference(graph, spikes, ["lif1"])
    assert [g.sign for g in program.network.synapses] == ["excitatory", "inhibitory"]
    assert run.synaptic_operations == np.count_nonzero(weight, axis=0) @ spikes.sum((0, 1))


@pytest.mark.parametrize("seed", range(20))
def test_a_reset_by_subtraction_is_rewritten_where_that_is_exact(seed, build):
    """Strong leaks and few inputs a step: against the reference of the graph as it was."""
    rng = np.random.default_rng(seed)
    inputs, fraction = int(rng.integers(1, 6)), int(rng.integers(0, 7))
    weight = signs(rng, 4, inputs)
    neuron = build.integer_neuron(
        4,
        rng.integers(0, 3 << fraction, 4),
        multiplier=int(rng.integers(1, 5)),
        shift=3,
        bits=20,
        fraction_bits=fraction,
        bias=rng.integers(-3, 4, 4),
        reset=Reset.SUBTRACT,
    )
    graph = build.affine_graph([weight], [neuron])
    most = np.maximum(weight, 0).sum(axis=1)
    hard = as_hard_reset(neuron, most)
    spikes = rng.random((3, 200, inputs)) < 0.7
    asked = execute(graph, spikes).output
    if hard is None:
        assert "cannot subtract the threshold" in verdict_of(graph, "lif1").detail
        return
    np.testing.assert_array_equal(execute(graph.with_nodes({"lif1": hard}), spikes).output, asked)
    assert "it is the reset to 0" in verdict_of(graph, "lif1").detail


def test_a_leak_that_forgets_every_residue_needs_no_subtraction(build):
    """At most 96 + 97 arrive above 192: what a spike leaves is 1, and half of 1 is 0."""
    weight = np.ones((1, 1), np.int8)
    neuron = build.integer_neuron(
        1,
        192,
        multiplier=1,
        shift=1,
        fraction_bits=6,
        bias=np.array([33]),
        bits=20,
        reset=Reset.SUBTRACT,
    )
    graph = build.affine_graph([weight], [neuron])
    spikes = np.random.default_rng(0).random((2, 300, 1)) < 0.95
    asked = execute(graph, spikes).output
    assert asked.any()
    run = TARGET.run(TARGET.compile(graph), spikes)
    np.testing.assert_array_equal(run.spikes["out"], asked)
    lower_threshold = replace(neuron, threshold=np.array([190]))
    assert as_hard_reset(lower_threshold, np.ones(1, np.int64)) is None


def test_a_shortcut_waits_for_the_longer_way(build):
    rng = np.random.default_rng(10)
    graph = build.affine_graph([signs(rng, 6, 6)] * 3, [build.integer_neuron(6, 2)] * 3)
    short = signs(rng, 6, 6)
    nodes = {**graph.nodes, "short": IntegerAffine(short, narrowest_type(short))}
    edges = (*graph.edges, Edge("in", "short"), Edge("short", "lif3"))
    spikes = rng.random((2, 20, 6)) < 0.4
    program, run = assert_equals_its_reference(Graph(Stage.INTEGER, nodes, edges), spikes)
    assert next(g for g in program.network.synapses if "short" in g.nodes).delay.tolist() == [2]
    assert run.latency_steps == 3
