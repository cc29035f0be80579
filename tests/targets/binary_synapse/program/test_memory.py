"""Bits of a program, recounted by hand."""

from __future__ import annotations

import pytest
from binary_synapse_networks import perceptron

from axonc.targets.binary_synapse import BinarySynapse, load_architecture
from axonc.targets.binary_synapse.machine.architecture import Dataflow, Schedule
from axonc.targets.binary_synapse.program.memory import memory_bits
from axonc.toolchain.cost import Memory, Stored


@pytest.mark.parametrize(
    ("dataflow", "schedule", "sets"),
    [
        (Dataflow.NEURON_MAJOR, Schedule.PIPELINED, 2),
        (Dataflow.NEURON_MAJOR, Schedule.WITHIN_STEP, 1),
        (Dataflow.EVENT_MAJOR, Schedule.PIPELINED, 1),
    ],
)
def test_sums_that_arrive_while_neurons_are_scanned_need_a_second_set(
    dataflow: Dataflow, schedule: Schedule, sets: int
) -> None:
    """Three neurons with 8 sources on cores of 4 axons: one block with membranes, one helper."""
    edge = load_architecture("edge")
    core = edge.core.model_copy(update={"axons": 4, "dataflow": dataflow})
    machine = edge.model_copy(update={"core": core, "schedule": schedule})
    program = BinarySynapse(machine).compile(perceptron([8, 3]))
    assert [block.helps is None for block in program.blocks].count(False) == 1
    bits = memory_bits(program)[Stored("neuron0", Memory.ACCUMULATORS)]
    assert bits == (sets + 1) * 3 * core.accumulator_bits
