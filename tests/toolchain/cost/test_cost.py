from __future__ import annotations

import numpy as np
import pytest
from graph_strategies import convolutional_networks, dense_networks, spike_trains
from hypothesis import given, settings

from axonc.toolchain.cost import (
    EnergyProfile,
    Event,
    Memory,
    Stored,
    chipless_cost,
    float_memory,
    integer_memory,
    shipped_profile,
    workload,
)
from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import Affine, Conv, Graph
from axonc.toolchain.passes import Findings, to_discrete, to_integer
from axonc.toolchain.reference import execute, linear_step
from axonc.toolchain.report import cost_json


@settings(max_examples=40, deadline=None)
@given(graph=convolutional_networks() | dense_networks())
def test_fan_out_is_what_one_spike_reaches(graph: Graph) -> None:
    for name, node in graph.nodes.items():
        if not isinstance(node, (Affine, Conv)):
            continue
        shape = graph.input_shape(name)
        present = (node.weight != 0).astype(float)
        counting = (
            Affine(present) if isinstance(node, Affine) else Conv(present, node.window, node.groups)
        )
        one_spike_each = np.eye(int(np.prod(shape))).reshape(-1, *shape)
        reached = linear_step(counting)(one_spike_each).reshape(len(one_spike_each), -1).sum(axis=1)
        assert np.array_equal(node.fan_out(shape).reshape(-1), reached)


@settings(max_examples=30, deadline=None)
@given(graph=convolutional_networks() | dense_networks())
def test_workload_counts_every_synapse_that_a_spike_reaches(graph: Graph) -> None:
    integer = to_integer(to_discrete(graph, Findings()), Findings())
    spikes = spike_trains(graph)
    recording = execute(integer, spikes, probes=list(integer.nodes))
    counted = workload(
        integer, recording.arrivals, recording.spike_counts, recording.samples, recording.steps
    )
    for name, operations in counted.synaptic_operations.items():
        sent = recording.spikes
        arriving = sum(  # what arrives after the last step is no operation
            np.sum(sent[e.source][:, : recording.steps - e.delay], axis=(0, 1), dtype=np.int64)
            for e in integer.incoming[name]
        )
        fan = integer.nodes[name].fan_out(integer.input_shape(name))  # type: ignore[attr-defined]
        assert operations == int((arriving * fan).sum())
    assert counted.spikes["input"] == spikes.sum()
    for name, updates in counted.neuron_updates.items():
        assert updates == np.prod(integer.nodes[name].shape) * spikes.shape[0] * spikes.shape[1]  # type: ignore[attr-defined]


def test_memory_of_a_binary_layer_is_one_bit_a_synapse() -> None:
    from graph_strategies import chain, lif

    from axonc.toolchain.ir import Dialect, Input, Output

    rng = np.random.default_rng(0)
    nodes = {
        "input": Input((16,)),
        "linear": Affine(rng.choice([-1, 1], (8, 16)).astype(np.int8), rng.normal(size=8)),
        "neuron": lif((8,), rng),
        "output": Output((8,)),
    }
    discrete = to_discrete(chain(nodes, Dialect(1e-3)), Findings())
    integer = to_integer(discrete, Findings())
    width = integer.nodes["neuron"].membrane.bits  # type: ignore[attr-defined]
    assert integer_memory(integer).parts == {
        Stored("linear", Memory.SYNAPSES): 128,
        Stored("neuron", Memory.MEMBRANES): 8 * width,
        Stored("neuron", Memory.PARAMETERS): 16 * width,
    }
    assert float_memory(discrete).parts == {
        Stored("linear", Memory.SYNAPSES): 128 * 32,
        Stored("linear", Memory.PARAMETERS): 8 * 32,
        Stored("neuron", Memory.MEMBRANES): 8 * 32,
        Stored("neuron", Memory.PARAMETERS): 8 * 32,
    }


PROFILE = """
name = "made up"
basis = "none"
source = "this test"
static_power_w = 0.1
[event.spike_message]
pj = 2.5
[event.hop_east_west]
pj = 4
source = "elsewhere"
"""


