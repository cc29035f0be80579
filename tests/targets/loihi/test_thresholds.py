"""Layers with more thresholds than a core holds."""

import numpy as np
import pytest

from axonc.targets import ForeignNetwork
from axonc.targets.loihi import Loihi, load_chip, threshold_choices
from axonc.targets.loihi.thresholds import clustered, with_thresholds
from axonc.toolchain.driver import lower_foreign, measure
from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import Reset
from axonc.toolchain.reference import execute

CHIP = load_chip("loihi1")


@pytest.fixture
def graph(build):
    rng = np.random.default_rng(0)
    weights = [(rng.integers(0, 2, s) * 2 - 1).astype(np.int8) for s in ((96, 80), (5, 96))]
    thresholds = rng.integers(5 << 6, 16 << 6, 96)
    first = build.integer_neuron(
        96, thresholds, bits=18, fraction_bits=6, bias=rng.integers(-40, 40, 96)
    )
    return build.affine_graph(weights, [first, build.integer_neuron(5, 9 << 6, fraction_bits=6)])


@pytest.fixture
def spikes():
    return np.random.default_rng(1).random((10, 20, 80)) < 0.4


def test_the_three_ways_trade_cores_for_mismatch_and_memory(graph, spikes):
    choices = {choice.way: choice for choice in threshold_choices(graph, spikes, CHIP)}
    assert choices["own"].cores > 8
    assert choices["clustered"].cores == choices["scaled"].cores == 2
    assert choices["scaled"].mismatch < choices["clustered"].mismatch / 3
    assert choices["scaled"].synapse_bits > 2 * choices["clustered"].synapse_bits
    assert choices["own"].mismatch < 0.01


def test_measured_takes_the_fewest_cores_that_keep_the_spikes(graph, spikes):
    target = Loihi(thresholds="measured")
    with pytest.raises(InputError, match="got 'measured' without spikes to measure on"):
        target.compile(graph)
    program = target.calibrated(spikes).compile(graph)
    (chosen,) = (choice for choice in program.choices if choice.chosen)
    assert chosen.way == "scaled" and program.mapping.core_count == chosen.cores == 2
    told = dict(program.summary())
    assert set(told) > {"thresholds own", "thresholds clustered", "thresholds scaled, chosen"}
    assert "2 cores" in told["thresholds scaled, chosen"]
    assert all(row.verdict != "unsupported" for row in target.check(graph))


def test_drawn_together_thresholds_are_told_and_measured_on_the_chip(graph, spikes):
    rows = {row.node: row for row in Loihi(thresholds="clustered").check(graph)}
    assert rows["lif1"].verdict == "approximate"
    assert "thresholds clustered: 8 values for 86" in rows["lif1"].detail
    assert "clustered" not in rows["lif2"].detail
    lowering = lower_foreign(ForeignNetwork(graph))
    assert measure(lowering, spikes).mismatch["lif1"] == 0
    on_chip = measure(lowering, spikes, target="loihi{thresholds=clustered}")
    assert 0.001 < on_chip.mismatch["lif1"] < 0.1


def test_a_scaled_neuron_spikes_when_it_did_before(graph, spikes):
    before = execute(graph, spikes, probes=["lif1"]).spikes["lif1"]
    scaled = with_thresholds(graph, "scaled", CHIP)
    assert np.unique(scaled.nodes["lif1"].threshold).size <= 8
    assert scaled.nodes["fc1"].weight_type.bits == 8
    after = execute(scaled, spikes, probes=["lif1"]).spikes["lif1"]
    assert np.mean(before != after) < 0.01  # k and thresholds are rounded, by 0.4 % each at most


@pytest.mark.parametrize("way", ["clustered", "scaled"])
def test_the_target_takes_the_way_that_it_is_told(way, graph, spikes):
    target = Loihi(thresholds=way)
    program = target.compile(graph)
    assert program.mapping.fullest()["threshold_configurations"][0] <= 8
    run = target.run(program, spikes)
    np.testing.assert_array_equal(run.spikes["out"], execute(program.graph, spikes).output)


def test_layers_that_fit_or_cannot_be_scaled_stay_as_they_are(build, graph):
    rng = np.random.default_rng(0)
    few = build.affine_graph([np.ones((20, 9), np.int8)], [build.integer_neuron(20, 3)])
    assert with_thresholds(few, "scaled", CHIP).nodes["lif1"] == few.nodes["lif1"]
    soft = build.integer_neuron(20, np.arange(1, 21), reset=Reset.SUBTRACT)
    weight = (rng.integers(0, 2, (20, 9)) * 2 - 1).astype(np.int8)
    kept = with_thresholds(build.affine_graph([weight], [soft]), "scaled", CHIP)
    assert kept.nodes["lif1"] == soft


def test_clusters_are_means_and_few_values_stay():
    values = np.array([1, 2, 3, 100, 101, 102, 1000])
    assert clustered(values, 3).tolist() == [2, 2, 2, 101, 101, 101, 1000]
    assert clustered(values, 7).tolist() == values.tolist()


def test_an_unknown_way_is_refused(graph):
    with pytest.raises(InputError, match="got .rounded., expected one of own, clustered, scaled, "):
        Loihi(thresholds="rounded").check(graph)
