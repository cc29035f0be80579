"""Graphs of random nodes and edges: each is refused by an InputError, or loads and runs."""

from __future__ import annotations

import os

import nir
import numpy as np
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import DialectOptions, load_graph
from axonc.toolchain.ir import Integrator, Reset, faults_of
from axonc.toolchain.reference import execute

EXAMPLES = int(os.environ.get("AXONC_FUZZ_EXAMPLES", "200"))

sizes = st.sampled_from(
    [(), (1,), (2,), (3,), (1, 2), (2, 1, 1), (2, 3, 3), (3, 2, 2), (1, 2, 3, 3)]
)
small = st.integers(0, 3)
dtypes = st.sampled_from([np.float64, np.float32, np.float16, np.int8, np.bool_])


def full(shape, value):
    return np.full(shape, value)


@st.composite
def neurons(draw):
    kind = draw(
        st.sampled_from([nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF, nir.Threshold])
    )
    shape = draw(sizes)
    values = dict(
        r=draw(st.sampled_from([0.5, 1.0, 20.0, 1e4])),
        v_leak=draw(st.sampled_from([0.0, 0.3])),
        v_reset=draw(st.sampled_from([0.0, -1.0, 2.0])),
        w_in=1.0,
        tau=0.02,
        tau_mem=0.02,
        v_threshold=draw(st.sampled_from([1.0, 0.5, -0.5, 0.0])),
        threshold=0.0,
        tau_syn=draw(st.sampled_from([0.01, 1e-5])),
    )
    names = [name for name in kind.__dataclass_fields__ if name in values]
    return kind(**{name: full(shape, values[name]) for name in names})


@st.composite
def connections(draw):
    match draw(st.sampled_from(["linear", "affine", "scale", "conv", "conv1d", "pool", "flatten"])):
        case "linear":
            return nir.Linear(np.ones(draw(st.tuples(small, small))).astype(draw(dtypes)))
        case "affine":
            rows, columns = draw(st.tuples(st.integers(1, 3), st.integers(1, 18)))
            return nir.Affine(np.ones((rows, columns)), np.zeros(draw(st.sampled_from([(), rows]))))
        case "scale":
            return nir.Scale(full(draw(sizes), 0.5))
        case "conv":
            groups, kernel = draw(st.integers(1, 2)), draw(st.tuples(small, small))
            weight = np.ones((2, 1, *kernel)).astype(draw(dtypes))
            padding = draw(st.sampled_from(["same", "valid", (0, 1), (2, 2)]))
            pair = draw(st.tuples(small, small))
            return nir.Conv2d(None, weight, pair, padding, (1, 1), groups, np.zeros(2))
        case "conv1d":
            return nir.Conv1d(None, np.ones((2, 2, 2)), draw(small), draw(small), 1, 1, np.zeros(2))
        case "pool":
            numbers = [np.array(draw(st.tuples(small, small))) for _ in range(3)]
            return draw(st.sampled_from([nir.SumPool2d, nir.AvgPool2d]))(*numbers)
    return nir.Flatten(None, draw(st.integers(-2, 2)), draw(st.integers(-2, 3)))


@st.composite
def graphs(draw, depth=1):
    shape = draw(sizes)
    nodes = {"input": nir.Input({"input": np.array(shape)})}
    kinds = st.one_of(neurons(), connections(), *([graphs(depth=0)] if depth else []))
    for i, node in enumerate(draw(st.lists(kinds, max_size=5))):
        nodes[f"n{i}"] = node
    nodes["output"] = nir.Output({"output": np.array(draw(sizes))})
    chain = list(zip(nodes, list(nodes)[1:], strict=False))
    names = st.sampled_from(list(nodes))
    extra = draw(st.lists(st.tuples(names, names), max_size=3))
    dropped = draw(st.sets(st.sampled_from(chain), max_size=1))
    edges = [edge for edge in chain if edge not in dropped] + extra
    return nir.NIRGraph(nodes, edges, type_check=False)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    source=graphs(),
    integrator=st.sampled_from(list(Integrator)),
    reset=st.sampled_from([None, *Reset]),
)
def test_random_graphs_run_or_are_refused(source, integrator, reset):
    options = DialectOptions(dt=1e-3, integrator=integrator, reset=reset)
    try:
        graph = load_graph(source, options=options)
    except InputError:
        event("refused")
        return
    event("ran")
    assert faults_of(graph) == []
    spikes = {name: np.ones((1, 3, *node.shape), bool) for name, node in graph.inputs.items()}
    recording = execute(graph, spikes)
    for name, output in recording.outputs.items():
        assert output.shape == (1, 3, *graph.shapes[name])
