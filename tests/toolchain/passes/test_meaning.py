"""Every pass keeps the meaning of random graphs: run before, run after, compare."""

from __future__ import annotations

import numpy as np
import pytest
from decided_runs import decided, recorded
from graph_strategies import convolutional_networks, dense_networks, spike_trains
from hypothesis import given, settings

from axonc.toolchain.ir import BIPOLAR, Graph, IntegerNeuron, Neuron, Reset
from axonc.toolchain.passes import (
    AverageToSum,
    Findings,
    FixedPoint,
    FoldBias,
    MergeConnections,
    Pass,
    Prune,
    SinkScales,
    Verdict,
    integer_pipeline,
    run_passes,
    to_discrete,
    to_integer,
)
from axonc.toolchain.reference import execute


@settings(max_examples=60, deadline=None)
@given(graph=dense_networks())
def test_discretize_keeps_every_spike_and_potential(graph: Graph) -> None:
    spikes = spike_trains(graph)
    before, discrete = recorded(graph, spikes), to_discrete(graph, Findings())
    after = recorded(discrete, spikes)
    for name in graph.spiking:
        # v + k(r x - v) and (1 - k) v + k r x differ by float64 rounding only
        np.testing.assert_allclose(
            after.potentials[name], before.potentials[name], rtol=1e-9, atol=1e-9
        )
    if decided(after, discrete):
        assert np.array_equal(before.output, after.output)


@pytest.mark.parametrize("step", [AverageToSum(), SinkScales(), FoldBias()], ids=str)
@settings(max_examples=40, deadline=None)
@given(graph=dense_networks() | convolutional_networks())
def test_folding_keeps_every_spike(step: Pass, graph: Graph) -> None:
    before, findings = to_discrete(graph, Findings()), Findings()
    after = run_passes(before, [AverageToSum(), step], findings)
    spikes = spike_trains(graph)
    expected = recorded(before, spikes)
    exact = all(row.verdict is Verdict.EXACT for row in findings)  # else it says how it differs
    if exact and decided(expected, before):
        assert np.array_equal(recorded(after, spikes).output, expected.output)


@settings(max_examples=60, deadline=None)
@given(graph=convolutional_networks())
def test_binary_convolutions_lower_exactly_but_for_rounding(graph: Graph) -> None:
    discrete = to_discrete(graph, Findings())
    integer = to_integer(discrete, Findings(), passes=integer_pipeline(fixed_point=FixedPoint(12)))
    spikes = spike_trains(graph)
    expected, got = recorded(discrete, spikes), recorded(integer, spikes)
    conv = integer.nodes["conv"]
    assert conv.weight_type is BIPOLAR  # type: ignore[attr-defined]
    # Without leak and bias nothing is rounded but the threshold, and that keeps its meaning.
    if decided(expected, discrete):
        assert np.array_equal(got.spikes["neuron0"], expected.spikes["neuron0"])


@settings(max_examples=80, deadline=None)
@given(graph=dense_networks())
def test_integer_potentials_stay_within_the_stated_bound(graph: Graph) -> None:
    """Where no spike differs, potentials differ by at most what the pass said."""
    discrete = run_passes(to_discrete(graph, Findings()), integer_pipeline()[:-1], Findings())
    fixed = FixedPoint(fraction_bits=10)
    integer = run_passes(discrete, [fixed], Findings())
    spikes = spike_trains(graph)
    expected, got = recorded(discrete, spikes), recorded(integer, spikes)
    assert all(count == 0 for count in got.overflows.values()), "the proven range was left"
    for name in integer.spiking:
        if not np.array_equal(got.spikes[name], expected.spikes[name]):
            break  # what follows sees other inputs
        neuron, made = discrete.nodes[name], integer.nodes[name]
        assert isinstance(neuron, Neuron) and isinstance(made, IntegerNeuron)
        if neuron.reset is Reset.SUBTRACT:
            continue  # a subtracted threshold is rounded too, at every spike
        potential = got.potentials[name] / 2.0**made.fraction_bits
        if neuron.current_decay is not None:
            continue  # two states, each rounded: no bound is stated
        settle = np.minimum(1 / np.maximum(1 - neuron.decay, 1e-12), 12)
        decay_error = np.abs(made.membrane.multiplier / 2.0**made.membrane.shift - neuron.decay)
        reach = np.abs(expected.potentials[name] / neuron.gain).max()
        bound = settle * (1.5 * 2.0**-made.fraction_bits + decay_error * reach * settle) + 1e-9
        assert np.all(
            np.abs(potential - expected.potentials[name] / np.abs(neuron.gain)) <= bound.max()
        )


@settings(max_examples=40, deadline=None)
@given(graph=dense_networks() | convolutional_networks())
def test_pruning_and_merging_keep_every_spike(graph: Graph) -> None:
    before = to_discrete(graph, Findings())
    after = run_passes(before, [MergeConnections(), AverageToSum(), Prune()], Findings())
    spikes = spike_trains(graph)
    expected = recorded(before, spikes)
    if decided(expected, before):
        assert np.array_equal(execute(after, spikes).output, expected.output)
