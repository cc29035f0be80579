"""Negative gains: moved into the weights of their row, or refused, all at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graph_strategies import chain, lif

from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import Affine, Dialect, Edge, Graph, Input, Neuron, Output
from axonc.toolchain.passes import Findings, PositiveGains, run_passes, to_discrete


def with_gains(**gains: np.ndarray) -> Graph:
    """Return input, a connection, and neurons `plane` of shape (1, 2) and `line` of shape (3,)."""
    rng = np.random.default_rng(7)
    nodes = {"input": Input((3,)), "fc": Affine(rng.normal(size=(3, 3))), "line": lif((3,), rng)}
    graph = to_discrete(chain({**nodes, "output": Output((3,))}, Dialect(1e-3)), Findings())
    beside = {"plane_in": Input((1, 2)), "plane": lif((1, 2), rng), "plane_out": Output((1, 2))}
    plane = to_discrete(chain(beside, Dialect(1e-3)), Findings())
    both = replace(graph, nodes={**graph.nodes, **plane.nodes}, edges=(*graph.edges, *plane.edges))
    changed = {name: replace(both.nodes[name], gain=gain) for name, gain in gains.items()}
    return both.with_nodes(changed)


def test_signs_move_into_the_rows() -> None:
    before = with_gains(line=np.array([0.5, -0.25, 2.0]))
    after = run_passes(before, [PositiveGains()], Findings())
    neuron, fc = after.nodes["line"], after.nodes["fc"]
    assert isinstance(neuron, Neuron) and isinstance(fc, Affine)
    assert np.array_equal(neuron.gain, [0.5, 0.25, 2.0])
    assert np.array_equal(fc.weight, before.nodes["fc"].weight * [[1], [-1], [1]])  # type: ignore[attr-defined]


def test_every_node_that_cannot_be_rewritten_is_listed() -> None:
    graph = with_gains(line=-np.ones(3), plane=np.array([[1.0, -1.0]]))
    graph = replace(graph, nodes={**graph.nodes, "fc_out": Output((3,))})
    graph = replace(graph, edges=(*graph.edges, Edge("fc", "fc_out")))
    with pytest.raises(LoweringError) as error:
        run_passes(graph, [PositiveGains()], Findings())
    assert error.value.reasons == (
        "node 'line' (Neuron): its gain is negative and 'fc' is not a connection of its own; "
        "give it weights that no other node shares, or a positive gain",
        "node 'plane' (Neuron): its gain changes sign within a channel; export one gain a channel",
    )


@pytest.mark.parametrize(("dtype", "refused"), [(np.int8, False), (np.int16, True)])
def test_the_lowest_integer_is_not_wrapped(dtype: type[np.signedinteger], refused: bool) -> None:
    lowest = np.iinfo(dtype).min
    weight = np.array([[lowest, 1, 0]] * 3, dtype)
    graph = with_gains(line=-np.ones(3)).with_nodes({"fc": Affine(weight)})
    if refused:
        with pytest.raises(LoweringError, match=f"a weight of 'fc' is {lowest}, whose negative"):
            run_passes(graph, [PositiveGains()], Findings())
        return
    after = run_passes(graph, [PositiveGains()], Findings()).nodes["fc"]
    assert isinstance(after, Affine)
    assert np.array_equal(after.weight, [[-int(lowest), -1, 0]] * 3)
