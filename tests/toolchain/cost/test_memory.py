"""Bits of a graph, recounted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from axonc.toolchain.cost import Memory, Stored, integer_memory
from axonc.toolchain.ir import (
    Edge,
    Graph,
    Input,
    IntegerAffine,
    IntegerNeuron,
    LeakyState,
    Output,
    Stage,
    narrowest_type,
)


def network(**changes: object) -> Graph:
    state = LeakyState(np.array([1]), 1, -512, 511)
    fields = dict(shape=(4,), threshold=np.array([3]), bias=np.zeros(4, np.int64), membrane=state)
    weight = np.array([[-1, 1, 1], [1, 1, 1], [1, -1, 1], [1, 1, -1]], np.int8)
    nodes = {
        "input": Input((3,)),
        "fc": IntegerAffine(weight, narrowest_type(weight)),
        "lif": IntegerNeuron(v_reset=np.array([0]), **(fields | changes)),  # type: ignore[arg-type]
        "output": Output((4,)),
    }
    edges = (Edge("input", "fc"), Edge("fc", "lif"), Edge("lif", "output"))
    return Graph(Stage.INTEGER, nodes, edges)


@pytest.mark.parametrize(
    ("changes", "membranes", "parameters"),
    [
        ({}, 4 * 10, 10),  # one threshold; a bias that is 0 everywhere is not stored
        ({"bias": np.array([0, 0, 1, 0])}, 4 * 10, (1 + 4) * 10),
        ({"threshold": np.arange(4)}, 4 * 10, 4 * 10),
        ({"current": LeakyState(np.array([1]), 1, -128, 127)}, 4 * (10 + 8), 10),
    ],
)
def test_states_and_parameters(changes: dict[str, object], membranes: int, parameters: int) -> None:
    assert integer_memory(network(**changes)).parts == {
        Stored("fc", Memory.SYNAPSES): 12,
        Stored("lif", Memory.MEMBRANES): membranes,
        Stored("lif", Memory.PARAMETERS): parameters,
    }
