"""Whole accounts: every bit, access, cycle and picojoule of a run, recounted or pinned.

The recount knows the manual alone: spikes of the reference, sizes of the machine, prices of the
profile's file. The pinned accounts in `accounts/` cover what it leaves out: helpers, kernels, parts
that take turns. AXONC_WRITE_ACCOUNTS=1 writes them anew; whoever does reads the difference.
"""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from binary_synapse_networks import affine, chain, neurons, perceptron, spike_counts
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.targets.base import Run
from axonc.targets.binary_synapse import (
    Architecture,
    BinarySynapse,
    SequentialProgram,
    load_architecture,
)
from axonc.targets.binary_synapse.accounting.counting import memory_accesses
from axonc.targets.binary_synapse.execution import BinaryRun, parts_of
from axonc.targets.binary_synapse.machine.architecture import Dataflow, ExternalMemory, Schedule
from axonc.toolchain.cost import Access, Count, Memory, Way
from axonc.toolchain.ir import (
    BIPOLAR,
    TERNARY,
    Edge,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    Output,
    Window,
)
from axonc.toolchain.reference import execute

ACCOUNTS = Path(__file__).with_name("accounts")
SAMPLES, STEPS = 3, 9


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    accumulator=st.integers(16, 40),
    membrane=st.integers(24, 40),
    wider=st.integers(0, 1),
)
def test_accesses_and_energy_are_recounted(
    sizes: list[int], seed: int, accumulator: int, membrane: int, wider: int
) -> None:
    """On dense bipolar layers, each whole in one core."""
    rng = np.random.default_rng(seed)
    shipped = load_architecture("edge")
    threshold = membrane + wider
    sizes_of_core = {
        "accumulator_bits": accumulator,
        "membrane_bits": membrane,
        "current_bits": membrane,
        "threshold_bits": threshold,
        "bias_bits": threshold,
    }
    machine = shipped.model_copy(update={"core": shipped.core.model_copy(update=sizes_of_core)})
    graph = _with_random_neurons(perceptron(sizes, seed), rng)
    target = BinarySynapse(machine)
    program = target.compile(graph)
    assert not isinstance(program, SequentialProgram)
    spikes = spike_counts(graph, samples=SAMPLES, steps=STEPS)
    run = target.run(program, spikes)
    names = [name for name in graph.nodes if name.startswith("neuron")]
    sent = execute(graph, spikes, probes=names).spikes
    arrived = [np.asarray(spikes), *(sent[name] for name in names[:-1])]

    moved: Counter[Access] = Counter()
    operations = added = multiplied = 0
    for name, arriving in zip(names, arrived, strict=True):
        node = graph.nodes[name]
        assert isinstance(node, IntegerNeuron)
        fan_out, updates = node.shape[0], SAMPLES * STEPS * node.shape[0]
        walked = int(arriving.sum()) * fan_out
        operations += walked
        moved[Access(Way.READ, Memory.SIGNS)] += walked
        for way in Way:
            summed = (walked + updates) * machine.core.accumulator_bits
            moved[Access(way, Memory.ACCUMULATORS)] += summed
            moved[Access(way, Memory.MEMBRANES)] += updates * membrane
            if node.current is not None:
                moved[Access(way, Memory.CURRENTS)] += updates * membrane
        moved[Access(Way.READ, Memory.THRESHOLDS)] += updates * threshold
        if node.bias.any():
            moved[Access(Way.READ, Memory.BIASES)] += updates * threshold
        added += updates * (3 + (node.current is not None))
        multiplied += updates * (node.membrane.decays + (node.current is not None))
    fifos = {access: n for access, n in run.accesses.items() if access.memory is Memory.FIFOS}
    assert +run.accesses == +(moved + Counter(fifos))
    assert len(set(fifos.values())) == 1  # what is written is read
    assert run.synaptic_operations == operations

    text = files("axonc.targets.binary_synapse.accounting").joinpath("energy/horowitz_45nm.toml")
    prices = {
        event: entry["pj"] for event, entry in tomllib.loads(text.read_text())["event"].items()
    }
    neurons_of_core = machine.core.neurons
    held_bits = {
        Memory.SIGNS: machine.core.synapse_capacity_bits,
        Memory.ACCUMULATORS: neurons_of_core * machine.core.accumulator_bits,
        Memory.MEMBRANES: neurons_of_core * membrane,
        Memory.CURRENTS: neurons_of_core * membrane,
        Memory.THRESHOLDS: neurons_of_core * threshold,
        Memory.BIASES: neurons_of_core * threshold,
        Memory.FIFOS: 0,
    }
    expected_pj = sum(
        count * prices[_memory_class(held_bits[access.memory])]
        for access, count in (+run.accesses).items()
    )
    expected_pj += operations * prices[_adder(machine.core.accumulator_bits)]
    expected_pj += added * prices[_adder(membrane)] + multiplied * prices["multiply_32bit"]
    horowitz, odin = target.cost(program, run).energy
    assert horowitz.total_pj == pytest.approx(expected_pj / SAMPLES)  # the order of a sum of floats
    assert odin.total_pj == pytest.approx(12.7 * operations / SAMPLES)


