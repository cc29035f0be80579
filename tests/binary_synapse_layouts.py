"""Random machines, and networks laid out on them: whole, packed, in parts, on loops over parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from binary_synapse_networks import affine, chain, convolutional_networks, dense_networks, neurons
from hypothesis import assume
from hypothesis import strategies as st

from axonc.targets.binary_synapse import Architecture, BinarySynapse
from axonc.targets.binary_synapse.machine.architecture import (
    Dataflow,
    ExternalMemory,
    Packing,
    Schedule,
)
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import (
    TERNARY,
    Edge,
    Graph,
    Input,
    IntegerConv,
    Node,
    Output,
    Stage,
    Window,
    verify,
)


@st.composite
def machines(draw: st.DrawFn, **changes: Any) -> Architecture:
    """Small machines: few lanes, short FIFOs, one or two ports; large enough in bits."""
    core = {
        "axons": draw(st.sampled_from([4, 16, 512])),
        "neurons": draw(st.sampled_from([5, 16, 512])),
        "blocks": draw(st.sampled_from([1, 2, 8])),
        "synapse_capacity_bits": draw(st.sampled_from([12, 64, 1 << 16])),
        "synapse_lanes": draw(st.integers(1, 5)),
        "scan_lanes": draw(st.integers(1, 5)),
        "neuron_lanes": draw(st.integers(1, 5)),
        "membrane_ports": draw(st.integers(1, 2)),
        "event_overhead_cycles": draw(st.integers(0, 2)),
        "neuron_overhead_cycles": draw(st.integers(0, 2)),
        "phase_overhead_cycles": draw(st.integers(0, 3)),
        "event_fifo_depth": draw(st.integers(1, 4)),
        "membrane_bits": 20,
        "threshold_bits": 20,
        "current_bits": 20,
        "dataflow": draw(st.sampled_from(["event-major", "event-major", "neuron-major"])),
    }
    fields = {
        "name": "random",
        "clock_mhz": 100,
        "schedule": draw(st.sampled_from(["within-step", "pipelined"])),
        "packing": draw(st.sampled_from(["as-needed", "always"])),
        "barrier_cycles": draw(st.integers(0, 3)),
        "core": core,
        "mesh": {
            "columns": draw(st.integers(1, 7)),
            "rows": draw(st.integers(1, 7)),
            "fifo_depth": draw(st.integers(1, 3)),
            "multicast": draw(st.booleans()),
            "chip_columns": draw(st.one_of(st.none(), st.integers(1, 3))),
            "chip_rows": draw(st.one_of(st.none(), st.integers(1, 3))),
            "chip_link_cycles": draw(st.integers(1, 9)),
        },
    }
    return Architecture.model_validate(fields | changes)


@st.composite
def convolutions_in_parts(draw: st.DrawFn) -> tuple[Graph, Architecture]:
    """A convolution of which one neuron has more synapse bits than a core, and its machine."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups, inputs = draw(st.integers(1, 2)), draw(st.integers(2, 5))
    shape = (groups * inputs, draw(st.integers(2, 4)), draw(st.integers(2, 4)))
    weight = rng.choice([-1, 0, 1], (groups * draw(st.integers(1, 2)), inputs, 2, 2))
    window = Window((1, 1), ((draw(st.integers(0, 1)), 0),) * 2, (1, 1))
    node = IntegerConv(weight.astype(np.int8), TERNARY, window, groups)
    nodes: dict[str, Node] = {"input": Input(shape), "conv": node}
    shape = node.output_shape(shape)
    nodes |= {"neuron0": neurons(shape, rng), "output": Output(shape)}
    machine = draw(machines())
    core = {
        "synapse_capacity_bits": draw(st.integers(4, 4 * inputs - 1)),
        "neurons": draw(st.sampled_from([16, 512])),
        "dataflow": Dataflow.EVENT_MAJOR,
    }
    mesh = machine.mesh.model_copy(update={"columns": 7, "rows": 7})
    core = machine.core.model_copy(update=core)
    return chain(nodes), machine.model_copy(update={"core": core, "mesh": mesh})


@st.composite
def sums_in_turns(draw: st.DrawFn) -> tuple[Graph, Architecture]:
    """A network whose sums may need more small cores at once than a mesh of one or two has."""
    dense = st.tuples(dense_networks(), machines())
    graph, machine = draw(st.one_of(dense, convolutions_in_parts()))
    core = {"axons": draw(st.integers(2, 6)), "neurons": 512, "blocks": draw(st.integers(1, 2))}
    if machine.core.axons * 14 > machine.core.synapse_capacity_bits:
        core["synapse_capacity_bits"] = draw(st.integers(14, 40))
    mesh = {"columns": draw(st.sampled_from([1, 1, 2])), "rows": 1}
    return graph, machine.model_copy(
        update={
            "core": machine.core.model_copy(update=core),
            "mesh": machine.mesh.model_copy(update=mesh),
            "external_memory": ExternalMemory(bits_per_cycle=32),
        }
    )


