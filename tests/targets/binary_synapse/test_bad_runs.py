"""Runs that are refused: spikes that do not fit, probes and engines that there are not."""

from __future__ import annotations

import numpy as np
import pytest
from binary_synapse_networks import perceptron

from axonc.targets.binary_synapse import BinarySynapse, load_architecture
from axonc.toolchain.errors import InputError


def edge(**core: object) -> BinarySynapse:
    shipped = load_architecture("edge")
    return BinarySynapse(shipped.model_copy(update={"core": shipped.core.model_copy(update=core)}))


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (np.zeros((1, 2, 4)), r"got shape \(1, 2, 4\), expected \(batch, time, 5\)"),
        (np.zeros((1, 0, 5)), r"got shape \(1, 0, 5\)"),
        (np.full((1, 2, 5), 0.5), "got values of type float64, expected booleans or integer"),
        (np.full((1, 2, 5), -1), "got counts from -1 to -1, expected 0 to 255 spikes a bin"),
        (np.full((1, 2, 5), 256), "got counts from 256 to 256, expected 0 to 255 spikes a bin"),
        (np.full((1, 2, 5), 9), "up to 9 spikes a bin, which can bring a sum of layer 'neuron0'"),
    ],
)
def test_spikes_that_do_not_fit(spikes: np.ndarray, message: str) -> None:
    target = edge(accumulator_bits=5)
    program = target.compile(perceptron([5, 4]))
    with pytest.raises(InputError, match=message):
        target.run(program, spikes)


def test_unknown_probe_and_engine() -> None:
    target = edge()
    program = target.compile(perceptron([5, 4]))
    spikes = np.zeros((1, 2, 5), bool)
    with pytest.raises(InputError, match="probe: got 'linear0', expected a node that spikes"):
        target.run(program, spikes, probes=["linear0"])
    with pytest.raises(InputError, match="engine of target binary_synapse: got 'fast'"):
        target.run(program, spikes, engine="fast")
