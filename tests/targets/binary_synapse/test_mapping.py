"""Splits and places: what drives them, and that placing by traffic shortens the ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from binary_synapse_networks import convolutional_networks, machines, perceptron, spike_counts
from hypothesis import assume, given, settings

from axonc.targets.binary_synapse import (
    Architecture,
    BinarySynapse,
    Calibration,
    SequentialProgram,
    load_architecture,
)
from axonc.targets.binary_synapse.placement import links_travelled, measured_traffic
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import Edge, Graph
from axonc.toolchain.reference import execute


def test_reasons_name_what_drives_a_split() -> None:
    program = BinarySynapse("edge").compile(perceptron([2000, 1500, 10]))
    assert program.reasons == {
        "neuron0": "1500 neurons, a core holds 1024; 1500000 bits of synapses, a core holds "
        "1048576; 2000 axons, a core has 1024",
        "neuron1": "1500 axons, a core has 1024",
    }
    helpers = [block for block in program.blocks if block.helps is not None]
    assert len(helpers) == 3
    assert ("layer neuron0", "4 cores (" + program.reasons["neuron0"] + ")") in program.summary()


@settings(max_examples=60, deadline=None)
@given(convolutional_networks(), machines())
def test_boxes_cover_each_neuron_once_and_fit_their_core(
    graph: Graph, machine: Architecture
) -> None:
    try:
        program = BinarySynapse(machine).compile(graph)
    except LoweringError:
        assume(False)
    for name in program.reasons:
        owners = [b for b in program.blocks if b.layer == name and b.helps is None]
        ids = np.concatenate([block.box.flat_ids(block.grid) for block in owners])
        assert sorted(ids.tolist()) == list(range(int(np.prod(graph.shapes[name]))))
        assert all(block.box.volume <= machine.core.neurons for block in owners)
    assert len(set(program.positions)) == len(program.positions)


def test_placing_by_traffic_shortens_the_ways() -> None:
    shipped = load_architecture("edge")
    machine = shipped.model_copy(
        update={"core": shipped.core.model_copy(update={"axons": 64, "neurons": 16})}
    )
    graph = perceptron([64, 64, 48, 48, 10])
    spikes = spike_counts(graph, samples=3, steps=20)
    in_order = BinarySynapse(machine).compile(graph)
    placed = BinarySynapse(machine, Calibration(spikes)).compile(graph)
    run = BinarySynapse(machine).run(in_order, spikes, probes=[*in_order.reasons])
    rasters = {name: run.spikes[name] for name in in_order.reasons} | {"input": spikes}
    traffic = measured_traffic(in_order, rasters)
    assert links_travelled(placed, traffic) < 0.8 * links_travelled(in_order, traffic)
    again = BinarySynapse(machine, Calibration(spikes)).compile(graph)
    assert again.positions == placed.positions

    target = BinarySynapse(machine)
    one, two = target.run(in_order, spikes), target.run(placed, spikes)
    np.testing.assert_array_equal(one.spikes["output"], two.spikes["output"])
    assert one.counters["flits"] == two.counters["flits"]
    assert one.counters["hops"] == links_travelled(in_order, traffic)
    assert two.counters["hops"] == links_travelled(placed, traffic)


def test_a_network_larger_than_the_chip_runs_in_parts() -> None:
    shipped = load_architecture("edge")
    machine = shipped.model_copy(
        update={
            "core": shipped.core.model_copy(update={"axons": 64, "neurons": 16}),
            "mesh": shipped.mesh.model_copy(update={"columns": 4, "rows": 2}),
        }
    )
    graph = perceptron([64, 64, 48, 48, 10])
    graph = replace(graph, edges=(*graph.edges, Edge("neuron1", "linear3", 1)))
    target = BinarySynapse(machine)
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    assert [list(part.program.reasons) for part in program.parts] == [
        ["neuron0", "neuron1"], ["neuron2", "neuron3"],
    ]  # fmt: skip
    spikes = spike_counts(graph, samples=3, steps=20)
    probes = [f"neuron{layer}" for layer in range(4)]
    run = target.run(program, spikes, probes=probes)
    expected = execute(graph, spikes, probes=probes)
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    for name in probes:
        np.testing.assert_array_equal(run.spikes[name], expected.spikes[name])
        np.testing.assert_array_equal(run.potentials[name], expected.potentials[name])

    signs = 64 * 64 + 64 * 48
    first = program.parts[0]
    assert signs < first.load_bits < signs + 2000
    assert first.load_cycles == -(-first.load_bits // 64)
    assert run.counters["cycles/load"] == 3 * sum(part.load_cycles for part in program.parts)
    fired = sum(int(expected.spikes[f"neuron{n}"].sum()) for n in range(4))
    assert run.counters["spikes"] == fired + int(spikes.sum())
    whole = BinarySynapse(shipped)
    whole_run = whole.run(whole.compile(graph), spikes)
    assert run.synaptic_operations == whole_run.synaptic_operations
    report = target.cost(program, run)
    assert report.energy[0].parts_pj["external_bit"] > 0
    assert report.cycles is not None and report.cycles.total == pytest.approx(run.cycles / 3)


def test_a_loop_over_parts_is_refused() -> None:
    shipped = load_architecture("edge")
    machine = shipped.model_copy(
        update={"mesh": shipped.mesh.model_copy(update={"columns": 1, "rows": 1})}
    )
    graph = perceptron([4, 4, 4])
    graph = replace(graph, edges=(*graph.edges, Edge("neuron1", "linear0", 1)))
    with pytest.raises(LoweringError, match="spikes of 'neuron1' come back to it from a later"):
        BinarySynapse(machine).compile(graph)
