"""What synapses take of Loihi's memories, by a chip's own format of a synapse list.

An axon that arrives at a core points to its synapses there, in blocks:

    bits(block) = n * (weight + delay + index bits) + header, rounded up to whole words

with widths that the registers can name, and index bits only where the list is sparse (nengo-loihi,
block.py, Synapse.bits and SynapseConfig; better packing by Intel's own tools is possible).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .network import SynapseGroup


@dataclass(frozen=True)
class SynapseLists:
    """The format of a chip's synapse lists, and of the population axons that share them.

    weight_widths, index_widths: the bits that a weight, and the index of a compartment, can take.
    block_synapses: the most in one block. base_reach: how many compartments lie within reach of a
    list's base address. population_axon_slots: the output axons that a population axon takes.
    """

    weight_widths: tuple[int, ...]
    index_widths: tuple[int, ...]
    block_synapses: int
    block_header_bits: int
    word_bits: int
    base_reach: int
    population_axon_slots: int
    source: str

    def synapse_width(self, group: SynapseGroup) -> int:
        """Return the bits of one synapse: its weight, in a width that there is, and its delay."""
        weight = next(width for width in self.weight_widths if width >= group.bits)
        return weight + int(group.delay.max()).bit_length()

    def index_width(self, compartments: int) -> int:
        """Return the bits of an index into so many compartments of a core."""
        needed = max(compartments - 1, 1).bit_length()
        return next(width for width in self.index_widths if width >= needed)

    def list_bits(self, synapses: np.ndarray, synapse_width: int) -> np.ndarray:
        """Return the bits of lists of so many synapses each, headers and rounding included."""
        full, rest = np.divmod(synapses, self.block_synapses)

        def block(count: np.ndarray | int) -> np.ndarray:
            bits = np.asarray(count) * synapse_width + self.block_header_bits
            return -(-bits // self.word_bits) * self.word_bits

        return full * block(self.block_synapses) + np.where(rest > 0, block(rest), 0)

    def matrix_bits(self, group: SynapseGroup, present: np.ndarray, compartments: int) -> int:
        """Return the bits of a matrix's lists in a core with so many compartments, one a source.

        present: synapses of each source neuron in this core. The lists are stored without indices,
        zeros included, where that is smaller; all of them in one form, see `is_indexed`.
        """
        return min(self._bits_of_forms(group, present, compartments))

    def is_indexed(self, group: SynapseGroup, present: np.ndarray, compartments: int) -> bool:
        """Return whether a core stores an index with each synapse of a matrix, and no zeros."""
        indexed, plain = self._bits_of_forms(group, present, compartments)
        return indexed < plain

    def _bits_of_forms(
        self, group: SynapseGroup, present: np.ndarray, compartments: int
    ) -> tuple[int, int]:
        """Return the bits with indices, and without."""
        width = self.synapse_width(group)
        indexed = self.list_bits(present, width + self.index_width(compartments))
        plain = self.list_bits(np.full_like(present, compartments), width)
        return int(indexed.sum()), int(np.where(present > 0, plain, 0).sum())
