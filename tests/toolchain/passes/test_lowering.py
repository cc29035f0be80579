"""Every pass keeps the meaning: run before, run after, compare."""

from __future__ import annotations

import numpy as np
import pytest
from graph_strategies import (
    chain,
    convolutional_networks,
    dense_networks,
    integrate_and_fire,
    lif,
    spike_trains,
)
from hypothesis import given, settings

from axonc.toolchain.driver import lower
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import (
    BIPOLAR,
    IF,
    LI,
    Affine,
    Dialect,
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerNeuron,
    Neuron,
    Node,
    Output,
    Reset,
    Scale,
    Stage,
)
from axonc.toolchain.passes import (
    AverageToSum,
    Findings,
    FixedPoint,
    FoldBias,
    IntegerWeights,
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
from axonc.toolchain.reference import Recording, execute

RNG = np.random.default_rng(5)


def recorded(graph: Graph, spikes: np.ndarray) -> Recording:
    return execute(graph, spikes, probes=[name for name in graph.spiking])


def decided(recording: Recording, graph: Graph) -> bool:
    """Whether no potential came so close to its threshold that float64 rounding could matter.

    Folding changes the order of float64 operations, each good to 1.1e-16 relative; potentials
    here stay below 1e4, so 1e-9 is far more than their sum of errors.
    """
    for name, potential in recording.potentials.items():
        node = graph.nodes[name]
        assert isinstance(node, Neuron)
        if np.any(np.abs(potential - node.threshold) < 1e-9):
            return False
    return True


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
    before = to_discrete(graph, Findings())
    after = run_passes(before, [AverageToSum(), step], Findings())
    spikes = spike_trains(graph)
    expected = recorded(before, spikes)
    if decided(expected, before):
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
        settle = np.minimum(1 / np.maximum(1 - neuron.decay, 1e-12), 12)
        decay_error = np.abs(made.membrane.multiplier / 2.0**made.membrane.shift - neuron.decay)
        reach = np.abs(expected.potentials[name] / neuron.gain).max()
        bound = settle * (1.5 * 2.0**-made.fraction_bits + decay_error * reach * settle) + 1e-9
        assert np.all(
            np.abs(potential - expected.potentials[name] / np.abs(neuron.gain)) <= bound.max()
        )


def lowered(graph: Graph, **options: int) -> tuple[Graph, Findings]:
    findings = Findings()
    discrete = to_discrete(graph, findings)
    passes = integer_pipeline(IntegerWeights(**options))
    return to_integer(discrete, findings, passes=passes), findings


def test_a_negative_gain_negates_the_row() -> None:
    signs = np.array([[1, -1, 1], [1, 1, -1]], np.int8)
    nodes = {
        "input": Input((3,)),
        "linear": Affine(signs),
        "scale": Scale(np.array([0.5, -0.5], np.float32)),
        "neuron": lif((2,), RNG),
        "output": Output((2,)),
    }
    graph = chain(nodes, Dialect(1e-3))
    integer, _ = lowered(graph)
    assert integer.nodes["linear"].weight.tolist() == [[1, -1, 1], [-1, -1, 1]]  # type: ignore[attr-defined]
    assert np.all(integer.nodes["neuron"].threshold > 0)  # type: ignore[attr-defined]


def test_the_width_is_the_smallest_that_never_overflows() -> None:
    """All excitatory synapses active, then all inhibitory, for long: the bound is reached."""
    signs = np.repeat(np.array([[1, -1]], np.int8), 20, axis=1).reshape(1, 40)
    nodes = {
        "input": Input((40,)),
        "linear": Affine(signs),
        "neuron": lif((1,), np.random.default_rng(0), tau=4e-3),
        "output": Output((1,)),
    }
    integer, _ = lowered(chain(nodes, Dialect(1e-3)))
    neuron = integer.nodes["neuron"]
    assert isinstance(neuron, IntegerNeuron)
    worst = np.zeros((1, 60, 40), bool)
    worst[:, :, signs[0] < 0] = True
    recording = execute(integer, worst, probes=["neuron"])
    lowest = int(recording.potentials["neuron"].min())
    assert recording.overflows["neuron"] == 0
    assert lowest < -(1 << neuron.membrane.bits - 2), "one bit less would have overflowed"


def test_strict_comparison_keeps_its_meaning_at_whole_thresholds() -> None:
    """theta = 2: three spikes are more than two, two are not."""
    nodes = {
        "input": Input((1,)),
        "linear": Affine(np.array([[1]], np.int8)),
        "neuron": IF((1,), *[np.array([x]) for x in (1.0, 2.0, 0.0)]),
        "output": Output((1,)),
    }
    integer, findings = lowered(chain(nodes, Dialect(1.0)))
    output = execute(integer, np.ones((1, 6, 1), bool)).output
    assert output[0, :, 0].tolist() == [False, False, True, False, False, True]
    assert {row.verdict for row in findings} <= {Verdict.EXACT, Verdict.APPROXIMATE}


def test_everything_refused_is_told_at_once() -> None:
    full = np.ones(2)
    nodes = {
        "input": Input((2,)),
        "linear": Affine(np.eye(2, dtype=np.float32)),
        "readout": LI((2,), 2e-3 * full, full, 0 * full),
        "neuron": lif((2,), RNG, tau=0.5e-3),
        "last": Affine(np.eye(2, dtype=np.float32)),
        "output": Output((2,)),
    }
    discrete = to_discrete(chain(nodes, Dialect(1e-3)), Findings())
    with pytest.raises(LoweringError) as error:
        to_integer(discrete, Findings())
    assert str(error.value) == (
        "graph 'network' cannot be made integer:\n"
        "  - node 'readout' (Neuron): a neuron that never spikes sends real numbers; give it a "
        "threshold, or run with --precision float\n"
        "  - node 'neuron' (Neuron): decay -1 to -1 lies outside 0 to 1; choose a dt smaller than "
        "tau, or --integrator exponential\n"
        "  - node 'last' (Affine): a real-valued read-out without a neuron stays on the host; end "
        "the network with a spiking neuron, or run with --precision float"
    )


def test_a_current_that_skips_a_neuron_is_refused_with_its_cause() -> None:
    """As in Bi-Real Net, where currents, and not spikes, run past the neurons."""
    synapses = Affine(np.array([[1, -1], [1, 1]], np.int8), np.ones(2, np.float32))
    nodes = {
        "input": Input((2,)),
        "linear": synapses,
        "scale": Scale(np.array([0.5, 0.7])),
        "one": lif((2,), RNG),
        "next": synapses,
        "two": lif((2,), RNG),
        "output": Output((2,)),
    }
    imported = chain(nodes, Dialect(1e-3), (Edge("scale", "two"),))
    with pytest.raises(LoweringError) as error:
        to_integer(to_discrete(imported, Findings()), Findings())
    assert error.value.reasons == (
        "node 'scale' (Scale): its current goes to 'one' and 1 more, and a scale or a bias can be "
        "folded into one neuron only; let the spikes of a neuron take the shortcut, through "
        'synapses of their own, and not the current before it (shortcut = "spike" in axonc\'s own '
        "residual networks)",
    )


def test_recurrent_connections_share_the_scale_of_their_neuron() -> None:
    alpha = np.float32(0.7)
    nodes = {
        "input": Input((3,)),
        "linear": Affine(alpha * RNG.choice([-1, 1], (4, 3)).astype(np.float32)),
        "neuron": lif((4,), RNG),
        "recurrent": Affine(alpha * RNG.choice([-1, 1], (4, 4)).astype(np.float32)),
        "output": Output((4,)),
    }
    edges = (
        Edge("input", "linear"),
        Edge("linear", "neuron"),
        Edge("neuron", "recurrent", 1),
        Edge("recurrent", "neuron"),
        Edge("neuron", "output"),
    )
    graph = Graph(Stage.IMPORTED, nodes, edges, Dialect(1e-3))
    integer, _ = lowered(graph)
    for name in ("linear", "recurrent"):
        assert integer.nodes[name].weight_type is BIPOLAR  # type: ignore[attr-defined]
    spikes = spike_trains(graph, steps=40)
    discrete = to_discrete(graph, Findings())
    assert np.array_equal(execute(integer, spikes).output, execute(discrete, spikes).output)


def test_passes_print_their_options() -> None:
    assert str(IntegerWeights()) == "integer-weights"
    assert str(IntegerWeights(bits=4)) == "integer-weights{bits=4}"
    assert str(FixedPoint(fraction_bits=3)) == "fixed-point{fraction-bits=3}"


def test_a_pointwise_affine_behind_a_binary_connection_becomes_its_scale() -> None:
    """How a BatchNorm looks in files of exporters that do not fold it."""
    signs = RNG.choice([-1, 1], (4, 6)).astype(np.int8)
    scale, shift = RNG.uniform(0.3, 2, 4), RNG.normal(size=4)
    nodes = {
        "input": Input((6,)),
        "linear": Affine(signs),
        "norm": Affine(np.diag(scale), shift),
        "neuron": lif((4,), RNG),
        "output": Output((4,)),
    }
    graph = chain(nodes, Dialect(1e-3))
    integer, findings = lowered(graph)
    assert integer.nodes["linear"].weight_type is BIPOLAR  # type: ignore[attr-defined]
    assert "norm" not in integer.nodes
    assert findings.about("norm")[0].detail == "scales 'linear', its bias folded there"
    discrete = to_discrete(graph, Findings())
    merged = run_passes(discrete, [MergeConnections()], Findings())
    spikes = spike_trains(graph)
    expected = recorded(discrete, spikes)
    assert decided(expected, discrete)
    assert np.array_equal(recorded(merged, spikes).output, expected.output)


def test_two_affine_in_a_row_are_multiplied() -> None:
    one, two = RNG.normal(size=(5, 6)), RNG.normal(size=(4, 5))
    nodes = {
        "input": Input((6,)),
        "first": Affine(one, RNG.normal(size=5)),
        "second": Affine(two, RNG.normal(size=4)),
        "neuron": lif((4,), RNG),
        "output": Output((4,)),
    }
    discrete = to_discrete(chain(nodes, Dialect(1e-3)), Findings())
    merged = run_passes(discrete, [MergeConnections()], Findings())
    assert list(merged.nodes) == ["input", "second", "neuron", "output"]
    spikes = spike_trains(merged)
    expected = recorded(discrete, spikes)
    assert decided(expected, discrete)
    assert np.array_equal(recorded(merged, spikes).output, expected.output)


def test_what_reaches_no_output_is_pruned() -> None:
    nodes = {
        "input": Input((3,)),
        "linear": Affine(RNG.choice([-1, 1], (2, 3)).astype(np.int8)),
        "neuron": lif((2,), RNG),
        "output": Output((2,)),
        "aside": Affine(np.ones((2, 2))),
        "unheard": lif((2,), RNG),
    }
    edges = (
        Edge("input", "linear"),
        Edge("linear", "neuron"),
        Edge("neuron", "output"),
        Edge("neuron", "aside"),
        Edge("aside", "unheard"),
    )
    graph = Graph(Stage.IMPORTED, nodes, edges, Dialect(1e-3))
    integer, findings = lowered(graph)
    assert list(integer.nodes) == ["input", "linear", "neuron", "output"]
    assert findings.about("unheard")[-1].detail == "removed: no output depends on it"


def test_a_population_that_can_never_spike_is_pruned() -> None:
    """Two layers side by side into the output; one has too little drive to ever spike."""
    weak = np.full((2, 3), 0.1, np.float32)
    nodes = {
        "input": Input((3,)),
        "first": Affine(RNG.choice([-1, 1], (3, 3)).astype(np.int8)),
        "hidden": integrate_and_fire((3,), RNG),
        "strong": Affine(np.ones((2, 3), np.int8)),
        "weak": Affine(weak),
        "loud": lif((2,), RNG),
        "silent": lif((2,), RNG),
        "output": Output((2,)),
    }
    edges = tuple(
        Edge(*pair)
        for pair in (
            ("input", "first"),
            ("first", "hidden"),
            ("hidden", "strong"),
            ("hidden", "weak"),
            ("strong", "loud"),
            ("weak", "silent"),
            ("loud", "output"),
            ("silent", "output"),
        )
    )
    graph = Graph(Stage.IMPORTED, nodes, edges, Dialect(1e-3))
    discrete = to_discrete(graph, Findings())
    findings = Findings()
    pruned = run_passes(discrete, [Prune()], findings)
    assert set(discrete.nodes) - set(pruned.nodes) == {"weak", "silent"}
    assert findings.about("silent")[0].detail == "removed: it can never reach its threshold"
    spikes = spike_trains(graph)
    assert np.array_equal(execute(pruned, spikes).output, execute(discrete, spikes).output)


@settings(max_examples=40, deadline=None)
@given(graph=dense_networks() | convolutional_networks())
def test_pruning_and_merging_keep_every_spike(graph: Graph) -> None:
    before = to_discrete(graph, Findings())
    after = run_passes(before, [MergeConnections(), AverageToSum(), Prune()], Findings())
    spikes = spike_trains(graph)
    expected = recorded(before, spikes)
    if decided(expected, before):
        assert np.array_equal(execute(after, spikes).output, expected.output)


@pytest.mark.parametrize("threshold", [1.5, 2.3, 7.9])
def test_a_subtracting_reset_keeps_what_it_takes_off(threshold: float) -> None:
    """Floored to a whole number, 1.5 would be 1, and every step of input 1 a spike."""
    param = np.array([1.0])
    nodes: dict[str, Node] = {
        "input": Input((1,)),
        "fc": Affine(np.array([[1]], np.int8)),
        "if": IF((1,), param, threshold * param, 0 * param),
        "output": Output((1,)),
    }
    lowering = lower(chain(nodes, Dialect(1e-3, reset=Reset.SUBTRACT)))
    spikes = np.ones((1, 60, 1), bool)
    assert np.array_equal(
        execute(lowering.integer, spikes).output, execute(lowering.discrete, spikes).output
    )


def test_a_signal_that_doubles_at_every_node_is_refused_at_once() -> None:
    """Forty diamonds are 2^40 paths: they are not walked one by one, nor by recursion."""
    nodes: dict[str, Node] = {"input": Input((1,))}
    edges: list[Edge] = []
    last = "input"
    for i in range(400):
        nodes |= {f"{side}{i}": Flatten() for side in "abc"}
        edges += [Edge(last, f"a{i}"), Edge(last, f"b{i}")]
        edges += [Edge(f"a{i}", f"c{i}"), Edge(f"b{i}", f"c{i}")]
        last = f"c{i}"
    param = np.array([1.0])
    nodes |= {"if": IF((1,), param, param, 0 * param), "output": Output((1,))}
    edges += [Edge(last, "if"), Edge("if", "output")]
    refusal = lower(Graph(Stage.IMPORTED, nodes, tuple(edges), Dialect(1.0))).refusal
    assert "its membrane would need 40" in str(refusal)


def test_sums_without_a_bound_have_no_integer_form() -> None:
    weight = Affine(np.ones((1, 1), np.int8))
    param = np.array([1.0])
    nodes: dict[str, Node] = {
        "input": Input((1,)),
        "sums": weight,
        "loop": weight,
        "neuron": Neuron((1,), 0 * param, param, 0 * param, param, 0 * param),
        "output": Output((1,)),
    }
    edges = (
        Edge("input", "sums"),
        Edge("sums", "loop"),
        Edge("loop", "sums", 1),
        Edge("loop", "neuron"),
        Edge("neuron", "output"),
    )
    graph = Graph(Stage.DISCRETE, nodes, edges)
    with pytest.raises(LoweringError, match="'neuron'.* have no bound: a loop without a neuron"):
        run_passes(graph, [FixedPoint()], Findings())
