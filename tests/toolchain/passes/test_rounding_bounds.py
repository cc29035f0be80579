"""What rounding needs of a membrane, and what folding makes of neurons: cases at the edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from axonc.toolchain.ir import (
    Affine,
    Conv,
    Edge,
    Graph,
    Input,
    Neuron,
    Output,
    Reset,
    Scale,
    Stage,
    Window,
)
from axonc.toolchain.passes import (
    Findings,
    FixedPoint,
    FoldBias,
    IntegerWeights,
    PositiveGains,
    SinkScales,
    run_passes,
)
from axonc.toolchain.reference import Recording, execute


def neuron(shape: tuple[int, ...], **changes: object) -> Neuron:
    one = np.ones(1)
    fields = dict(shape=shape, decay=0 * one, gain=one, leak=0 * one, threshold=one)
    return Neuron(**(fields | dict(v_reset=0 * one, reset=Reset.HARD) | changes))  # type: ignore


def chain(shape: tuple[int, ...], *nodes: object) -> Graph:
    named: dict[str, object] = {"input": Input(shape)}
    named |= {f"n{number}": node for number, node in enumerate(nodes)}
    named["output"] = Output(nodes[-1].shape)  # type: ignore[attr-defined]
    names = list(named)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.DISCRETE, named, edges)  # type: ignore[arg-type]


def recorded(graph: Graph, spikes: np.ndarray) -> Recording:
    return execute(graph, spikes, probes=list(graph.spiking))


def test_the_width_leaves_room_for_a_bias_that_is_rounded_up() -> None:
    """Six synapses and a leak of 1.6 reach 7.6; in integers 6 + 2 = 8, which takes a bit more."""
    graph = chain((6,), Affine(np.ones((1, 6), np.int8)), neuron((1,), leak=np.array([1.6])))
    graph = graph.with_nodes({"n1": replace(graph.nodes["n1"], threshold=np.array([7.5]))})
    integer = run_passes(graph, [IntegerWeights(), FixedPoint(fraction_bits=0)], Findings())
    done = recorded(integer, np.ones((1, 3, 6), bool))
    assert done.overflows["n1"] == 0
    assert done.potentials["n1"].max() == 8
    assert done.output.all() and recorded(graph, np.ones((1, 3, 6), bool)).output.all()


def test_a_bias_behind_a_synapse_becomes_what_its_current_settles_to() -> None:
    """i settles to b / (1 - 0.8) = 5 b; with b alone the neuron would fire a fifth as often."""
    leaky = neuron(
        (1,), decay=np.array([0.9]), current_decay=np.array([0.8]), current_gain=np.ones(1)
    )
    graph = chain((2,), Affine(np.ones((1, 2)), np.array([0.05])), leaky)
    folded = run_passes(graph, [FoldBias()], Findings())
    assert folded.nodes["n1"].leak == pytest.approx(0.05 / (1 - 0.8))  # type: ignore[attr-defined]
    silence = np.zeros((1, 400, 2), bool)
    counts = [int(recorded(each, silence).output.sum()) for each in (graph, folded)]
    assert counts[0] > 50 and abs(counts[0] - counts[1]) <= 1


@pytest.mark.parametrize("with_current", [False, True])
def test_a_negative_gain_is_positive_afterwards_and_nothing_else_changes(
    with_current: bool,
) -> None:
    gains = np.array([-0.5, 0.5, -2.0])
    synapse = dict(current_decay=np.array([0.5]), current_gain=gains) if with_current else {}
    own = neuron((3,), gain=np.ones(1) if with_current else gains, decay=np.array([0.5]), **synapse)
    weight = np.random.default_rng(0).integers(-3, 4, (3, 8)).astype(np.int8)
    graph = chain((8,), Affine(weight), own)
    positive = run_passes(graph, [PositiveGains()], Findings())
    made = positive.nodes["n1"]
    assert np.all(made.gain > 0)  # type: ignore[attr-defined]
    assert made.current_gain is None or np.all(made.current_gain > 0)  # type: ignore[attr-defined]
    spikes = np.random.default_rng(1).random((4, 80, 8)) < 0.5
    one, other = recorded(graph, spikes), recorded(positive, spikes)
    assert 0 < one.output.mean() < 1
    np.testing.assert_array_equal(one.output, other.output)
    np.testing.assert_array_equal(one.potentials["n1"], other.potentials["n1"])


def test_a_scale_by_channel_is_folded_into_each_group_by_its_own_channels() -> None:
    rng = np.random.default_rng(2)
    weight = rng.integers(-3, 4, (6, 2, 3, 3)).astype(float)
    window = Window((1, 1), ((1, 1), (1, 1)), (1, 1))
    scale = Scale(np.array([0.5, 1.0, 2.0, 4.0]).reshape(4, 1, 1))
    graph = chain(
        (4, 5, 5), scale, Conv(weight, window, groups=2), neuron((6, 5, 5), threshold=np.ones(1))
    )
    sunk = run_passes(graph, [SinkScales()], Findings())
    assert "n0" not in sunk.nodes
    spikes = rng.random((3, 6, 4, 5, 5)) < 0.4
    one, other = recorded(graph, spikes), recorded(sunk, spikes)
    np.testing.assert_array_equal(one.potentials["n2"], other.potentials["n2"])
