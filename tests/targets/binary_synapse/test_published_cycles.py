"""Cycle counts that others published, from configurations of ours."""

from __future__ import annotations

import numpy as np
from binary_synapse_networks import perceptron

from axonc.targets.binary_synapse import BinarySynapse


def test_a_scanned_core_takes_the_cycles_that_ranc_takes() -> None:
    """N * (A + 2) + 3 cycles a tick whatever the activity, 66,051 for 256 x 256: measured from
    RANC's RTL (arXiv 2011.00624)."""
    target = BinarySynapse("truenorth_like")
    published = {(256, 256): 66_051, (256, 64): 16_515, (128, 256): 33_283, (64, 32): 2_115}
    for (axons, size), per_tick in published.items():
        assert per_tick == size * (axons + 2) + 3
        program = target.compile(perceptron([axons, size]))
        for rate in (0, 1):
            spikes = np.full((1, 3, axons), rate)
            run = target.run(program, spikes)
            assert run.totals.block_phase_cycles.tolist() == [3 * per_tick]
            # The mesh may still carry a spike of the last neuron when the scan has ended.
            carried = 2 * int(run.spikes["output"][0, :, -1].any())
            assert run.totals.step_cycles[0][1:3].tolist() == [per_tick + carried] * 2


def test_an_event_takes_the_cycles_that_tinyodin_takes() -> None:
    """1 + 2 N cycles a spike event and 2 N a leak event (tinyODIN's README; 513 for N = 256)."""
    target = BinarySynapse("tiny_odin_like")
    for size, per_event, per_leak in ((256, 513, 512), (100, 201, 200), (1, 3, 2)):
        program = target.compile(perceptron([8, size]))
        spikes = np.zeros((1, 5, 8), int)
        spikes[0, :, :3] = 1
        run = target.run(program, spikes)
        assert run.totals.core_walk_cycles.tolist() == [5 * 3 * per_event]
        assert run.totals.block_phase_cycles.tolist() == [5 * per_leak]
        # Three cycles in: host port, router, event FIFO; then one event after another.
        into_core = 2
        first_step = into_core + 3 * per_event
        assert run.totals.phase_cycles[0] == 5 * first_step
