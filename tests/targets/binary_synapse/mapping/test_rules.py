"""What the machine refuses: every node's reason at once, with what to do about it."""

from __future__ import annotations

import numpy as np
import pytest
from binary_synapse_networks import chain, neurons, perceptron

from axonc.targets import Verdict
from axonc.targets.binary_synapse import BinarySynapse, load_architecture
from axonc.targets.binary_synapse.machine.architecture import (
    ExternalMemory,
    MeshParameters,
    Schedule,
)
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.ir import (
    Affine,
    Delay,
    Edge,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    LeakyState,
    Output,
    Overflow,
    Reset,
    Stage,
    SumPool,
    Window,
    narrowest_type,
)


def edge(**core: object) -> BinarySynapse:
    shipped = load_architecture("edge")
    return BinarySynapse(shipped.model_copy(update={"core": shipped.core.model_copy(update=core)}))


def refusals(graph: Graph, target: BinarySynapse) -> dict[str, str]:
    rows = target.check(graph)
    assert [row.node for row in rows] == list(graph.nodes)
    return {row.node: row.detail for row in rows if row.verdict is Verdict.UNSUPPORTED}


def cells(size: int, **changes: object) -> IntegerNeuron:
    fields = {
        "shape": (size,),
        "threshold": np.array([3]),
        "bias": np.array([0]),
        "v_reset": np.array([0]),
        "membrane": LeakyState(np.array([1]), 0, -128, 127),
    }
    return IntegerNeuron(**(fields | changes))


def weighed(weight: np.ndarray, neuron: IntegerNeuron) -> Graph:
    return chain(
        {
            "input": Input((weight.shape[1],)),
            "linear": IntegerAffine(weight, narrowest_type(weight)),
            "neuron": neuron,
            "output": Output((len(weight),)),
        }
    )


def test_everything_that_fits_is_exact() -> None:
    assert refusals(perceptron([5, 4, 3]), edge()) == {}


def test_weights_that_are_not_binary() -> None:
    graph = weighed(np.array([[1, -3], [7, 1]], np.int8), cells(2))
    assert refusals(graph, edge()) == {
        "linear": "has weights from -3 to 7 (INT4); a synapse of this machine is one sign bit: "
        "train the layer binary, keep it on the host, or use target loihi"
    }


def test_binary_weights_behind_gains_of_their_own() -> None:
    """As of a shortcut whose BatchNorm is not that of what it joins."""
    graph = weighed(np.array([[5, -5, 0], [9, 9, -9]], np.int8), cells(2))
    assert refusals(graph, edge()) == {
        "linear": "has binary synapses behind gains of 5 to 9 by output channel, which the neuron "
        "cannot take because other synapses feed it at other gains; train all that meets there "
        "with one gain by channel (one BatchNorm of their sum), or use target loihi"
    }


def test_absent_synapses_need_a_presence_plane() -> None:
    graph = weighed(np.array([[1, 0], [0, -1]], np.int8), cells(2))
    assert refusals(graph, edge(has_presence_plane=False)) == {
        "linear": "has 2 absent synapses and cores of 'edge' have no presence plane; set "
        "has_presence_plane = true"
    }
    assert refusals(graph, edge()) == {}


def test_real_values_read_outs_and_widths_are_all_told_at_once() -> None:
    graph = Graph(
        Stage.INTEGER,
        {
            "input": Input((2,)),
            "real": Affine(np.array([[0.5, 1.0]])),
            "neuron": cells(1, threshold=np.array([1 << 30])),
            "last": IntegerAffine(np.array([[1]], np.int8), narrowest_type(np.array([[1]]))),
            "output": Output((1,)),
        },
        (
            Edge("input", "real"),
            Edge("real", "neuron"),
            Edge("neuron", "last"),
            Edge("last", "output"),
        ),
    )
    found = refusals(graph, edge())
    assert set(found) == {"real", "neuron", "last"}
    assert found["real"].startswith("Affine has real values and the machine has integers; lower")
    assert found["neuron"] == (
        "threshold of neuron 0 is 1073741824 and takes 32 bits, 8 more than the 24 of 'edge'"
    )
    assert found["last"].startswith("is read out as a number and not through a spiking neuron")
    with pytest.raises(LoweringError) as caught:
        edge().compile(graph)
    assert len(caught.value.reasons) == 3


def test_widths_too_small_name_the_neuron_and_the_excess() -> None:
    graph = weighed(np.ones((3, 40), np.int8), cells(3, threshold=np.array([3, 9, 100])))
    found = refusals(graph, edge(accumulator_bits=6, threshold_bits=5, membrane_bits=7))
    assert found["neuron"].split("; ") == [
        "membrane from -128 to 127 takes 8 bits, 1 more than the 7 of 'edge': raise membrane_bits,"
        " or lower the network with fewer fraction bits",
        "threshold of neuron 2 is 100 and takes 8 bits, 3 more than the 5 of 'edge' (1 in all)",
        "the sum of neuron 0 lies between 0 and 40 and takes 7 bits, 1 more than accumulator_bits"
        " = 6 of 'edge' (3 neurons in all)",
    ]


