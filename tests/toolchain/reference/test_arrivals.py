"""What counts as arriving: spikes or numbers, and in time or too late."""

from __future__ import annotations

import numpy as np
import pytest

from axonc.toolchain.ir import (
    Affine,
    AvgPool,
    Delay,
    Dialect,
    Edge,
    Flatten,
    Graph,
    Input,
    Neuron,
    Node,
    Output,
    Stage,
    SumPool,
    Window,
)
from axonc.toolchain.reference import execute
from axonc.toolchain.reference.arrivals import ArrivalCounter, Arrivals

ONE = np.ones(1)


def neuron(*shape: int) -> Neuron:
    return Neuron(shape, 0.5 * ONE, ONE, 0 * ONE, 0.75 * ONE, 0 * ONE)


def graph(nodes: dict[str, Node], edges: list[tuple[str, str, int]], **fields: object) -> Graph:
    return Graph(Stage.DISCRETE, nodes, tuple(Edge(*edge) for edge in edges), **fields)  # type: ignore[arg-type]


def counted(made: Graph, inputs: dict[str, np.ndarray], name: str) -> tuple[list[int], int]:
    found = execute(made, inputs).arrivals[name]
    return found.spikes.ravel().tolist(), found.numbers


def straight(between: Node | None = None, late: int = 0, shape: tuple[int, ...] = (2,)) -> Graph:
    """Input, maybe a node, a matrix of ones, a neuron."""
    nodes: dict[str, Node] = {"input": Input(shape)}
    edges = []
    last = "input"
    if between is not None:
        nodes["between"] = between
        edges.append(("input", "between", 0))
        last, shape = "between", between.output_shape(shape)
    nodes |= {"fc": Affine(np.ones((1, int(np.prod(shape))))), "neuron": neuron(1)}
    nodes["output"] = Output((1,))
    edges += [(last, "fc", late), ("fc", "neuron", 0), ("neuron", "output", 0)]
    return graph(nodes, edges)


SPIKES = np.array([[[1, 0], [1, 1], [0, 1], [1, 1]]])  # 3 and 3, one sample of 4 steps


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float64, np.float32])
def test_counts_are_spikes_whatever_their_type(dtype: type) -> None:
    assert counted(straight(), {"input": SPIKES.astype(dtype)}, "fc") == ([3, 3], 0)


@pytest.mark.parametrize("factor", [0.5, -1.0])
def test_fractions_and_negative_values_are_numbers(factor: float) -> None:
    assert counted(straight(), {"input": SPIKES * factor}, "fc") == ([0, 0], 4)


def test_negative_integers_are_numbers() -> None:
    assert counted(straight(), {"input": -SPIKES.astype(np.int16)}, "fc") == ([0, 0], 4)


def test_counts_above_one_are_so_many_spikes() -> None:
    assert counted(straight(), {"input": 3 * SPIKES}, "fc") == ([9, 9], 0)


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_samples_add_up(samples: int) -> None:
    spikes, real = np.repeat(SPIKES, samples, axis=0), np.repeat(0.5 * SPIKES, samples, axis=0)
    assert counted(straight(), {"input": spikes}, "fc") == ([3 * samples] * 2, 0)
    assert counted(straight(), {"input": real}, "fc") == ([0, 0], 4 * samples)


@pytest.mark.parametrize(("late", "expected"), [(0, [3, 3]), (1, [2, 2]), (3, [1, 0]), (4, [0, 0])])
def test_what_a_delay_brings_after_the_end_did_not_arrive(late: int, expected: list[int]) -> None:
    assert counted(straight(late=late), {"input": SPIKES}, "fc") == (expected, 0)


def test_delays_behind_a_connection_make_its_spikes_late() -> None:
    """The second of two connections gets what is in time; a delay behind it shortens that."""
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "fc": Affine(np.ones((2, 2))),
        "delay": Delay(np.array([1.0, 2.0])),
        "neuron": neuron(2),
        "output": Output((2,)),
    }
    edges = [
        ("input", "fc", 0),
        ("fc", "delay", 0),
        ("delay", "neuron", 1),
        ("neuron", "output", 0),
    ]
    assert counted(graph(nodes, edges), {"input": SPIKES}, "fc") == ([2, 1], 0)  # 1 + 1 steps late


def test_the_shorter_of_two_ways_decides() -> None:
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "fc": Affine(np.ones((2, 2))),
        "slow": Delay(np.array([3.0])),
        "neuron": neuron(2),
        "other": neuron(2),
        "output": Output((2,)),
        "ends": Output((2,)),
    }
    edges = [
        ("input", "fc", 0),
        ("fc", "slow", 0),
        ("slow", "neuron", 0),
        ("fc", "other", 1),
        ("neuron", "output", 0),
        ("other", "ends", 0),
    ]
    assert counted(graph(nodes, edges), {"input": SPIKES}, "fc") == ([2, 2], 0)