def test_energy_is_the_sum_of_its_parts_and_says_its_source() -> None:
    profile = EnergyProfile.from_toml(PROFILE, "made_up.toml")
    estimate = profile.price({Event.SPIKE_MESSAGE: 4, Event.HOP_EAST_WEST: 2.5})
    assert estimate.parts_pj == {Event.SPIKE_MESSAGE: 10.0, Event.HOP_EAST_WEST: 10.0}
    assert estimate.total_pj == 20.0
    assert profile.entries[Event.HOP_EAST_WEST].source == "elsewhere"
    assert profile.entries[Event.SPIKE_MESSAGE].source == "this test"
    assert estimate.static_power_w == 0.1


def test_an_event_without_a_figure_leaves_no_total() -> None:
    counts = {Event.SPIKE_MESSAGE: 1, Event.EXTERNAL_BIT: 3, Event.ADD_8BIT: 0}
    estimate = EnergyProfile.from_toml(PROFILE, "x").price(counts)
    assert estimate.unpriced == (Event.EXTERNAL_BIT,)
    assert estimate.total_pj is None


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("name = 3 =", "Expected newline or end of document after a statement"),
        ("name = 'x'", r"basis \(field required\); source \(field required\); event \(field re"),
        (PROFILE.replace("2.5", "-1"), r"event.spike_message.pj = -1 \(input should be "),
        (PROFILE.replace("2.5", "nan"), r"event.spike_message.pj = nan \(input should be "),
        (PROFILE.replace("2.5", "inf"), r"event.spike_message.pj = inf \(input should be "),
        (PROFILE.replace("2.5", "'2'"), r"event.spike_message.pj = '2' \(input should be "),
        (PROFILE.replace("0.1", "'0.1 W'"), r"static_power_w = '0.1 W' \(input should be a valid"),
        (PROFILE.replace("0.1", "inf"), r"static_power_w = inf \(input should be a finite number"),
        (PROFILE.replace("static_power_w", "power"), r"power = 0.1 \(extra inputs are not perm"),
    ],
)
def test_unusable_profiles_are_refused(text: str, got: str) -> None:
    with pytest.raises(InputError, match=f"energy profile bad.toml.*got {got}"):
        EnergyProfile.from_toml(text, "bad.toml")


@pytest.mark.parametrize("name", ["horowitz_45nm_float32", "horowitz_45nm_int16"])
def test_shipped_profiles_name_their_source(name: str) -> None:
    profile = shipped_profile(name)
    assert "ISSCC 2014" in profile.source
    assert all(entry.source for entry in profile.entries.values())


@settings(max_examples=10, deadline=None)
@given(graph=dense_networks())
def test_a_cost_report_adds_up(graph: Graph) -> None:
    integer = to_integer(to_discrete(graph, Findings()), Findings())
    recording = execute(integer, spike_trains(graph))
    work = workload(
        integer, recording.arrivals, recording.spike_counts, recording.samples, recording.steps
    )
    report = cost_json(chipless_cost(integer, work, "reference"))
    for figure in ("memory_bits", "synaptic_operations", "neuron_updates", "spikes"):
        assert report[figure]["total"] == sum(report[figure]["parts"].values())
    (energy,) = report["energy_pj"].values()
    assert energy["total"] == pytest.approx(sum(energy["parts"].values()))  # float sum order
    assert report["synaptic_operations"]["total"] * recording.samples == pytest.approx(
        sum(work.synaptic_operations.values())  # a mean times its count, in float64
    )


def test_a_sum_behind_another_connection_is_weighed_in_every_step() -> None:
    from graph_strategies import chain, lif

    from axonc.toolchain.ir import Dialect, Flatten, Input, Output, SumPool, Window

    rng = np.random.default_rng(0)
    pair = Window((2,), ((0, 0),), (1,))
    nodes = {
        "input": Input((2, 4)),
        "pool": SumPool((2,), pair),
        "flatten": Flatten(),
        "first": Affine(np.array([[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 1]])),
        "second": Affine(np.array([[1, 0, 1], [1, 1, 1]])),
        "neuron": lif((2,), rng),
        "output": Output((2,)),
    }
    graph = chain(nodes, Dialect(1e-3))
    spikes = spike_trains(graph, samples=2, steps=5)
    recording = execute(graph, spikes)
    counted = workload(graph, recording.arrivals, recording.spike_counts, 2, 5)
    pooled = spikes.sum(axis=(0, 1)).reshape(4, 2).sum(axis=1)
    assert counted.synaptic_operations == {"first": pooled @ [2, 1, 1, 2], "second": 0}
    assert counted.multiplications == {"second": 10 * 5}