@st.composite
def loops_over_parts(draw: st.DrawFn) -> tuple[Graph, Architecture]:
    """Layers that feed earlier ones or themselves, on a mesh that may not hold them at once."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    nodes: dict[str, Node] = {}
    if draw(st.booleans()):
        shapes = [(draw(st.integers(1, 9)),) for _ in range(draw(st.integers(3, 4)))]
    else:
        plane = (draw(st.integers(1, 3)), draw(st.integers(1, 4)))
        shapes = [(draw(st.integers(1, 3)), *plane) for _ in range(draw(st.integers(2, 3)))]

    def weights(outputs: tuple[int, ...], inputs: tuple[int, ...]) -> Node:
        if len(inputs) == 1:
            return affine(outputs[0], inputs[0], rng)
        weight = rng.choice([-1, 0, 1], (outputs[0], inputs[0], 3, 3)).astype(np.int8)
        return IntegerConv(weight, TERNARY, Window((1, 1), ((1, 1), (1, 1)), (1, 1)))

    nodes["input"] = Input(shapes[0])
    for index, (inputs, outputs) in enumerate(zip(shapes, shapes[1:], strict=False)):
        nodes[f"linear{index}"] = weights(outputs, inputs)
        nodes[f"neuron{index}"] = neurons(outputs, rng)
    nodes["output"] = Output(shapes[-1])
    feed, extra, layers = list(nodes), list[Edge](), len(shapes) - 1
    loops = [(draw(st.integers(0, layers - 1)), 0)]
    if draw(st.booleans()):
        loops.append((layers - 1, draw(st.integers(0, layers - 1))))
    if draw(st.booleans()):
        loops.append((draw(st.integers(0, layers - 1)),) * 2)
    for number, (source, target) in enumerate(loops):
        nodes[f"back{number}"] = weights(shapes[target + 1], shapes[source + 1])
        extra.append(Edge(f"neuron{source}", f"back{number}", draw(st.integers(1, 3))))
        extra.append(Edge(f"back{number}", f"neuron{target}"))
    edges = [Edge(a, b) for a, b in zip(feed, feed[1:], strict=False)]
    graph = verify(Graph(Stage.INTEGER, nodes, (*edges, *extra)), "the test's own hands")
    machine = draw(machines(external_memory={"bits_per_cycle": draw(st.integers(32, 99))}))
    core = {
        "axons": draw(st.sampled_from([9, 16, 512])),
        "neurons": draw(st.sampled_from([4, 6, 512])),
        "blocks": 1,
    }
    mesh = {"columns": draw(st.integers(1, 2)), "rows": 1}
    return graph, machine.model_copy(
        update={
            "core": machine.core.model_copy(update=core),
            "mesh": machine.mesh.model_copy(update=mesh),
            "schedule": Schedule.WITHIN_STEP,
        }
    )


@st.composite
def shared_cores(draw: st.DrawFn) -> tuple[Graph, Architecture]:
    """A network whose layers lie together in large cores, several of them fed by one source."""
    graph = draw(st.one_of(dense_networks(skips=True), convolutional_networks(skips=True)))
    machine = draw(machines())
    core = {
        "axons": 512,
        "neurons": draw(st.sampled_from([16, 16, 40, 512])),
        "blocks": 8,
        "synapse_capacity_bits": 1 << 16,
    }
    mesh = machine.mesh.model_copy(update={"columns": 3, "rows": draw(st.integers(1, 3))})
    return graph, machine.model_copy(
        update={
            "core": machine.core.model_copy(update=core),
            "mesh": mesh,
            "packing": Packing.ALWAYS,
        }
    )


NETWORKS = st.one_of(dense_networks(), convolutional_networks())
WHOLE = st.one_of(st.tuples(NETWORKS, machines()), convolutions_in_parts(), shared_cores())
Layout = tuple[Graph, Architecture]


def compiled(graph: Graph, machine: Architecture):  # type: ignore[no-untyped-def]
    """Return (target, program); what the machine refuses is no example."""
    target = BinarySynapse(machine)
    try:
        return target, target.compile(graph)
    except LoweringError:
        assume(False)
