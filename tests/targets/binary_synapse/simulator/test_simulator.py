"""The compiled simulator against the integer reference (every bin) and the naive machine (every
cycle, flit and wait)."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from binary_synapse_layouts import (
    NETWORKS,
    WHOLE,
    Layout,
    compiled,
    loops_over_parts,
    machines,
    shared_cores,
    sums_in_turns,
)
from binary_synapse_machine import MachineModel, run_parts
from binary_synapse_networks import counts_by_input, perceptron, spike_counts
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from axonc.targets.base import Run
from axonc.targets.binary_synapse import Architecture, BinarySynapse, Calibration, load_architecture
from axonc.targets.binary_synapse.execution import parts_of, rounds_of
from axonc.targets.binary_synapse.machine.mesh import LOCAL, PORTS
from axonc.targets.binary_synapse.mapping.placement import links_travelled, measured_traffic
from axonc.targets.binary_synapse.mapping.sequential import SequentialProgram
from axonc.targets.binary_synapse.program.memory import memory_bits, spike_bits
from axonc.targets.binary_synapse.program.paths import population_grids
from axonc.targets.binary_synapse.program.program import BinaryProgram
from axonc.targets.binary_synapse.simulator.behaviour import simulate_behaviour
from axonc.targets.binary_synapse.simulator.lone_sender import new_departures
from axonc.targets.binary_synapse.simulator.run import (
    Totals,
    deadlock_text,
    empty_mesh,
    prepared,
    simulate_batch,
)
from axonc.targets.binary_synapse.simulator.timing import Engine, simulate_timing
from axonc.toolchain.cost import Access, Memory, Phase, Wave, Way
from axonc.toolchain.ir import IntegerNeuron
from axonc.toolchain.reference import execute

EXAMPLES = int(os.environ.get("AXONC_BINARY_SYNAPSE_EXAMPLES", "100"))
"""Networks and machines of each of the two main tests; see docs/binary_synapse.md."""

IN_PARTS = st.tuples(NETWORKS, machines(external_memory={"bits_per_cycle": 256}))
LARGER = st.one_of(IN_PARTS, sums_in_turns(), loops_over_parts())
LAYOUTS = st.one_of(WHOLE, shared_cores(), LARGER)


@settings(max_examples=EXAMPLES, deadline=None)
@given(LAYOUTS, st.integers(1, 3))
def test_every_bin_equals_the_reference(layout: Layout, most: int) -> None:
    """Whether the network is on the mesh as a whole, packed, or runs part by part."""
    graph, machine = layout
    target, program = compiled(graph, machine)
    counts = counts_by_input(graph, most=most)
    probes = [name for name, node in graph.nodes.items() if isinstance(node, IntegerNeuron)]
    run = target.run(program, counts, probes=probes)
    expected = execute(graph, counts, probes=probes)
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    for name in probes:
        np.testing.assert_array_equal(run.spikes[name], expected.spikes[name])
        np.testing.assert_array_equal(run.potentials[name], expected.potentials[name])
    overflows = {name: run.layers[name]["overflows"] for name in probes}
    assert overflows == {name: expected.overflows[name] for name in probes}
    for name in probes:  # nobody is updated twice or never, whatever part it lies in
        assert run.layers[name]["neuron_updates"] == expected.spikes[name].size
        assert run.layers[name]["spikes"] == expected.spikes[name].sum()


@settings(max_examples=EXAMPLES, deadline=None)
@given(LAYOUTS)
def test_every_cycle_equals_the_naive_machine(layout: Layout) -> None:
    """Of every part; the naive machine runs those on a loop a step at a time, one after another."""
    graph, machine = layout
    target, program = compiled(graph, machine)
    assume(len(parts_of(program)) <= 15)  # the naive machine is slow
    counts = counts_by_input(graph, samples=1, steps=4)
    probes = [name for name, node in graph.nodes.items() if isinstance(node, IntegerNeuron)]
    run = target.run(program, counts)
    fired = counts | execute(graph, counts, probes=probes).spikes
    flat = {name: values.reshape(*values.shape[:2], -1) for name, values in fired.items()}
    models = run_parts(rounds_of(program), {name: flat[name][0] for name in counts})
    for part, totals, model in zip(parts_of(program), run.part_totals, models, strict=True):
        sums = np.array(model.sums)[None] if part.program.resuming is not None else None
        inputs = part.inputs(flat)
        every = Engine.EVERY_CYCLE
        slow = simulate_batch(part.program, inputs, spikes_of=[], sums=sums, engine=every)
        assert_same_cycles(totals, model)
        assert_same_cycles(slow.totals, model)
        if part.program.handing_on is not None:
            np.testing.assert_array_equal(slow.sums[0], model.handed_on)
    moved = sum((model.moved for model in models), Counter[Access]())
    on_chip = {a: bits for a, bits in run.accesses.items() if a.memory is not Memory.EXTERNAL}
    assert +Counter(on_chip) == +moved
    bound = target.run(program, counts, engine="analytic")
    assert 0 < bound.cycles.total <= run.cycles.total

    # The energy is the sum of its parts, and each part a count times its price.
    horowitz, odin = target.cost(program, run).energy
    assert horowitz.total_pj == pytest.approx(sum(horowitz.parts_pj.values()))
    assert odin.total_pj == pytest.approx(12.7 * run.counters["synapses_walked"])
    cycles = sum(sum(model.cycles_of_step) for model in models)
    assert run.cycles.total == cycles + transferred(program, run, models)

    spikes = dict.fromkeys(probes, 0)
    for block in (block for model in models for block in model.blocks):
        spikes[block.block.layer] += sum(map(len, block.fired.values()))
    assert spikes == {name: run.layers[name]["spikes"] for name in probes}


@settings(max_examples=40, deadline=None)
@given(WHOLE)
def test_every_arbiter_is_at_rest_when_a_turn_begins(layout: Layout) -> None:
    """On large meshes too, where arbiters have more to remember than on those of loops."""
    graph, machine = layout
    target, program = compiled(graph, machine)
    program = replace(program, in_turns=True)
    counts = counts_by_input(graph, samples=1, steps=4, most=3)
    flat = {name: values[0].reshape(4, -1) for name, values in counts.items()}
    (model,) = run_parts(rounds_of(program), flat)
    assert_same_cycles(target.run(program, counts).totals, model)


def transferred(
    program: BinaryProgram | SequentialProgram, run: Run, models: list[MachineModel]
) -> int:
    """Check the bits that pass through the external memory; return the cycles of loads and states.

    A part on a loop comes to the machine in each step, and leaves its state there but at the end.
    """
    if isinstance(program, BinaryProgram):
        return 0
    machine = program.architecture
    width = machine.external_memory.bits_per_cycle  # type: ignore[union-attr]
    spike = spike_bits(population_grids(program.graph))
    cycles = read = written = 0
    for part, model in zip(program.parts, models, strict=True):
        turns = model.steps if model.program.in_turns else 1
        loads, state = part.load_bits, model.state_bits()
        cycles += turns * -(-loads // width) + 2 * (turns - 1) * -(-state // width)
        read += turns * loads + (turns - 1) * state
        written += (turns - 1) * state
        sums = sum(map(len, model.sums)) if part.program.resuming is not None else 0
        read += sums * machine.core.accumulator_bits + (model.host_flits - sums) * spike
        written += len(model.arrivals) * spike
        written += sum(map(len, model.handed_on)) * machine.core.accumulator_bits
    assert run.accesses[Access(Way.READ, Memory.EXTERNAL)] == read
    assert run.accesses[Access(Way.WRITE, Memory.EXTERNAL)] == written
    assert run.cycles.load + run.cycles.state == cycles
    return cycles


@settings(max_examples=40, deadline=None)
@given(LAYOUTS)
def test_placing_changes_no_bin_and_measures_what_travels(layout: Layout) -> None:
    graph, machine = layout
    counts = counts_by_input(graph, samples=2, steps=4)
    compiled(graph, machine)  # refused ones are not placed either
    target = BinarySynapse(machine, Calibration(counts))
    program = target.compile(graph)
    probes = [name for name, node in graph.nodes.items() if isinstance(node, IntegerNeuron)]
    run, expected = target.run(program, counts), execute(graph, counts, probes=probes)
    np.testing.assert_array_equal(run.spikes["output"], expected.output)
    fired = {name: raster.astype(int) for name, raster in (counts | expected.spikes).items()}
    flat = {name: values.reshape(*values.shape[:2], -1) for name, values in fired.items()}
    for part, totals in zip(parts_of(program), run.part_totals, strict=True):
        whole = part.program
        lines = [line for lines in whole.block_routes for line in lines]
        lines += [line for lines in whole.host_routes.values() for line in lines]
        if any(len(whole.banks_by_core(line)) > 1 for line in lines):
            continue  # shared links are crossed once
        travelled = int(totals.link_flits.reshape(-1, PORTS)[:, :LOCAL].sum())
        known = part.inputs(flat) | {name: flat[name] for name in whole.reasons}
        traffic = measured_traffic(whole, known)
        assert travelled <= links_travelled(whole, traffic)
        if not any(line.delay_steps for line in lines):  # else some come after the end
            assert travelled == links_travelled(whole, traffic)


def assert_same_cycles(totals: Totals, model: MachineModel) -> None:
    np.testing.assert_array_equal(totals.step_cycles[0], model.cycles_of_step)
    np.testing.assert_array_equal(totals.phase_cycles, model.cycles_of_phase)
    np.testing.assert_array_equal(totals.step_phases.sum(axis=1), model.cycles_of_step)
    causes = [
        totals.step_walk,
        totals.step_neuron_phase,
        totals.step_send_waits,
        totals.step_event_fifo_waits,
        totals.step_link_waits,
    ]
    np.testing.assert_array_equal(np.cumsum(causes, axis=1).T, model.counted)
    np.testing.assert_array_equal(totals.core_walk_cycles, [core.walk for core in model.cores])
    np.testing.assert_array_equal(totals.core_events, [core.taken for core in model.cores])
    np.testing.assert_array_equal(totals.block_walk_cycles, [b.walk for b in model.blocks])
    np.testing.assert_array_equal(totals.block_phase_cycles, [b.phase for b in model.blocks])
    np.testing.assert_array_equal(totals.core_events_most, [core.most for core in model.cores])
    links = sorted(model.link_flits, key=lambda link: (link[1], link[0], link[2]))
    np.testing.assert_array_equal(totals.link_flits, [model.link_flits[link] for link in links])
    np.testing.assert_array_equal(totals.link_waits, [model.link_waits[link] for link in links])
    np.testing.assert_array_equal(totals.sender_waits, [s.waits for s in model._senders()])
    assert totals.unit_waits.sum() == totals.sender_waits.sum()
    ends = (model.arrivals[0], model.arrivals[-1]) if model.arrivals else (-1, -1)
    assert (totals.first_output_cycle[0], totals.last_output_cycle[0]) == ends


def test_random_layouts_hold_what_is_rare() -> None:
    """Flits for several banks, sums in turns, loops over parts: else the tests above could not find
    their faults."""
    seen: Counter[str] = Counter()

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(LAYOUTS)
    def look(layout: Layout) -> None:
        _, program = compiled(*layout)
        parts = [part.program for part in parts_of(program)]
        seen["sums in turns"] += any(part.handing_on is not None for part in parts)
        looped = [part for part in parts_of(program) if part.program.in_turns]
        seen["loop over parts"] += bool(looped)
        seen["layer over parts"] += any(part.returned for part in looped)
        seen["held in a state"] += any(
            stored.memory is Memory.HISTORY
            for part in looped
            for stored in memory_bits(part.program)
        )
        seen["sums on a loop"] += any(part.program.handing_on is not None for part in looped)
        program = parts[0]
        routes = [*program.block_routes, *program.host_routes.values()]
        each = [program.banks_by_core(route) for lines in routes for route in lines]
        shared = [banks for cores in each for banks in cores.values() if len(banks) > 1]
        seen["several banks"] += bool(shared)
        seen["in several blocks"] += any(len({block for block, _ in banks}) > 1 for banks in shared)
        seen["of several cores"] += any(
            len(cores) > 1 and any(len(banks) > 1 for banks in cores.values()) for cores in each
        )

    look()
    assert seen["sums in turns"] >= 10
    assert seen["loop over parts"] >= 15
    assert seen["layer over parts"] >= 10
    assert seen["held in a state"] >= 3
    assert seen["sums on a loop"] >= 5
    assert seen["several banks"] >= 15
    assert seen["in several blocks"] >= 3
    assert seen["of several cores"] >= 1


def test_samples_do_not_disturb_one_another() -> None:
    target = BinarySynapse(load_architecture("edge"))
    program = target.compile(perceptron([20, 30, 5]))
    counts = spike_counts(program.graph, samples=4, steps=10)
    together = target.run(program, counts)
    apart = [target.run(program, counts[[i]]) for i in range(4)]
    assert together.cycles.total == sum(run.cycles.total for run in apart)
    assert together.synaptic_operations == sum(run.synaptic_operations for run in apart)
    for name, value in together.counters.items():
        if name != "samples":
            assert value == sum(run.counters[name] for run in apart), name


def test_cycles_are_the_sum_of_their_causes() -> None:
    target = BinarySynapse(load_architecture("edge"))
    program = target.compile(perceptron([20, 30, 5]))
    run = target.run(program, spike_counts(program.graph))
    parts = dict(run.cycles.parts())
    first, second = Wave(0, ("neuron0",)), Wave(1, ("neuron1",))
    assert list(parts) == [Phase.INPUT, first, second, Phase.BARRIER]
    assert all(parts.values())
    assert run.cycles.total == sum(parts.values()) == int(run.totals.step_cycles.sum())


def machine(name: str, **core: object) -> Architecture:
    shipped = load_architecture(name)
    return shipped.model_copy(update={"core": shipped.core.model_copy(update=core)})


@pytest.mark.parametrize("fan_in", [1, 6, 7, 8, 254, 255, 256, 600])
def test_sums_of_many_rows_are_exact(fan_in: int) -> None:
    graph = perceptron([fan_in, 70])
    target = BinarySynapse("edge")
    program = target.compile(graph)
    spikes = np.ones((1, 2, fan_in), bool)
    run = target.run(program, spikes, probes=["neuron0"])
    expected = execute(graph, spikes, probes=["neuron0"])
    np.testing.assert_array_equal(run.potentials["neuron0"], expected.potentials["neuron0"])


def test_a_mesh_in_which_nothing_can_move_is_reported() -> None:
    """Routes in the mesh cannot deadlock (XY, and cores always take their events), so the test
    breaks a core: its event FIFO is full and is never emptied."""
    program = BinarySynapse("edge").compile(perceptron([20, 1500, 5]))
    arrays = prepared(program)
    spikes = np.ones((3, 20), np.uint8)
    none = np.zeros((3, 0), np.int64)
    done = simulate_behaviour(
        arrays.image, spikes, arrays.input_columns, arrays.columns, False, none, none
    )
    mesh = empty_mesh(program)
    mesh.events_count[1] = 16
    timing = simulate_timing(
        arrays.image,
        arrays.tables,
        mesh,
        new_departures(mesh),
        Engine.EVERY_CYCLE,
        done.events,
        False,
    )
    assert timing.deadlock[0] > 0
    text = deadlock_text(timing.deadlock[0], mesh, arrays.tables.columns)
    assert text == (
        f"deadlock in the mesh at cycle {timing.deadlock[0]}: blocked router (0, 0) host input "
        "(4 flits), router (1, 0) west input (4 flits)"
    )
