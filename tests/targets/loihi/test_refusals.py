"""What Loihi refuses: every reason at once, each with its remedy; and what is lost is said."""

import numpy as np
import pytest
from loihi_graphs import recurrent_graph, signs

from axonc.targets.base import Verdict
from axonc.targets.loihi import Loihi
from axonc.toolchain.errors import InputError, LoweringError
from axonc.toolchain.ir import (
    Delay,
    Edge,
    Graph,
    IntegerAffine,
    LeakyState,
    Reset,
    Rounding,
    Stage,
    narrowest_type,
)
from axonc.toolchain.reference import execute

TARGET = Loihi()


def verdict_of(graph, node):
    return next(row for row in TARGET.check(graph) if row.node == node)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"reset": Reset.SUBTRACT, "multiplier": 4},
            "resets to 0 and cannot subtract the threshold",
        ),
        ({"v_reset": np.array([2])}, "resets to 0, not to v_reset"),
        ({"threshold": np.array([-1])}, "thresholds down to -1: the register is unsigned"),
        ({"multiplier": 0}, "needs dv = 4096, the register ends at 4095"),
        ({"current": LeakyState(np.array([1]), 0, -99, 99)}, "a current that never decays needs"),
        (
            {"threshold": np.array([200000])},
            "up to 200000 synapses of weight 1 do not fit 17 bits (at most 131071)",
        ),
        (
            {"bias": np.array([9000])},
            "biases from 9000 to 9000 synapses of weight 1 are beyond +-8190",
        ),
    ],
)
def test_what_no_register_can_hold_is_refused(options, message, build):
    rng = np.random.default_rng(0)
    graph = build.affine_graph([signs(rng, 3, 4)], [build.integer_neuron(3, **options)])
    row = verdict_of(graph, "lif1")
    assert row.verdict is Verdict.UNSUPPORTED
    assert message in row.detail
    with pytest.raises(LoweringError, match="cannot be lowered to loihi"):
        TARGET.compile(graph)


def test_every_reason_is_told_at_once(build):
    rng = np.random.default_rng(0)
    wide = rng.integers(-300, 300, (3, 4)).astype(np.int16)
    current = LeakyState(np.array([1]), 0, -99, 99)
    bad = build.integer_neuron(4, reset=Reset.SUBTRACT, multiplier=4, current=current)
    graph = build.affine_graph([signs(rng, 4, 4), wide], [bad, build.integer_neuron(3, -2)])
    with pytest.raises(LoweringError) as caught:
        TARGET.compile(graph)
    assert len(caught.value.reasons) == 2
    assert "subtract" in str(caught.value) and "du = -1" in str(caught.value)
    assert "unsigned" in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([[300, -301]], "weights from -301 to 300 take 10 bits, Intel Loihi has 8"),
        ([[1] * 131072], "a fan-in of up to 131072 in one step, times 2^6, overflows"),
    ],
)
def test_weights_and_fan_in_out_of_range_are_refused(weights, message, build):
    weight = np.array(weights, np.int16)
    graph = build.affine_graph([weight], [build.integer_neuron(1)])
    details = " ".join(row.detail for row in TARGET.check(graph))
    assert message in details


def test_a_loop_faster_than_the_chip_is_refused(build):
    rows = TARGET.check(recurrent_graph(build, 1, 2))
    assert "closes a loop by the edge 'lif2' -> 'loop' that is faster" in rows[-1].detail


def test_a_delay_above_62_steps_is_refused(build):
    rows = TARGET.check(recurrent_graph(build, 64))
    assert any("a synaptic delay of 63 steps is above the 62" in row.detail for row in rows)


