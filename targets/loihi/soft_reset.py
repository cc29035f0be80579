"""A reset by subtraction, which Loihi lacks, as a reset to 0 where that is exactly the same.

After a spike at potential u the residue u - threshold stays. If the next step's decay rounds every
residue that can occur to 0, it is as if there had been none. With T the threshold, A the most that
one step can add and leak() the decay with its rounding, potentials never pass leak(T) + A as long
as all residues vanish, so the largest residue is leak(T) + A - T.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from axonc.toolchain.ir import IntegerNeuron, Overflow, Reset


def as_hard_reset(neuron: IntegerNeuron, most: np.ndarray) -> IntegerNeuron | None:
    """Return a neuron that resets to 0 and spikes and goes on as `neuron` does, if there is one.

    most: the largest sum of synapses that one step can bring, at least 0, broadcasting to the
    neurons.
    """
    if neuron.reset is not Reset.SUBTRACT or np.any(neuron.threshold < 0):
        return None
    drive = most.astype(np.int64) << neuron.fraction_bits
    if neuron.current is not None:
        if np.any(neuron.current.decay >= 1) or neuron.current.overflow is not Overflow.SATURATE:
            return None
        drive = np.ceil(drive * neuron.current.settling_gain()).astype(np.int64)
    added = drive + np.maximum(neuron.bias, 0)
    residue = neuron.membrane.leak(neuron.threshold) + added - neuron.threshold
    largest = np.maximum(residue, 0)
    if np.any(largest > neuron.threshold) or np.any(neuron.membrane.leak(largest) != 0):
        return None
    return replace(neuron, reset=Reset.HARD, v_reset=np.zeros(1, np.int64))
