"""Firing at the threshold means the same in float64, float32 and integers."""

from __future__ import annotations

import nir
import numpy as np

from axonc.toolchain.driver import lower, run
from axonc.toolchain.frontend import DialectOptions, load_graph


def test_firing_at_the_threshold_is_one_thing_in_every_precision() -> None:
    weight = np.array([[1, 1, 1, -1], [1, -1, 1, 1], [-1, -1, -1, 1]], np.float32)
    one = np.ones(3)
    network = nir.NIRGraph.from_list(
        nir.Linear(weight), nir.IF(r=one, v_threshold=one, v_reset=0 * one)
    )
    lowering = lower(load_graph(network, options=DialectOptions(fires_at_threshold=True)))
    spikes = np.random.default_rng(3).random((2, 60, 4)) < 0.3
    exact, single, whole = (
        next(iter(run(lowering, spikes, precision=precision).run.spikes.values()))
        for precision in ("float", "float32", "int")
    )
    assert exact.any()
    assert np.array_equal(exact, single)
    assert np.array_equal(exact, whole)