def test_delays_in_seconds_are_steps_of_dt() -> None:
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "fc": Affine(np.ones((2, 2))),
        "delay": Delay(np.array([2e-3])),
        "output": Output((2,)),
    }
    names = list(nodes)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    made = Graph(Stage.IMPORTED, nodes, edges, Dialect(1e-3))
    found = execute(made, SPIKES).arrivals["fc"]
    assert found.spikes.tolist() == [2, 1]  # the first two of four steps


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (SumPool((1, 2), Window((1, 2), ((0, 0), (0, 0)), (1, 1))), 0),
        (AvgPool((1, 2), Window((1, 2), ((0, 0), (0, 0)), (1, 1))), 4),
    ],
)
def test_a_sum_of_spikes_is_spikes_and_a_mean_is_a_number(between: Node, expected: int) -> None:
    nodes: dict[str, Node] = {
        "input": Input((1, 1, 2)),
        "pool": between,
        "flat": Flatten(),
        "fc": Affine(np.ones((1, 1))),
        "neuron": neuron(1),
        "output": Output((1,)),
    }
    names = list(nodes)
    made = graph(nodes, [(a, b, 0) for a, b in zip(names, names[1:], strict=False)])
    spikes, numbers = counted(made, {"input": SPIKES.reshape(1, 4, 1, 1, 2)}, "fc")
    assert (spikes, numbers) == ([0 if expected else 6], expected)


def test_one_real_source_of_two_makes_numbers() -> None:
    """Whichever comes first: spikes and a real input meet in front of one connection."""
    for order in (("spikes", "real"), ("real", "spikes")):
        nodes: dict[str, Node] = {name: Input((2,)) for name in order}
        nodes |= {"flat": Flatten(), "fc": Affine(np.ones((1, 2))), "neuron": neuron(1)}
        nodes["output"] = Output((1,))
        edges = [*((name, "flat", 0) for name in order), ("flat", "fc", 0)]
        made = graph(nodes, [*edges, ("fc", "neuron", 0), ("neuron", "output", 0)])
        inputs = {"spikes": SPIKES, "real": 0.5 * SPIKES}
        assert counted(made, inputs, "fc") == ([0, 0], 4)


def test_a_loop_of_delays_ends_the_search() -> None:
    """Spikes that go round through a delay are spikes still."""
    nodes: dict[str, Node] = {
        "input": Input((2,)),
        "mix": Flatten(),
        "back": Delay(np.array([1.0])),
        "fc": Affine(np.ones((1, 2))),
        "neuron": neuron(1),
        "output": Output((1,)),
    }
    edges = [("input", "mix", 0), ("mix", "back", 1), ("back", "mix", 0), ("mix", "fc", 0)]
    made = graph(nodes, [*edges, ("fc", "neuron", 0), ("neuron", "output", 0)])
    counter = ArrivalCounter(made, {"input": SPIKES}, 4)
    counter.add("fc", 0, SPIKES[:, :2])
    counter.add("fc", 2, SPIKES[:, 2:])
    counter.add("input", 0, SPIKES)  # no connection: nothing to count
    found = counter.arrivals()
    assert list(found) == ["fc"] and isinstance(found["fc"], Arrivals)
    assert found["fc"].spikes.dtype == np.int64
    assert (found["fc"].spikes.tolist(), found["fc"].numbers) == ([3, 3], 0)


def test_blocks_of_steps_are_cut_where_the_run_ends() -> None:
    made = straight(late=0)
    late = graph(
        {**made.nodes, "delay": Delay(np.array([3.0]))},
        [("input", "fc", 0), ("fc", "delay", 0), ("delay", "neuron", 0), ("neuron", "output", 0)],
    )
    counter = ArrivalCounter(late, {"input": SPIKES}, 4)
    counter.add("fc", 0, SPIKES[:, :2])  # the first of both steps is in time
    counter.add("fc", 2, SPIKES[:, 2:])  # and neither of these
    assert counter.arrivals()["fc"].spikes.tolist() == [1, 0]
    numbers = ArrivalCounter(late, {"input": 0.5 * SPIKES}, 4)
    numbers.add("fc", 0, 0.5 * SPIKES[:, :2])
    numbers.add("fc", 2, 0.5 * SPIKES[:, 2:])
    assert numbers.arrivals()["fc"].numbers == 1
