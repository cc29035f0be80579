"""Neurons that fire at their threshold, in float and in integers; refused where it would lie."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from axonc.toolchain.driver import lower
from axonc.toolchain.frontend import DialectOptions, load_graph
from axonc.toolchain.ir import Stage
from axonc.toolchain.passes import Verdict
from axonc.toolchain.reference import execute


def whole(threshold=1.0, weight=1):
    one = np.ones(1)
    return nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([1])}),
            "fc": nir.Linear(np.array([[weight]], np.int8)),
            "if": nir.IF(r=one, v_threshold=threshold * one, v_reset=0 * one),
            "output": nir.Output({"output": np.array([1])}),
        },
        [("input", "fc"), ("fc", "if"), ("if", "output")],
    )


@pytest.mark.parametrize("threshold", [1.0, 2.0, 3.0, 0.5])
def test_at_the_threshold_in_float_and_integers(threshold):
    spikes = np.ones((1, 12, 1), bool)
    for at, period in ((True, max(1, int(threshold))), (False, int(threshold) + 1)):
        options = DialectOptions(reset="hard", fires_at_threshold=at)
        lowering = lower(load_graph(whole(threshold), options=options))
        expected = np.arange(1, 13) % period == 0
        for stage in (lowering.imported, lowering.discrete, lowering.integer):
            assert execute(stage, spikes).output[0, :, 0].tolist() == expected.tolist()
    assert lowering.integer.stage is Stage.INTEGER


def test_a_stateless_threshold_too():
    graph = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([1])}),
            "threshold": nir.Threshold(np.ones(1)),
            "output": nir.Output({"output": np.array([1])}),
        },
        [("input", "threshold"), ("threshold", "output")],
    )
    at = load_graph(graph, options=DialectOptions(fires_at_threshold=True))
    assert execute(at, np.ones((1, 1, 1))).output.all()
    assert not execute(load_graph(graph), np.ones((1, 1, 1))).output.any()


@pytest.mark.parametrize("threshold", [1.0, 3.0, 2.5])
def test_with_a_subtracting_reset(threshold):
    spikes = np.random.default_rng(0).random((1, 2000, 1)) < 0.7
    options = DialectOptions(reset="subtract", fires_at_threshold=True)
    lowering = lower(load_graph(whole(threshold, weight=2), options=options))
    v, expected = 0.0, []
    for spike in spikes[0, :, 0]:
        v += 2.0 * spike
        expected.append(v >= threshold)
        v -= threshold * expected[-1]
    # at threshold 1 the drive is above what one spike a step takes off, and both count it
    for stage in (lowering.imported, lowering.discrete):
        assert execute(stage, spikes).output[0, :, 0].tolist() == expected
    # in integers every spike takes 2^-14 too little off: 64 steps, and no bin differs
    assert execute(lowering.integer, spikes[:, :64]).output[0, :, 0].tolist() == expected[:64]
    assert lowering.findings.about("if")[-1].verdict is Verdict.APPROXIMATE
