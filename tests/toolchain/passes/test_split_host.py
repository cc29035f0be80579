"""Which nodes stay on the host, which go to the chip, and under what names they meet."""

from __future__ import annotations

import numpy as np
import pytest

from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import Affine, Edge, Graph, Input, Neuron, Node, Output, Stage
from axonc.toolchain.passes import Findings
from axonc.toolchain.passes.split_host import split_host

ONE = np.ones(1)


def neuron(spiking: bool = True) -> Neuron:
    return Neuron((2,), 0.5 * ONE, ONE, 0 * ONE, ONE if spiking else None)


def synapses() -> Affine:
    return Affine(np.ones((2, 2)))


def graph(nodes: dict[str, Node], edges: list[tuple[str, str]]) -> Graph:
    return Graph(
        Stage.DISCRETE,
        nodes,
        tuple(Edge(a, b, int(b.startswith("back"))) for a, b in edges),
        name="net",
    )


def row(*names: str) -> list[tuple[str, str]]:
    return list(zip(names, names[1:], strict=False))


def whole() -> Graph:
    """A first layer on real input with a loop, a hidden layer, a read-out; spikes go out too."""
    nodes: dict[str, Node] = {
        "in": Input((2,)),
        "fc0": synapses(),
        "code": neuron(),
        "back0": synapses(),
        "fc1": synapses(),
        "hidden": neuron(),
        "fc2": synapses(),
        "li": neuron(spiking=False),
        "scores": Output((2,)),
        "spikes": Output((2,)),
    }
    edges = row("in", "fc0", "code", "fc1", "hidden", "fc2", "li", "scores")
    return graph(nodes, [*edges, ("code", "back0"), ("back0", "code"), ("hidden", "spikes")])


def sorted_names(part: Graph | None) -> list[str]:
    assert part is not None
    return sorted(part.nodes)


def test_real_input_and_read_out_stay_on_the_host() -> None:
    findings = Findings()
    split = split_host(whole(), findings, real_input=True)
    assert split.front is not None and split.back is not None
    assert (split.front.name, split.chip.name, split.back.name) == ("net.front", "net", "net.back")
    assert sorted_names(split.front) == ["back0", "code", "code.spikes", "fc0", "in"]
    assert sorted_names(split.chip) == ["code", "fc1", "hidden", "hidden.spikes", "spikes"]
    assert sorted_names(split.back) == ["fc2", "hidden", "li", "scores"]
    assert dict(split.handed_over) == {"code": "code.spikes", "hidden": "hidden.spikes"}
    assert isinstance(split.chip.nodes["code"], Input)
    assert {row.node: row.detail for row in findings} == {
        "fc0": "stays on the host: its input is real numbers",
        "code": "stays on the host: its input is real numbers",
        "back0": "stays on the host: its input is real numbers",
        "fc2": "stays on the host: a real-valued read-out",
        "li": "stays on the host: a real-valued read-out",
    }


def test_without_real_input_there_is_no_front() -> None:
    split = split_host(whole(), Findings())
    assert split.front is None
    assert "in" in split.chip.nodes and "code" in split.chip.spiking


def test_all_inputs_and_all_ways_to_the_first_spikes_are_followed() -> None:
    nodes: dict[str, Node] = {
        "left": Input((2,)),
        "right": Input((2,)),
        "fc_left": synapses(),
        "fc_right": synapses(),
        "code": neuron(),
        "fc": synapses(),
        "hidden": neuron(),
        "out": Output((2,)),
    }
    edges = row("left", "fc_left", "code", "fc", "hidden", "out")
    split = split_host(
        graph(nodes, [*edges, ("right", "fc_right"), ("fc_right", "code")]),
        Findings(),
        real_input=True,
    )
    assert sorted_names(split.front) == [
        "code",
        "code.spikes",
        "fc_left",
        "fc_right",
        "left",
        "right",
    ]
    assert split.back is None
    assert sorted_names(split.chip) == ["code", "fc", "hidden", "out"]


def test_two_populations_cannot_be_handed_over() -> None:
    nodes: dict[str, Node] = {
        "in": Input((2,)),
        "fc_a": synapses(),
        "fc_b": synapses(),
        "a": neuron(),
        "b": neuron(),
        "fc_c": synapses(),
        "fc_d": synapses(),
        "hidden": neuron(),
        "out": Output((2,)),
    }
    edges = row("in", "fc_a", "a", "fc_c", "hidden", "out") + row(
        "in", "fc_b", "b", "fc_d", "hidden"
    )
    with pytest.raises(LoweringError) as told:
        split_host(graph(nodes, edges), Findings(), real_input=True)
    assert str(told.value) == (
        "graph 'net' cannot be split:\n"
        "  - the chip would take the spikes of ['a', 'b']; one population can be handed over"
    )


def test_nothing_may_be_left_for_the_chip() -> None:
    nodes: dict[str, Node] = {"in": Input((2,)), "fc": synapses(), "out": Output((2,))}
    with pytest.raises(LoweringError) as told:
        split_host(graph(nodes, row("in", "fc", "out")), Findings())
    assert "no spiking neuron is left for the chip; everything would run on the host" in str(
        told.value
    )