def _memory_class(bits: int) -> str:
    kilobytes = bits / 8192
    return f"memory_bit_{'8kb' if kilobytes <= 8 else '32kb' if kilobytes <= 32 else '1mb'}"


def _adder(bits: int) -> str:
    return f"add_{8 if bits <= 8 else 16 if bits <= 16 else 32}bit"


def _with_random_neurons(graph: Graph, rng: np.random.Generator) -> Graph:
    drawn = {
        name: neurons(node.shape, rng)
        for name, node in graph.nodes.items()
        if isinstance(node, IntegerNeuron)
    }
    return graph.with_nodes(drawn)


def _dense_with_everything() -> tuple[Graph, Architecture]:
    """Ternary and bipolar layers with currents and biases, a loop, an edge that skips a layer."""
    rng = np.random.default_rng(1)
    weight = rng.choice([-1, 0, 1], (20, 30)).astype(np.int8)
    own = neurons((12,), rng, current=None, bias=np.array([0]))
    nodes = {
        "input": Input((30,)),
        "hidden": IntegerAffine(weight, TERNARY),
        "lif": neurons((20,), rng, current=own.membrane, bias=np.array([2])),
        "read": IntegerAffine(rng.choice([-1, 1], (12, 20)).astype(np.int8), BIPOLAR),
        "last": own,
        "output": Output((12,)),
        "back": IntegerAffine(rng.choice([-1, 1], (20, 12)).astype(np.int8), BIPOLAR),
    }
    feed = list(nodes)[:-1]
    edges = [Edge(a, b) for a, b in zip(feed, feed[1:], strict=False)]
    edges += [Edge("last", "back", 1), Edge("back", "lif")]
    return replace(chain({**nodes}), edges=tuple(edges)), load_architecture("edge")


def _convolution() -> tuple[Graph, Architecture]:
    rng = np.random.default_rng(2)
    kernel = rng.choice([-1, 0, 1], (4, 2, 3, 3)).astype(np.int8)
    nodes = {
        "input": Input((2, 9, 9)),
        "conv": IntegerConv(kernel, TERNARY, Window((2, 1), ((1, 1), (0, 0)), (1, 1))),
        "neuron": neurons((4, 5, 7), rng),
        "output": Output((4, 5, 7)),
    }
    return chain(nodes), load_architecture("edge")


def _sums_of_helpers() -> tuple[Graph, Architecture]:
    """More axons than a core holds: other cores send partial sums."""
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"axons": 24, "neurons": 16})
    return perceptron([80, 24, 10], 3), shipped.model_copy(update={"core": core})


def _parts_in_turns() -> tuple[Graph, Architecture]:
    """More than the chip holds, and a loop over all of it: parts take turns in each step."""
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"axons": 64, "neurons": 16})
    mesh = shipped.mesh.model_copy(update={"columns": 2, "rows": 2})
    machine = shipped.model_copy(
        update={"core": core, "mesh": mesh, "external_memory": ExternalMemory(bits_per_cycle=64)}
    )
    rng = np.random.default_rng(4)
    graph = perceptron([40, 48, 48, 16], 5)
    nodes = {**graph.nodes, "back": affine(48, 16, rng)}
    edges = (*graph.edges, Edge("neuron2", "back", 1), Edge("back", "neuron0"))
    return replace(graph, nodes=nodes, edges=edges), machine


