"""What a network takes of Loihi's memories, by the chip's own format of a synapse list.

An axon that arrives at a core points to its synapses there, in blocks of up to 64:

    bits(block) = n * (weight + delay + index bits) + 10, rounded up to words of 64 bits

with widths that the registers can name, and index bits only where the list is sparse (nengo-loihi,
block.py, Synapse.bits and SynapseConfig; better packing by Intel's own tools is possible).
"""

from __future__ import annotations

import numpy as np

from .network import SynapseGroup

WEIGHT_WIDTHS = (1, 2, 3, 4, 5, 6, 8)
INDEX_WIDTHS = (6, 7, 8, 9, 10, 11, 12)
BLOCK_SYNAPSES = 64
BLOCK_HEADER_BITS = 4 + 6
WORD_BITS = 64


def stored_width(bits: int) -> int:
    """Return the bits that a weight of `bits` bits takes: 7 are stored as 8."""
    return next(width for width in WEIGHT_WIDTHS if width >= bits)


def list_bits(synapses: np.ndarray, bits_per_synapse: int) -> np.ndarray:
    """Return the bits of lists of so many synapses each, headers and rounding included."""
    full, rest = np.divmod(synapses, BLOCK_SYNAPSES)

    def block(count: np.ndarray | int) -> np.ndarray:
        words = -(-(np.asarray(count) * bits_per_synapse + BLOCK_HEADER_BITS) // WORD_BITS)
        return words * WORD_BITS

    return full * block(BLOCK_SYNAPSES) + np.where(rest > 0, block(rest), 0)


def axon_bits(group: SynapseGroup, present: np.ndarray, targets: int) -> np.ndarray:
    """Return the bits that each source neuron's list takes in a core with `targets` compartments.

    present: synapses of each source neuron in this core. A matrix is stored without indices, zeros
    included, where that is smaller; a convolution reaches few neurons and is always sparse.
    """
    delay = int(group.delay.max()).bit_length()
    width = stored_width(group.bits) + delay
    index = next(w for w in INDEX_WIDTHS if w >= max(targets - 1, 1).bit_length())
    sparse = list_bits(present, width + index)
    if group.kernel is not None:
        return sparse
    dense = np.where(present > 0, list_bits(np.full_like(present, targets), width), 0)
    return np.minimum(sparse, dense)
