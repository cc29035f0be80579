"""One definition of an operation: reference, costs, targets and a recount count the same."""

from __future__ import annotations

import numpy as np
import pytest
from binary_synapse_networks import convolutional_networks, counts_by_input, dense_networks
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.targets import load_target
from axonc.targets.binary_synapse import BinarySynapse
from axonc.toolchain.cost import Count, workload
from axonc.toolchain.driver import cost_of, lower, run
from axonc.toolchain.errors import InputError, LoweringError
from axonc.toolchain.ir import (
    IF,
    Affine,
    Connection,
    Delay,
    Dialect,
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerNeuron,
    Output,
    Stage,
)
from axonc.toolchain.reference import execute

CHIPS = {
    "binary_synapse, cycle": (BinarySynapse("edge"), "cycle"),
    "binary_synapse, analytic": (BinarySynapse("edge"), "analytic"),
    "loihi": (load_target("loihi"), "emulator"),
}


def recounted(graph: Graph, spikes: dict[str, np.ndarray]) -> dict[str, int]:
    """Count additions spike by spike: unrolled synapses, every edge, every step.

    Only for graphs whose connections feed neurons without a delay in between.
    """
    done = execute(graph, spikes, probes=list(graph.nodes))
    totals = {}
    for name, node in graph.nodes.items():
        if not isinstance(node, Connection):
            continue
        (follower,) = graph.outgoing[name]
        while isinstance(graph.nodes[follower.target], Flatten):
            (follower,) = graph.outgoing[follower.target]
        assert follower.delay == 0 and isinstance(graph.nodes[follower.target], IntegerNeuron)
        synapses = (node.matrix(graph.input_shape(name)) != 0).sum(axis=0)
        total = 0
        for source, _, delay in graph.incoming[name]:
            for t in range(done.steps - delay):
                sent = done.spikes[source][:, t].reshape(done.samples, -1).astype(np.int64)
                total += int((sent @ synapses).sum())
        totals[name] = total
    return totals


def joined_without_weights(graph: Graph) -> bool:
    """Whether a neuron hears another with no connection between: a chip adds there all the same."""
    for name in graph.of_type(IntegerNeuron):
        waiting = list(graph.sources(name))
        while waiting:
            source = waiting.pop()
            if source in graph.spiking or source in graph.inputs:
                return True
            if not isinstance(graph.nodes[source], Connection):
                waiting += graph.sources(source)
    return False


@pytest.mark.parametrize("chip", CHIPS)
@settings(max_examples=25, deadline=None)
@given(graph=st.one_of(dense_networks(), convolutional_networks()), seed=st.integers(0, 99))
def test_reference_targets_and_recount_agree(chip: str, graph: Graph, seed: int) -> None:
    spikes = counts_by_input(graph, seed=seed)
    done = execute(graph, spikes)
    work = workload(graph, done.arrivals, done.spike_counts, done.samples, done.steps)
    assert work.multiplications == {}
    assert work.synaptic_operations == recounted(graph, spikes)
    target, engine = CHIPS[chip]
    try:
        got = target.run(target.compile(graph), spikes, engine=engine)
    except (InputError, LoweringError):
        return
    if not joined_without_weights(graph):
        assert got.synaptic_operations == sum(work.synaptic_operations.values())
    for name, operations in work.synaptic_operations.items():
        assert got.layers[name][Count.SYNAPTIC_OPERATIONS] == operations
    neurons = graph.of_type(IntegerNeuron)
    updates = {name: got.layers[name][Count.NEURON_UPDATES] for name in neurons}
    assert updates == {name: work.neuron_updates[name] for name in neurons}
    fired = {name: got.layers[name][Count.SPIKES] for name in neurons}
    assert fired == {name: work.spikes[name] for name in neurons}


def chain(*nodes: object, shape: tuple[int, ...] = (4,)) -> Graph:
    named: dict[str, object] = {"input": Input(shape)}
    named |= {f"n{number}": node for number, node in enumerate(nodes)}
    for node in nodes:
        shape = node.output_shape(shape)  # type: ignore[attr-defined]
    named["output"] = Output(shape)
    names = list(named)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.IMPORTED, named, edges, Dialect(1e-3))  # type: ignore[arg-type]


def integrators(count: int) -> IF:
    one = np.ones(count, np.float32)
    return IF((count,), one, 2 * one, 0 * one)


@pytest.mark.parametrize("where", ["before", "behind"])
@pytest.mark.parametrize("delay_steps", [0, 1, 4, 9, 50])
@pytest.mark.parametrize("target", ["reference", "binary_synapse", "loihi"])
def test_a_spike_that_arrives_too_late_is_no_operation(
    target: str, delay_steps: int, where: str
) -> None:
    """Ten steps, three spikes in each, five synapses a spike."""
    late, fc = Delay(np.array(1e-3 * delay_steps)), Affine(np.ones((5, 4), np.int8))
    nodes = (late, fc) if where == "before" else (fc, late)
    spikes = np.zeros((1, 10, 4), bool)
    spikes[:, :, 1:] = True
    try:
        done = run(lower(chain(*nodes, integrators(5))), spikes, target=target, precision="int")
    except LoweringError:
        assert where == "behind" or delay_steps > 4
        return
    assert done.run.synaptic_operations == 3 * 5 * max(10 - delay_steps, 0)


def test_real_numbers_are_multiplied_and_never_added() -> None:
    graph = chain(Affine(np.full((10, 4), 0.3)), integrators(10))
    done = run(lower(graph), np.full((2, 5, 4), -0.4, np.float32))
    assert done.run.synaptic_operations == 0
    assert done.summary()["multiplications"] == 2 * 5 * 4 * 10


def test_what_the_host_computes_is_counted_and_priced_apart() -> None:
    """Behind the last spikes: additions of spikes first, then products of what they sum to."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(6, 5)), rng.normal(size=(3, 6))
    graph = chain(Affine(np.ones((5, 4), np.int8)), integrators(5), Affine(first), Affine(second))
    spikes = rng.random((2, 8, 4)) < 0.6
    done = run(lower(graph), spikes, precision="int", probes=["n1"])
    fired = int(done.run.spikes["n1"].sum())
    assert done.summary()["host"] == {
        "multiplications": 2 * 8 * 6 * 3,
        "synaptic_operations": 6 * fired,
    }
    for target in ("reference", "binary_synapse"):
        report = cost_of(lower(graph), target, spikes)
        assert report.synaptic_operations is not None
        assert report.synaptic_operations.total == spikes.sum() * 5 / 2
        (host,) = report.host
        (energy,) = host.energy
        assert energy.total_pj == pytest.approx((4.6 * 2 * 8 * 18 + 0.9 * 6 * fired) / 2)