@pytest.mark.parametrize(
    ("neuron", "reason"),
    [
        (
            cells(1, membrane=LeakyState(np.array([1]), 0, -100, 99, overflow=Overflow.WRAP)),
            "membrane wraps at -100 and 99; an adder wraps at -128 and 127",
        ),
        (
            cells(1, membrane=LeakyState(np.array([1]), 20, -100, 99)),
            "membrane decay by m/2^20 takes a shift of 20, 4 more than the 16 of 'edge'",
        ),
        (
            cells(
                1,
                threshold=np.array([-1]),
                reset=Reset.SUBTRACT,
                membrane=LeakyState(np.array([1]), 0, -(1 << 23), (1 << 23) - 1),
            ),
            "potential after reset of neuron 0 is 8388608 and takes 25 bits, 1 more than the 24",
        ),
        (
            cells(1, current=LeakyState(np.array([1]), 0, -(1 << 30), 1 << 30)),
            "current from -1073741824 to 1073741824 takes 32 bits, 8 more than the 24 of 'edge'",
        ),
    ],
)
def test_states_that_the_datapath_lacks(neuron: IntegerNeuron, reason: str) -> None:
    graph = weighed(np.ones((1, 1), np.int8), neuron)
    assert refusals(graph, edge())["neuron"].startswith(reason)


def test_no_current_in_cores_without_one() -> None:
    graph = weighed(np.ones((1, 1), np.int8), cells(1, current=LeakyState(np.array([1]), 0, -8, 7)))
    assert refusals(graph, edge(current_bits=0))["neuron"] == (
        "has a synaptic current and cores of 'edge' have none; set current_bits to 4"
    )


def test_two_weighings_in_a_row() -> None:
    one = np.ones((2, 2), np.int8)
    graph = chain(
        {
            "input": Input((2,)),
            "first": IntegerAffine(one, narrowest_type(one)),
            "second": IntegerAffine(one, narrowest_type(one)),
            "neuron": cells(2),
            "output": Output((2,)),
        }
    )
    assert refusals(graph, edge()) == {
        "second": "follows 'first' without a neuron in between: sums would have to be weighed "
        "again; put a neuron between them or multiply the two matrices"
    }


def test_summed_read_out_and_uneven_delays() -> None:
    rng = np.random.default_rng(0)
    graph = Graph(
        Stage.INTEGER,
        {
            "input": Input((2,)),
            "late": Delay(np.array([1.0, 2.0])),
            "one": neurons((2,), rng),
            "two": neurons((2,), rng),
            "output": Output((2,)),
        },
        (
            Edge("input", "late"),
            Edge("late", "one"),
            Edge("input", "two"),
            Edge("one", "output"),
            Edge("two", "output"),
        ),
    )
    found = refusals(graph, edge())
    assert found["output"].startswith("sums 2 signals into a read-out")
    assert found["late"] == (
        "delays its neurons by 1 to 2 steps; the machine has one delay a projection: give all "
        "neurons of the node the same whole number of steps, or split the node into one for each "
        "delay"
    )


def test_a_network_that_is_too_large() -> None:
    graph = perceptron([3000, 20_000, 10])
    edge().compile(graph)  # in parts
    on_chip_only = load_architecture("edge").model_copy(update={"external_memory": None})
    with pytest.raises(LoweringError) as caught:
        BinarySynapse(on_chip_only).compile(graph)
    (reason,) = caught.value.reasons
    assert reason == (
        "node 'neuron0' (IntegerNeuron): the network needs 80 cores (layer 'neuron0' 60, 'neuron1' "
        "20), 64 more than the 16 of the mesh, and does not fit packed; choose a larger "
        "architecture, e.g. wide, or a mesh of 9 x 9, or give this one an external_memory, so that "
        "it runs in parts"
    )