def test_a_bias_that_spikes_before_its_time_is_refused_only_where_it_would_show(build):
    rng = np.random.default_rng(0)
    eager = build.integer_neuron(6, 3, bias=np.array([5]))
    graph = build.affine_graph([signs(rng, 6, 6)] * 2, [eager, eager])
    spikes = rng.random((2, 9, 6)) < 0.3
    program = TARGET.compile(graph)
    run = TARGET.run(program, spikes, probes=["lif1", "lif2"])
    expected = execute(program.graph, spikes, probes=["lif1", "lif2"])
    for name in ("lif1", "lif2"):
        np.testing.assert_array_equal(run.spikes[name], expected.spikes[name])
        np.testing.assert_array_equal(run.potentials[name], expected.potentials[name])
    np.testing.assert_array_equal(run.spikes["out"], expected.output)
    late = Graph(
        Stage.INTEGER, graph.nodes, (*graph.edges[:2], Edge("lif1", "fc2", 2), *graph.edges[3:])
    )
    assert "before its first step" in verdict_of(late, "lif1").detail


def test_what_is_lost_is_said(build):
    rng = np.random.default_rng(0)
    floor = build.integer_neuron(4, 5, multiplier=(1 << 13) - 1, shift=13, bits=12)
    state = floor.membrane
    rounded = LeakyState(state.multiplier, 13, state.minimum, state.maximum, Rounding.FLOOR)
    lossy = build.integer_neuron(4, 5, membrane=rounded, bias=np.array([8189]))
    graph = build.affine_graph([signs(rng, 4, 4)], [lossy])
    row = verdict_of(graph, "lif1")
    assert row.verdict is Verdict.APPROXIMATE
    assert "membrane decay rounded to 12 bits" in row.detail
    assert "saturates at 24 bits instead" in row.detail


def test_an_output_without_spikes_is_refused(build):
    rng = np.random.default_rng(0)
    graph = build.affine_graph([signs(rng, 4, 4)], [build.integer_neuron(4)])
    edges = (Edge("in", "fc1"), Edge("fc1", "lif1"), Edge("fc1", "out"))
    row = verdict_of(Graph(Stage.INTEGER, graph.nodes, edges), "out")
    assert "reads 'fc1' (IntegerAffine), which sends no spikes" in row.detail


def test_a_graph_of_another_stage_is_refused(build):
    graph = build.affine_graph([np.ones((2, 3), np.int8)], [build.integer_neuron(2)])
    early = Graph(Stage.DISCRETE, graph.nodes, graph.edges)
    with pytest.raises(InputError, match="got the discrete stage, expected the integer stage"):
        TARGET.check(early)


@pytest.mark.parametrize(
    ("between", "edges", "message"),
    [
        ({"late": Delay(np.ones(1))}, [("lif1", "late", 0), ("late", "out", 0)], "without delay"),
        ({}, [("lif1", "out", 1)], "without delay"),
        ({}, [("lif1", "out", 0), ("lif1", "out", 0)], "one population"),
        (
            {"sum": IntegerAffine(np.ones((6, 6), np.int8), narrowest_type(np.ones(1, np.int8)))},
            [("lif1", "sum", 0), ("sum", "out", 0)],
            "reads 'sum' .*sends no spikes",
        ),
    ],
)
def test_an_output_reads_one_population_at_once(between, edges, message, build):
    graph = build.affine_graph([signs(np.random.default_rng(0), 6, 6)], [build.integer_neuron(6)])
    kept = [edge for edge in graph.edges if edge.target != "out"]
    changed = Graph(
        Stage.INTEGER, {**graph.nodes, **between}, (*kept, *(Edge(*edge) for edge in edges))
    )
    with pytest.raises(LoweringError, match=message):
        TARGET.compile(changed)


def test_a_loop_without_a_neuron_is_refused(build):
    graph = build.affine_graph([signs(np.random.default_rng(0), 6, 6)], [build.integer_neuron(6)])
    looped = Graph(Stage.INTEGER, graph.nodes, (*graph.edges, Edge("fc1", "fc1", 1)))
    with pytest.raises(LoweringError, match="'fc1' .*loop that no neuron breaks"):
        TARGET.compile(looped)
