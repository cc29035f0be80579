"""Synapse memory by the chip's own format."""

import numpy as np
import pytest

from axonc.targets.loihi import Loihi, Sign, SynapseGroup, load_chip
from axonc.targets.loihi.chip import chip_names
from axonc.toolchain.cost import Memory, Stored

LISTS = load_chip("loihi1").synapse_lists


@pytest.mark.parametrize(
    ("synapses", "bits", "expected"),
    [(512, 1, 1024), (512, 2, 1536), (512, 8, 4608), (10, 1, 64), (0, 8, 0), (65, 8, 576 + 64)],
)
def test_a_list_is_blocks_of_64_with_a_header_each_in_whole_words(synapses, bits, expected):
    assert LISTS.list_bits(np.array([synapses]), bits).tolist() == [expected]


def test_seven_bits_are_stored_as_eight():
    def width(bits, delay):
        weight, steps = np.ones((1, 1), np.int32), np.array([delay])
        return LISTS.synapse_width(
            SynapseGroup("s", "a", "b", weight, bits, Sign.EXCITATORY, 0, steps, ())
        )

    assert [width(bits, 0) for bits in (1, 6, 7, 8)] == [1, 6, 8, 8]
    assert width(7, 5) == 8 + 3


@pytest.mark.parametrize("name", chip_names())
def test_every_compartment_of_a_core_has_an_index(name):
    chip = load_chip(name)
    most = chip["compartments_per_core"]
    assert 2 ** chip.synapse_lists.index_width(most) >= most


def test_a_binary_layer_of_784_to_512_takes_one_and_a_fifth_megabit(build):
    weight = np.where(np.random.default_rng(0).random((512, 784)) < 0.5, -1, 1).astype(np.int8)
    graph = build.affine_graph([weight], [build.integer_neuron(512, 90)])
    target = Loihi()
    program = target.compile(graph)
    parts = target.cost(program).memory_bits.parts
    assert (
        parts[Stored("fc1", Memory.SYNAPSES)] == 784 * 8 * 192
    )  # 64 * 2 bits + 10 make three words
    assert parts[Stored("lif1", Memory.STATES)] == 512 * 48
    assert sum(core["synapse_bits_used"] for core in program.cores()) == 784 * 8 * 192


def test_a_sparse_matrix_is_stored_with_indices_where_that_is_smaller(build):
    weight = np.zeros((512, 4), np.int8)
    weight[:5] = 1
    graph = build.affine_graph([weight], [build.integer_neuron(512)])
    target = Loihi()
    parts = target.cost(target.compile(graph)).memory_bits.parts
    assert (
        parts[Stored("fc1", Memory.SYNAPSES)] == 4 * 64
    )  # 5 * (1 + 9) + 10 bits are one word each
