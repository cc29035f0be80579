"""Convolutions on scanned cores: rows box by box, equal to the whole matrix, never made at once."""

from __future__ import annotations

import numpy as np
import pytest
from binary_synapse_layouts import machines
from binary_synapse_networks import chain, convolutional_networks, neurons
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from axonc.targets.binary_synapse import BinarySynapse, load_architecture
from axonc.targets.binary_synapse.execution import parts_of
from axonc.targets.binary_synapse.machine.architecture import Architecture, Dataflow
from axonc.targets.binary_synapse.program.projections import UnrolledProjection
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import BIPOLAR, Delay, Graph, Input, IntegerConv, Output, SumPool, Window
from axonc.toolchain.reference import linear_step


def scanned(machine: Architecture, **core: object) -> BinarySynapse:
    changed = {"dataflow": Dataflow.NEURON_MAJOR} | core
    return BinarySynapse(
        machine.model_copy(update={"core": machine.core.model_copy(update=changed)})
    )


@settings(max_examples=80, deadline=None)
@given(st.one_of(convolutional_networks(), convolutional_networks(skips=True)), machines())
def test_rows_of_all_boxes_are_those_of_the_matrix(graph: Graph, machine: Architecture) -> None:
    """The matrix is made by sending each source alone through the nodes of the path."""
    try:
        program = scanned(machine, synapse_capacity_bits=1 << 16).compile(graph)
    except LoweringError:
        assume(False)
    for block in (block for part in parts_of(program) for block in part.program.blocks):
        for bank in block.banks:
            if not isinstance(bank.projection, UnrolledProjection):
                continue
            path = bank.projection.path
            signal = np.eye(int(np.prod(graph.shapes[path.source])))
            signal = signal.reshape(-1, *graph.shapes[path.source])
            for name in path.through:
                if not isinstance(graph.nodes[name], Delay):
                    signal = linear_step(graph.nodes[name])(signal)
            whole = signal.reshape(len(signal), -1).T
            reached = np.ix_(block.box.flat_ids(block.grid), bank.axons)
            np.testing.assert_array_equal(
                bank.projection.synapses(bank.accepts, block.box), whole[reached]
            )


def convolution(channels: int, side: int, outputs: int) -> Graph:
    rng = np.random.default_rng(0)
    weight = rng.choice([-1, 1], (outputs, channels, 3, 3)).astype(np.int8)
    window = Window((1, 1), ((1, 1), (1, 1)), (1, 1))
    shape = (outputs, side, side)
    return chain(
        {
            "input": Input((channels, side, side)),
            "conv": IntegerConv(weight, BIPOLAR, window),
            "neuron": neurons(shape, rng, current=None),
            "output": Output(shape),
        }
    )


def test_a_convolution_of_any_size_is_counted_in_cores() -> None:
    """32 x 32 x 256 to as many neurons is a matrix of 2^36; no box of it is larger than 2^16. Each
    position has 256 neurons and 9 sources a channel, so 10 cores."""
    target = scanned(load_architecture("truenorth_like"), accumulator_bits=16)
    with pytest.raises(LoweringError) as caught:
        target.compile(convolution(256, 32, 256))
    (reason,) = caught.value.reasons
    assert "the network needs 10240 cores (layer 'neuron' 10240), 6144 more than" in reason


def test_few_sources_of_a_box_take_few_axons() -> None:
    """4 of 8 rows of neurons see 5 rows of sources: 5 x 8 of each of 2 channels."""
    target = scanned(load_architecture("truenorth_like"), axons=80, neurons=64)
    program = target.compile(convolution(2, 8, 2))
    assert len(program.blocks) == 2
    assert [len(block.banks[0].axons) for block in program.blocks] == [80, 80]
    assert program.reasons == {"neuron": "128 neurons, a core holds 64"}


def test_unrolling_leaves_synapses_absent() -> None:
    machine = load_architecture("truenorth_like")
    with pytest.raises(LoweringError, match="by a convolution whose matrix has absent synapses"):
        scanned(machine, has_presence_plane=False).compile(convolution(1, 4, 1))


def test_synapses_that_weigh_more_than_one() -> None:
    """Windows that overlap count a spike twice."""
    graph = convolution(1, 6, 1)
    pool = SumPool((2, 2), Window((1, 1), ((0, 0), (0, 0)), (1, 1)))
    weight = np.ones((1, 1, 3, 3), np.int8)
    nodes = {
        "input": graph.nodes["input"],
        "pool": pool,
        "conv": IntegerConv(weight, BIPOLAR, Window((1, 1), ((0, 0), (0, 0)), (1, 1))),
        "neuron": neurons((1, 3, 3), np.random.default_rng(0), current=None),
        "output": Output((1, 3, 3)),
    }
    with pytest.raises(LoweringError, match="'conv' .* pools into synapses that weigh more than 1"):
        scanned(load_architecture("truenorth_like")).compile(chain(nodes))


def test_a_kernel_larger_than_a_core() -> None:
    target = scanned(load_architecture("truenorth_like"), axons=8)
    with pytest.raises(LoweringError, match="one neuron has 9 synapses from one channel, 1 more"):
        target.compile(convolution(1, 4, 1))
