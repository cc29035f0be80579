"""The analytic bound is reached where nothing ever waits for anything else."""

from __future__ import annotations

import numpy as np
import pytest
from binary_synapse_networks import perceptron

from axonc.targets.binary_synapse import BinarySynapse


@pytest.mark.parametrize("spikes_a_step", [1, 2, 20])
def test_one_sender_and_one_core_reach_the_bound(spikes_a_step: int) -> None:
    target = BinarySynapse("edge")
    program = target.compile(perceptron([20, 30]))
    spikes = np.zeros((1, 4, 20), bool)
    spikes[:, :, :spikes_a_step] = True
    exact, bound = (target.run(program, spikes, engine=e).cycles for e in ("cycle", "analytic"))
    assert exact is not None and bound is not None
    assert exact.input == bound.input > 4 * spikes_a_step
