"""Networks of which a part stays on the host: the parts in sequence are the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graph_strategies import chain, integrate_and_fire, lif, spike_trains

from axonc.targets import Verdict
from axonc.toolchain.driver import lower, run, verdicts
from axonc.toolchain.errors import InputError, LoweringError
from axonc.toolchain.ir import LI, Affine, Dialect, Edge, Graph, Input, Node, Output
from axonc.toolchain.passes import FixedPoint
from axonc.toolchain.reference import execute

RNG = np.random.default_rng(11)


def signs(*shape: int) -> np.ndarray:
    return RNG.choice([-1, 1], shape).astype(np.int8)


def with_readout(extra: dict[str, Node] | None = None, edges: tuple[Edge, ...] = ()) -> Graph:
    """Return spikes - binary - LIF - binary - IF - real Affine - LI."""
    full = np.ones(3)
    nodes: dict[str, Node] = {
        "input": Input((6,)),
        "first": Affine(signs(8, 6)),
        "hidden": lif((8,), RNG),
        "second": Affine(signs(5, 8)),
        "last": integrate_and_fire((5,), RNG),
        "weights": Affine(RNG.normal(size=(3, 5)).astype(np.float32)),
        "readout": LI((3,), 5e-3 * full, full, 0 * full),
        "output": Output((3,)),
    }
    return chain(nodes | (extra or {}), Dialect(1e-3), edges)


@pytest.mark.parametrize("target", ["reference", "binary_synapse", "loihi"])
def test_a_real_read_out_is_computed_behind_the_chip(target: str) -> None:
    graph = with_readout()
    lowering = lower(graph, fixed_point=FixedPoint(fraction_bits=8))
    spikes = spike_trains(graph, samples=2, steps=30)
    done = run(lowering, spikes, target=target, precision="int", probes=["last", "readout"])
    whole = execute(lowering.discrete, spikes, probes=["last"])
    assert np.array_equal(done.run.spikes["last"], whole.spikes["last"])
    # the same float64 operations on the same spikes
    assert np.array_equal(done.run.spikes["output"], whole.output)
    assert np.array_equal(done.run.potentials["readout"], whole.output)
    assert set(done.run.spikes) == {"output", "last", "readout"}


@pytest.mark.parametrize("target", ["reference", "binary_synapse", "loihi"])
def test_a_real_input_is_computed_in_front_of_the_chip(target: str) -> None:
    graph = with_readout()
    drive = RNG.random((2, 25, 6))
    lowering = lower(graph, fixed_point=FixedPoint(fraction_bits=8), real_input=True)
    done = run(lowering, drive, target=target, precision="int", probes=["hidden"])
    whole = execute(lowering.discrete, drive, probes=["hidden"])
    assert np.array_equal(done.run.spikes["hidden"], whole.spikes["hidden"])
    assert np.array_equal(done.run.spikes["output"], whole.output)
    said = {row.node: row for row in verdicts(lowering, "binary_synapse")}
    assert said["first"].verdict is Verdict.HOST
    assert said["first"].detail == "stays on the host: its input is real numbers"
    assert said["readout"].detail == "stays on the host: a real-valued read-out"
    assert said["second"].verdict is Verdict.EXACT


def test_feedback_into_the_first_spikes_stays_with_them() -> None:
    loop: dict[str, Node] = {"loop": Affine(signs(8, 8))}
    edges = (Edge("hidden", "loop", 1), Edge("loop", "hidden"))
    graph = with_readout()
    graph = Graph(graph.stage, {**graph.nodes, **loop}, (*graph.edges, *edges), graph.dialect)
    lowering = lower(graph, fixed_point=FixedPoint(fraction_bits=8), real_input=True)
    assert lowering.split is not None and lowering.split.front is not None
    assert set(lowering.split.front.nodes) == {"input", "first", "hidden", "loop", "hidden.spikes"}
    drive = RNG.random((1, 20, 6))
    assert np.array_equal(
        run(lowering, drive, precision="int").run.spikes["output"],
        execute(lowering.discrete, drive).output,
    )


def test_a_network_without_spikes_for_a_chip_is_refused() -> None:
    nodes = {
        "input": Input((6,)),
        "first": Affine(signs(8, 6)),
        "hidden": lif((8,), RNG),
        "output": Output((8,)),
    }
    lowering = lower(chain(nodes, Dialect(1e-3)), real_input=True)
    with pytest.raises(LoweringError) as error:
        _ = lowering.integer
    assert str(error.value) == (
        "graph 'network' cannot be split:\n"
        "  - no spiking neuron is left for the chip; everything would run on the host"
    )


@pytest.mark.parametrize("target", ["reference", "binary_synapse", "loihi"])
def test_a_probe_on_a_node_that_lowering_removed_says_why(target: str) -> None:
    graph = with_readout()
    aside = {"mute": Affine(signs(2, 8)), "unheard": integrate_and_fire((2,), RNG)}
    edges = (*graph.edges, Edge("hidden", "mute"), Edge("mute", "unheard"))
    graph = replace(graph, nodes={**graph.nodes, **aside}, edges=edges)
    lowering = lower(graph, fixed_point=FixedPoint(fraction_bits=8))
    spikes = spike_trains(graph, samples=1, steps=5)
    assert run(lowering, spikes, probes=["unheard"]).run.spikes["unheard"].shape == (1, 5, 2)
    with pytest.raises(InputError) as error:
        run(lowering, spikes, target=target, precision="int", probes=["unheard"])
    assert str(error.value) == (
        "probe 'unheard': got a node that lowering removed: no output depends on it, expected a "
        f"node of the lowered graph: {', '.join(lowering.integer.nodes)}. "
        "Probe it on the reference, with --precision float."
    )