def _sums_between_parts() -> tuple[Graph, Architecture]:
    """More inputs than all axons of the chip: a part hands its sums on to the next."""
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"axons": 32, "neurons": 16})
    mesh = shipped.mesh.model_copy(update={"columns": 2, "rows": 1})
    machine = shipped.model_copy(
        update={"core": core, "mesh": mesh, "external_memory": ExternalMemory(bits_per_cycle=48)}
    )
    return perceptron([150, 30, 12], 6), machine


def _scans() -> tuple[Graph, Architecture]:
    """Cores that scan all axons of a neuron in every step."""
    graph, shipped = _dense_with_everything()
    scanning = {"dataflow": Dataflow.NEURON_MAJOR, "scan_lanes": 8}
    return graph, shipped.model_copy(update={"core": shipped.core.model_copy(update=scanning)})


def _pipelined() -> tuple[Graph, Architecture]:
    graph = perceptron([30, 24, 10], 7)
    return graph, load_architecture("edge").model_copy(update={"schedule": Schedule.PIPELINED})


NETWORKS: dict[str, Callable[[], tuple[Graph, Architecture]]] = {
    "dense": _dense_with_everything,
    "convolution": _convolution,
    "helpers": _sums_of_helpers,
    "turns": _parts_in_turns,
    "handed-on": _sums_between_parts,
    "scans": _scans,
    "pipelined": _pipelined,
}


def test_a_run_of_another_kind_is_taken_as_simulated() -> None:
    graph, machine = _dense_with_everything()
    target = BinarySynapse(machine)
    program = target.compile(graph)
    run = target.run(program, spike_counts(graph))
    plain = Run(**{field.name: getattr(run, field.name) for field in fields(Run)})
    assert target.cost(program, plain) == target.cost(program, run)


@pytest.mark.parametrize("engine", ["cycle", "analytic"])
@pytest.mark.parametrize("name", NETWORKS)
def test_account_is_as_pinned(name: str, engine: str) -> None:
    graph, machine = NETWORKS[name]()
    text = account(graph, machine, engine)
    pinned = ACCOUNTS / f"{name}-{engine}.txt"
    if os.environ.get("AXONC_WRITE_ACCOUNTS"):
        pinned.write_text(text)
    assert text == pinned.read_text()


def account(graph: Graph, machine: Architecture, engine: str) -> str:
    """Return all that a run and its costs say, a line each."""
    target = BinarySynapse(machine)
    program = target.compile(graph)
    static = target.cost(program)
    assert (static.target, static.spikes, static.energy) == ("binary_synapse", None, ())
    run = target.run(program, spike_counts(graph, samples=SAMPLES, steps=STEPS), engine=engine)
    report = target.cost(program, run)
    assert report.memory_bits == static.memory_bits
    lines = [f"target {report.target}", *(f"note {note}" for note in report.notes)]
    for what in ("memory_bits", "synaptic_operations", "neuron_updates", "spikes", "cycles"):
        figures = getattr(report, what)
        lines += sorted(f"{what} {part}: {count:.10g}" for part, count in figures.parts.items())
        lines.append(f"{what}: {figures.total:.10g}")
    for estimate in report.energy:
        lines.append(f"energy {estimate.profile}: {estimate.total_pj:.10g} pJ")
        lines += sorted(
            f"energy {estimate.profile} {event}: {pj:.10g} pJ, {estimate.counts[event]:.10g} times"
            for event, pj in estimate.parts_pj.items()
        )
    lines += sorted(f"counted {what}: {n}" for what, n in run.counters.items() if n)
    lines += sorted(f"moved {access}: {bits} bits" for access, bits in run.accesses.items() if bits)
    assert isinstance(run, BinaryRun)
    for part, totals in zip(parts_of(program), run.part_totals, strict=True):
        by_core = memory_accesses(part.program, totals)
        lines += sorted(f"{list(part.program.reasons)} {at}: {n}" for at, n in by_core.items() if n)
    for node, counts in sorted(run.layers.items()):
        lines += sorted(f"{node} {what}: {n}" for what, n in counts.items() if n)
    assert run.counters[Count.SAMPLES] == SAMPLES
    return "\n".join(lines) + "\n"
