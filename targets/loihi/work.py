"""Synaptic operations core by core, and the form of the lists that they read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from axonc.toolchain.cost import Event

from .core_usage import Fragment
from .memory import SynapseLists
from .network import SynapseGroup
from .program import LoihiProgram, LoihiRun


@dataclass(frozen=True)
class CoreWork:
    """Operations of one synapse group in one core over the batch; fragment: which of its target."""

    group: SynapseGroup
    fragment: int
    form: Event
    operations: float


def work_of(program: LoihiProgram, run: LoihiRun) -> Iterator[CoreWork]:
    """Yield the operations of every synapse group in every core of its target.

    A matrix's are counted: spikes that arrived times the neuron's synapses in the core. Those of a
    convolution are spread evenly over the neurons of its target.
    """
    partition, lists = program.mapping.partition, program.chip.synapse_lists
    for group in program.network.synapses:
        fragments = partition.fragments[group.target]
        size = sum(len(fragment.neurons) for fragment in fragments)
        for number, fragment in enumerate(fragments):
            form = form_of(group, fragment, lists)
            if group.kernel is None:
                present = np.count_nonzero(group.weight[fragment.neurons], axis=0)
                operations = float(run.arrived[group.name] @ present)
            else:
                operations = run.operations[group.name] * len(fragment.neurons) / size
            yield CoreWork(group, number, form, operations)


def form_of(group: SynapseGroup, fragment: Fragment, lists: SynapseLists) -> Event:
    """Return what one operation of a group is in a core, by how its synapses are stored there."""
    if group.kernel is not None:
        return Event.SYNAPTIC_OPERATION_CONV
    present = np.count_nonzero(group.weight[fragment.neurons], axis=0)
    if lists.is_indexed(group, present, len(fragment.neurons)):
        return Event.SYNAPTIC_OPERATION_SPARSE
    return Event.SYNAPTIC_OPERATION_DENSE
