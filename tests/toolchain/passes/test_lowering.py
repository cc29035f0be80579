"""Lowering to integers, case by case: what becomes of nodes, what is refused, what is pruned."""

from __future__ import annotations

import numpy as np
import pytest
from decided_runs import decided, recorded
from graph_strategies import chain, integrate_and_fire, lif, spike_trains

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
    Findings,
    FixedPoint,
    IntegerWeights,
    MergeConnections,
    Prune,
    Verdict,
    integer_pipeline,
    run_passes,
    to_discrete,
    to_integer,
)
from axonc.toolchain.reference import execute


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def lowered(graph: Graph, **options: int) -> tuple[Graph, Findings]:
    findings = Findings()
    discrete = to_discrete(graph, findings)
    passes = integer_pipeline(IntegerWeights(**options))
    return to_integer(discrete, findings, passes=passes), findings


def test_a_negative_gain_negates_the_row(rng: np.random.Generator) -> None:
    signs = np.array([[1, -1, 1], [1, 1, -1]], np.int8)
    nodes = {
        "input": Input((3,)),
        "linear": Affine(signs),
        "scale": Scale(np.array([0.5, -0.5], np.float32)),
        "neuron": lif((2,), rng),
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


def test_everything_refused_is_told_at_once(rng: np.random.Generator) -> None:
    full = np.ones(2)
    nodes = {
        "input": Input((2,)),
        "linear": Affine(np.eye(2, dtype=np.float32)),
        "readout": LI((2,), 2e-3 * full, full, 0 * full),
        "neuron": lif((2,), rng, tau=0.5e-3),
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


def test_a_current_that_skips_a_neuron_is_refused_with_its_cause(rng: np.random.Generator) -> None:
    """As in Bi-Real Net, where currents, and not spikes, run past the neurons."""
    synapses = Affine(np.array([[1, -1], [1, 1]], np.int8), np.ones(2, np.float32))
    nodes = {
        "input": Input((2,)),
        "linear": synapses,
        "scale": Scale(np.array([0.5, 0.7])),
        "one": lif((2,), rng),
        "next": synapses,
        "two": lif((2,), rng),
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


def test_recurrent_connections_share_the_scale_of_their_neuron(rng: np.random.Generator) -> None:
    alpha = np.float32(0.7)
    nodes = {
        "input": Input((3,)),
        "linear": Affine(alpha * rng.choice([-1, 1], (4, 3)).astype(np.float32)),
        "neuron": lif((4,), rng),
        "recurrent": Affine(alpha * rng.choice([-1, 1], (4, 4)).astype(np.float32)),
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


def test_a_pointwise_affine_behind_binary_weights_becomes_their_scale(
    rng: np.random.Generator,
) -> None:
    """How a BatchNorm looks in files of exporters that do not fold it."""
    signs = rng.choice([-1, 1], (4, 6)).astype(np.int8)
    scale, shift = rng.uniform(0.3, 2, 4), rng.normal(size=4)
    nodes = {
        "input": Input((6,)),
        "linear": Affine(signs),
        "norm": Affine(np.diag(scale), shift),
        "neuron": lif((4,), rng),
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


def test_two_affine_in_a_row_are_multiplied(rng: np.random.Generator) -> None:
    one, two = rng.normal(size=(5, 6)), rng.normal(size=(4, 5))
    nodes = {
        "input": Input((6,)),
        "first": Affine(one, rng.normal(size=5)),
        "second": Affine(two, rng.normal(size=4)),
        "neuron": lif((4,), rng),
        "output": Output((4,)),
    }
    discrete = to_discrete(chain(nodes, Dialect(1e-3)), Findings())
    merged = run_passes(discrete, [MergeConnections()], Findings())
    assert list(merged.nodes) == ["input", "second", "neuron", "output"]
    spikes = spike_trains(merged)
    expected = recorded(discrete, spikes)
    assert decided(expected, discrete)
    assert np.array_equal(recorded(merged, spikes).output, expected.output)


def test_what_reaches_no_output_is_pruned(rng: np.random.Generator) -> None:
    nodes = {
        "input": Input((3,)),
        "linear": Affine(rng.choice([-1, 1], (2, 3)).astype(np.int8)),
        "neuron": lif((2,), rng),
        "output": Output((2,)),
        "aside": Affine(np.ones((2, 2))),
        "unheard": lif((2,), rng),
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


def test_a_population_that_can_never_spike_is_pruned(rng: np.random.Generator) -> None:
    """Two layers side by side into the output; one has too little drive to ever spike."""
    weak = np.full((2, 3), 0.1, np.float32)
    nodes = {
        "input": Input((3,)),
        "first": Affine(rng.choice([-1, 1], (3, 3)).astype(np.int8)),
        "hidden": integrate_and_fire((3,), rng),
        "strong": Affine(np.ones((2, 3), np.int8)),
        "weak": Affine(weak),
        "loud": lif((2,), rng),
        "silent": lif((2,), rng),
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
