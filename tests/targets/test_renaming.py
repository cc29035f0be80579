"""Renaming all nodes, to any names, changes no number: no result, count, cost or table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import graph_strategies as imported
import numpy as np
import pytest
from binary_synapse_networks import convolutional_networks, counts_by_input, dense_networks
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.targets import Target, load_target
from axonc.targets.binary_synapse import BinarySynapse, load_architecture
from axonc.targets.binary_synapse.machine.architecture import Schedule
from axonc.toolchain.cost import chipless_cost, workload
from axonc.toolchain.errors import InputError, LoweringError
from axonc.toolchain.ir import Graph, verify
from axonc.toolchain.passes import Findings, to_discrete, to_integer
from axonc.toolchain.reference import execute
from axonc.toolchain.report import cost_json

HOSTILE = """\
input|barrier|load|state|step|output|wave 1: neuron0|samples|neuron0 (back)|neuron0 (out)|pool.scale
a.b|x/y|a b|lif.spikes|fc.step|signs|membranes|neuron0 signs|linear0.presence|total|0| |-|\u03b2|+
read_bits/signs|cycles/input|a->b|hidden partial sums""".replace("\n", "|").split("|")


def renamed(graph: Graph, names: Mapping[str, str]) -> Graph:
    """Return the graph with every node under another name."""
    return verify(
        replace(
            graph,
            nodes={names[name]: node for name, node in graph.nodes.items()},
            edges=tuple(replace_ends(edge, names) for edge in graph.edges),
        ),
        "renaming",
    )


def replace_ends(edge: Any, names: Mapping[str, str]) -> Any:
    return edge._replace(source=names[edge.source], target=names[edge.target])


def numbers(document: object) -> object:
    """Return a document without its texts: numbers and their places, names replaced by order."""
    if isinstance(document, Mapping):
        return [numbers(value) for value in document.values()]
    if isinstance(document, list | tuple):
        return [numbers(value) for value in document]
    return None if isinstance(document, str) else document


def on_reference(graph: Graph, spikes: Mapping[str, np.ndarray]) -> object:
    done = execute(graph, spikes)
    work = workload(graph, done.arrivals, done.spike_counts, done.samples, done.steps)
    rasters = [raster.tolist() for raster in done.outputs.values()]
    return rasters, numbers(cost_json(chipless_cost(graph, work, "reference")))


def on_target(target: Target, engine: str) -> Callable[..., object]:
    def figures(graph: Graph, spikes: Mapping[str, np.ndarray]) -> object:
        program = target.compile(graph)
        done = target.run(program, spikes, engine=engine)
        rasters = [done.spikes[name].tolist() for name in graph.outputs]
        report = cost_json(target.cost(program, done))
        counts = sorted((str(count), value) for count, value in done.counters.items())
        layers = [sorted((str(c), n) for c, n in done.layers[x].items()) for x in done.layers]
        tables = numbers(target.tables(program, done))
        moved = list(done.accesses.values())
        return rasters, numbers(report), counts, layers, moved, tables, len(program.cores())

    return figures


EDGE = load_architecture("edge")
PIPELINED = EDGE.model_copy(update={"schedule": Schedule.PIPELINED})
SMALL = EDGE.model_copy(
    update={
        "core": EDGE.core.model_copy(update={"neurons": 12, "blocks": 1}),
        "mesh": EDGE.mesh.model_copy(update={"columns": 2, "rows": 1}),
    }
)
"""Two cores of twelve neurons: most networks come in several parts."""
MACHINES = {
    "reference": on_reference,
    "loihi": on_target(load_target("loihi"), "emulator"),
    "binary_synapse, edge": on_target(BinarySynapse("edge"), "cycle"),
    "binary_synapse, bound": on_target(BinarySynapse("edge"), "analytic"),
    "binary_synapse, pipelined": on_target(BinarySynapse(PIPELINED), "cycle"),
    "binary_synapse, in parts": on_target(BinarySynapse(SMALL), "cycle"),
}


LOWERED = st.one_of(imported.dense_networks(), imported.convolutional_networks()).map(
    lambda graph: to_integer(to_discrete(graph, Findings()), Findings())
)
"""What is lowered from NIR; the others hold much that Loihi refuses."""
GRAPHS = st.one_of(dense_networks(), convolutional_networks(), LOWERED, LOWERED)


@pytest.mark.parametrize("machine", MACHINES)
@settings(max_examples=20, deadline=None)
@given(graph=GRAPHS, names=st.permutations(HOSTILE), seed=st.integers(0, 99))
def test_renaming_changes_no_number(
    machine: str, graph: Graph, names: list[str], seed: int
) -> None:
    figures = MACHINES[machine]
    new = dict(zip(graph.nodes, names, strict=False))
    counts = {
        name: np.minimum(raster, 1) for name, raster in counts_by_input(graph, seed=seed).items()
    }
    try:
        expected = figures(graph, counts)
    except (InputError, LoweringError) as refusal:
        with pytest.raises(type(refusal)):
            figures(renamed(graph, new), {new[name]: raster for name, raster in counts.items()})
        return
    got = figures(renamed(graph, new), {new[name]: raster for name, raster in counts.items()})
    assert json.dumps(got) == json.dumps(expected)