@pytest.mark.parametrize("in_parts", [False, True])
def test_one_graph_with_everything_wrong(in_parts: bool) -> None:
    """Nodes, layers, mesh, schedule and external memory are all told in one go."""
    one, kernel = np.ones((8, 8), np.int8), np.ones((1, 4, 5, 5), np.int8)
    weights = IntegerAffine(one, narrowest_type(one))
    mixed = one + 2 * np.eye(8, dtype=np.int8)
    heavy = IntegerAffine(mixed, narrowest_type(mixed))
    wide = cells(8, membrane=LeakyState(np.array([1]), 0, -(1 << 30), (1 << 30) - 1))
    window = Window((1, 1), ((0, 0), (0, 0)), (1, 1))
    graph = Graph(
        Stage.INTEGER,
        {
            "input": Input((8,)),
            "w0": weights,
            "a": wide,
            "w1": heavy,
            "b": cells(8),
            "back": weights,
            "image": Input((4, 5, 5)),
            "conv": IntegerConv(kernel, narrowest_type(kernel), window),
            "c": cells(1, shape=(1, 1, 1)),
            "late": Delay(np.array([0.5])),
            "d": cells(8),
            "out b": Output((8,)),
            "out c": Output((1, 1, 1)),
            "out d": Output((8,)),
        },
        (
            Edge("input", "w0"),
            Edge("w0", "a"),
            Edge("a", "w1"),
            Edge("w1", "b"),
            Edge("b", "out b"),
            Edge("b", "back", 1),
            Edge("back", "a"),
            Edge("image", "conv"),
            Edge("conv", "c"),
            Edge("c", "out c"),
            Edge("input", "late"),
            Edge("late", "d"),
            Edge("d", "out d"),
        ),
    )
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"synapse_capacity_bits": 24, "neurons": 3, "blocks": 1})
    machine = shipped.model_copy(
        update={
            "core": core,
            "schedule": Schedule.PIPELINED,
            "mesh": MeshParameters(columns=1, rows=1),
            "external_memory": ExternalMemory(bits_per_cycle=1) if in_parts else None,
        }
    )
    found = refusals(graph, BinarySynapse(machine))
    assert set(found) == {"a", "w1", "c", "late"}
    assert "weights from 1 to 3" in found["w1"]
    assert "delays its neurons by 0.5 to 0.5 steps" in found["late"]
    assert "has 25 synapse bits from one channel, 1 more than the 24 of a core" in found["c"]
    membrane, *rest = found["a"].split("; ")
    assert membrane.startswith("membrane from -1073741824 to 1073741823 takes 31 bits, 7 more than")
    if in_parts:
        assert rest == [
            "spikes of 'b' come back to it from a later part, and a pipeline cannot change parts "
            "between two steps",
            'use schedule = "within-step", or an architecture that holds the loop',
            "comes in parts, and external_memory.bits_per_cycle = 1 is 9 less than the 10 bits of "
            "a spike: raise it",
        ]
    else:
        assert rest == [
            "the network needs at least 11 cores (layer 'a' 8, 'b' 3), 10 more than the 1 of the "
            "mesh, and does not fit packed",
            "choose a larger architecture, e.g. wide, or a mesh "
            "of 4 x 3, or give this one an external_memory, so that it runs in parts",
            "a spike of 'b' comes back 1 steps later, but the pipeline between them is 2 steps "
            "long",
            'use schedule = "within-step"',
        ]


def test_a_kernel_that_is_too_large() -> None:
    kernel = np.ones((1, 4, 5, 5), np.int8)
    window = Window((1, 1), ((0, 0), (0, 0)), (1, 1))
    graph = chain(
        {
            "input": Input((4, 5, 5)),
            "conv": IntegerConv(kernel, narrowest_type(kernel), window),
            "neuron": cells(1, shape=(1, 1, 1)),
            "output": Output((1, 1, 1)),
        }
    )
    edge(synapse_capacity_bits=25).compile(graph)  # four chunks of one channel each
    with pytest.raises(LoweringError, match="has 25 synapse bits from one channel, 1 more than"):
        edge(synapse_capacity_bits=24).compile(graph)


def test_a_loop_shorter_than_the_pipeline() -> None:
    one = np.ones((2, 2), np.int8)
    weights = IntegerAffine(one, narrowest_type(one))
    graph = Graph(
        Stage.INTEGER,
        {
            "input": Input((2,)),
            "w0": weights,
            "a": cells(2),
            "w1": weights,
            "b": cells(2),
            "back": weights,
            "output": Output((2,)),
        },
        (
            Edge("input", "w0"),
            Edge("w0", "a"),
            Edge("a", "w1"),
            Edge("w1", "b"),
            Edge("b", "output"),
            Edge("b", "back", 1),
            Edge("back", "a"),
        ),
    )
    machine = load_architecture("edge").model_copy(update={"schedule": Schedule.PIPELINED})
    with pytest.raises(
        LoweringError,
        match="a spike of 'b' comes back 1 steps later, but the "
        "pipeline between them is 2 steps long",
    ):
        BinarySynapse(machine).compile(graph)


def test_pooled_read_out() -> None:
    pool = SumPool((2,), Window((2,), ((0, 0),), (1,)))
    rng = np.random.default_rng(0)
    graph = chain(
        {
            "input": Input((1, 4)),
            "neuron": neurons((1, 4), rng),
            "pool": pool,
            "output": Output((1, 2)),
        }
    )
    assert "is read out as a number" in refusals(graph, edge())["pool"]
