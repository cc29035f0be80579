"""The runner of passes: stages are enforced, findings name their pass, names never clash."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from graph_strategies import chain, convolutional_networks, dense_networks, lif, spike_trains
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.toolchain.driver import lower, run
from axonc.toolchain.errors import InputError, InternalError, LoweringError
from axonc.toolchain.ir import (
    Affine,
    AvgPool,
    Dialect,
    Edge,
    Flatten,
    Graph,
    Input,
    Output,
    Scale,
    Stage,
    Window,
)
from axonc.toolchain.passes import (
    Discretize,
    Findings,
    FoldBias,
    Pass,
    Prune,
    integer_pipeline,
    run_passes,
)

RNG = np.random.default_rng(2)


def small_network(**names: str) -> Graph:
    """Return input, connection, neuron and output, under other names where they are given."""
    nodes = {
        "input": Input((6,)),
        "fc": Affine(RNG.normal(size=(4, 6)).astype(np.float32)),
        "lif": lif((4,), RNG),
        "output": Output((4,)),
    }
    return chain({names.get(name, name): node for name, node in nodes.items()}, Dialect(1e-3))


def test_a_pass_in_the_wrong_stage_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        run_passes(small_network(), [Prune()], Findings())
    assert str(caught.value) == (
        "pass prune: got a graph of stage imported, expected one of stage discrete. "
        "Change the order of the passes."
    )


def test_a_pass_that_gives_another_stage_than_it_says_is_at_fault() -> None:
    @dataclass(frozen=True)
    class Liar(Pass):
        name = "liar"
        takes = gives = Stage.DISCRETE

        def apply(self, graph: Graph, findings: Findings) -> Graph:
            return replace(graph, stage=Stage.IMPORTED, nodes=small_network().nodes)

    with pytest.raises(InternalError, match="pass liar gave stage imported, not discrete"):
        run_passes(small_network(), [Discretize(), Liar()], Findings())


def test_findings_name_their_pass() -> None:
    findings = Findings()
    run_passes(small_network(), [Discretize(), *integer_pipeline()], findings)
    assert [(row.found_by, row.node) for row in findings] == [
        ("discretize", "lif"),
        ("integer-weights", "fc"),
        ("fixed-point", "lif"),
    ]


def _assert_runs_like(named: Graph, plain: Graph) -> None:
    spikes = spike_trains(plain, samples=2, steps=10)
    one, other = (run(lower(g), spikes, precision="int").run.spikes for g in (named, plain))
    np.testing.assert_array_equal(*(next(iter(each.values())) for each in (one, other)))


def test_a_pools_scale_finds_a_name_of_its_own() -> None:
    window = Window((2, 2), ((0, 0), (0, 0)), (1, 1))
    nodes = {
        "input": Input((2, 4, 4)),
        "pool": AvgPool((2, 2), window),
        "scale": Scale(np.array(0.7)),
        "flatten": Flatten(),
        "fc": Affine(RNG.normal(size=(3, 8))),
        "lif": lif((3,), RNG),
        "output": Output((3,)),
    }
    plain = chain(nodes, Dialect(1e-3))
    renamed = chain(
        {"pool.scale" if name == "scale" else name: node for name, node in nodes.items()},
        Dialect(1e-3),
    )
    _assert_runs_like(renamed, plain)


def test_a_connections_step_finds_a_name_of_its_own() -> None:
    plain = small_network()
    state = RNG.bit_generator.state
    RNG.bit_generator.state = state
    _assert_runs_like(_renamed(plain, {"lif": "fc.step"}), plain)


def test_spikes_handed_to_the_host_find_a_name_of_their_own() -> None:
    plain = small_network()
    read_out = Affine(np.ones((2, 4)))
    nodes = {**plain.nodes, "more": read_out, "lif.spikes": Output((2,))}
    edges = (*plain.edges, Edge("lif", "more"), Edge("more", "lif.spikes"))
    graph = replace(plain, nodes=nodes, edges=edges)
    spikes = spike_trains(graph, samples=2, steps=10)
    got = run(lower(graph), spikes, precision="int").run.spikes
    fired = got["output"]
    np.testing.assert_array_equal(got["lif.spikes"], np.repeat(fired.sum(-1)[..., None], 2, -1))


def _renamed(graph: Graph, names: dict[str, str]) -> Graph:
    def new(name: str) -> str:
        return names.get(name, name)

    return replace(
        graph,
        nodes={new(name): node for name, node in graph.nodes.items()},
        edges=tuple(Edge(new(a), new(b), delay) for a, b, delay in graph.edges),
    )


def _outcome(graph: Graph, target: str) -> tuple[object, ...]:
    """Return spikes, operations and cycles of a run, or that there is none."""
    try:
        done = run(lower(graph), spike_trains(graph), target=target, precision="int").run
    except LoweringError:
        return (LoweringError,)
    output = done.spikes[next(iter(graph.outputs))]
    cycles = None if done.cycles is None else [count for _, count in done.cycles.parts()]
    return output.tobytes(), done.synaptic_operations, cycles


@settings(max_examples=25, deadline=None)
@given(st.one_of(dense_networks(), convolutional_networks()), st.data())
def test_names_that_steps_would_choose_change_nothing(graph: Graph, data: st.DataObject) -> None:
    """Nodes take names that passes and targets make of the names of others."""
    order = data.draw(st.permutations(list(graph.nodes)))
    names: dict[str, str] = {}
    forms = ["{}.step", "{}.scale", "{}.spikes", "{}_into_x", "{} (back)", "{} (out)", "{}->x"]
    for before, name in zip([*order[-1:], *order], order, strict=False):
        form = data.draw(st.sampled_from([*forms, "connection {}"]))
        made = form.format(names.get(before, before))
        if made not in graph.nodes and made not in names.values():
            names[name] = made
    for target in ("reference", "loihi", "binary_synapse"):
        assert _outcome(_renamed(graph, names), target) == _outcome(graph, target)


def test_a_neuron_named_like_a_connection_that_feeds_two() -> None:
    rng = np.random.default_rng(0)
    nodes = {
        "input": Input((6,)),
        "fc": Affine(rng.choice([-1, 1], (4, 6)).astype(np.int8)),
        "first": lif((4,), rng),
        "more": Affine(3 * rng.normal(size=(3, 4))),
        "last": lif((3,), rng),
        "output": Output((3,)),
    }
    plain = chain(nodes, Dialect(1e-3))
    beside = {"second": lif((4,), rng), "beside": Output((4,))}
    edges = (*plain.edges, Edge("fc", "second"), Edge("second", "beside"))
    plain = replace(plain, nodes={**plain.nodes, **beside}, edges=edges)
    _assert_runs_like(_renamed(plain, {"last": "connection fc"}), plain)


def test_a_folded_bias_is_told_by_the_pass_that_folded_it() -> None:
    graph = small_network()
    biased = replace(graph.nodes["fc"], bias=np.ones(4))
    findings = Findings()
    discrete = run_passes(graph.with_nodes({"fc": biased}), [Discretize()], findings)
    run_passes(discrete, [FoldBias()], findings)
    assert [row.found_by for row in findings.about("fc")] == ["fold-bias"]
