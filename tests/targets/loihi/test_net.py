"""Reading and writing netx .net files: what comes back is what went in."""

import h5py
import numpy as np
import pytest

from axonc.targets.loihi import Loihi, read_net, write_net
from axonc.toolchain.driver import lower_foreign, run, verdicts
from axonc.toolchain.errors import InputError, LoweringError
from axonc.toolchain.ir import (
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    LeakyState,
    Output,
    Stage,
    Window,
    narrowest_type,
)

TARGET = Loihi()


def signs(rng, *shape):
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int8)


@pytest.fixture
def perceptron(build):
    rng = np.random.default_rng(0)
    current = LeakyState(np.array([3]), 2, -(1 << 20), 1 << 20)
    neurons = [
        build.integer_neuron(30, rng.integers(2, 9, 30), bias=rng.integers(-2, 3, 30)),
        build.integer_neuron(5, 2, current=current),
    ]
    return build.affine_graph([signs(rng, 30, 40), signs(rng, 5, 30)], neurons)


@pytest.fixture
def convolutional(build):
    rng = np.random.default_rng(1)
    first, second, dense = signs(rng, 4, 2, 3, 3), signs(rng, 6, 2, 3, 3), signs(rng, 5, 6 * 4 * 4)
    nodes = {
        "in": Input((2, 9, 9)),
        "conv1": IntegerConv(
            first, narrowest_type(first), Window((2, 2), ((1, 0), (0, 1)), (1, 1))
        ),
        "lif1": build.integer_neuron((4, 4, 4), np.array([1, 2, 3, 4]).reshape(4, 1, 1)),
        "conv2": IntegerConv(
            second, narrowest_type(second), Window((1, 1), ((1, 1), (1, 1)), (1, 1)), 2
        ),
        "lif2": build.integer_neuron((6, 4, 4), rng.integers(1, 5, (6, 4, 4))),
        "flat": Flatten(),
        "fc": IntegerAffine(dense, narrowest_type(dense)),
        "lif3": build.integer_neuron(5, 3),
        "out": Output((5,)),
    }
    names = list(nodes)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.INTEGER, nodes, edges)


@pytest.mark.parametrize("which", ["perceptron", "convolutional"])
def test_what_is_written_reads_back_as_the_same_network(which, request, tmp_path):
    graph = request.getfixturevalue(which)
    program = TARGET.compile(graph)
    write_net(program, tmp_path / "a.net")
    back = read_net(tmp_path / "a.net")
    assert not back.real_input
    assert all(row.verdict == "exact" for row in TARGET.check(back.graph))
    shape = graph.nodes["in"].shape
    spikes = np.random.default_rng(2).random((4, 20, *shape)) < 0.4
    one = TARGET.run(program, spikes)
    other = TARGET.run(TARGET.compile(back.graph), spikes)
    np.testing.assert_array_equal(one.spikes["out"], other.spikes["output"])
    assert one.spikes["out"].any()


def test_loops_and_delays_survive(build, tmp_path, perceptron):
    rng = np.random.default_rng(3)
    loop = signs(rng, 30, 30)
    nodes = {**perceptron.nodes, "loop": IntegerAffine(loop, narrowest_type(loop))}
    edges = (*perceptron.edges, Edge("lif1", "loop", 1), Edge("loop", "lif1"))
    graph = Graph(Stage.INTEGER, nodes, edges)
    write_net(TARGET.compile(graph), tmp_path / "a.net")
    back = read_net(tmp_path / "a.net").graph
    spikes = rng.random((3, 20, 40)) < 0.3
    one = TARGET.run(TARGET.compile(graph), spikes)
    other = TARGET.run(TARGET.compile(back), spikes)
    np.testing.assert_array_equal(one.spikes["out"], other.spikes["output"])


def write_layers(path, *layers):
    def store(group, fields):
        for name, value in fields.items():
            if isinstance(value, dict):
                store(group.create_group(name), value)
            else:
                group[name] = np.array([value.encode()]) if isinstance(value, str) else value

    with h5py.File(path, "w") as file:
        for i, layer in enumerate(layers):
            store(file.create_group(f"layer/{i}"), layer)


NEURON = {"type": "CUBA", "iDecay": 4096, "vDecay": 1024, "vThMant": 5}
DENSE = {
    "type": "dense",
    "shape": np.array([2]),
    "inFeatures": 3,
    "weight": np.ones((2, 3)),
    "neuron": NEURON,
}


@pytest.mark.parametrize("by", ["output", "input", "synapse", "all"])
def test_delays_as_netx_takes_them(by, tmp_path):
    rng = np.random.default_rng(5)
    delay = rng.integers(0, 5, {"output": (4,), "input": (3,), "synapse": (4, 3), "all": ()}[by])
    weight = rng.integers(-9, 10, (4, 3))
    layer = {**DENSE, "shape": np.array([4]), "weight": weight, "delay": delay + 0.7}
    write_layers(tmp_path / "a.net", layer)
    spikes = rng.random((1, 12, 3)) < 0.4
    matrix = np.broadcast_to(delay[:, None] if by == "output" else delay, (4, 3))
    shifted = np.zeros((12, 4))
    for i, j in np.ndindex(4, 3):
        shifted[matrix[i, j] :, i] += weight[i, j] * spikes[0, : 12 - matrix[i, j], j]
    done = run(lower_foreign(read_net(tmp_path / "a.net")), spikes, target="loihi")
    v, expected = np.zeros(4), np.zeros((12, 4), bool)
    for t, arriving in enumerate(shifted):
        v = np.trunc(v * 3072 / 4096) + arriving * 64
        expected[t] = v > 5 * 64
        v[expected[t]] = 0
    np.testing.assert_array_equal(done.run.spikes["output"][0], expected)


def test_delays_of_a_square_layer_are_by_output(tmp_path):
    layer = {
        **DENSE,
        "shape": np.array([3]),
        "weight": np.tril(np.ones((3, 3))),
        "delay": np.array([1, 0, 2]),
        "neuron": {**NEURON, "vThMant": 0},
    }
    write_layers(tmp_path / "a.net", layer)
    impulse = np.zeros((1, 6, 3), bool)
    impulse[0, 0] = True
    done = run(lower_foreign(read_net(tmp_path / "a.net")), impulse, target="loihi")
    assert done.run.spikes["output"][0].argmax(0).tolist() == [1, 0, 2]


@pytest.mark.parametrize("shape", [(3,), (1, 1, 3), (1, 3)])
def test_an_input_layer_with_neurons_encodes_numbers_on_the_host(shape, tmp_path):
    source = {
        "type": "input",
        "shape": np.array(shape),
        "weight": np.array([2.0]),
        "bias": np.array([1.0]),
        "neuron": {**NEURON, "vDecay": 0},
    }
    write_layers(tmp_path / "a.net", source, DENSE)
    network = read_net(tmp_path / "a.net")
    assert network.real_input
    lowering = lower_foreign(network)
    assert [row.verdict for row in verdicts(lowering, "loihi") if row.node == "encoder"] == ["host"]
    x = np.broadcast_to(np.reshape([0, 1, 10], shape), (1, 6, *shape))
    done = run(lowering, x, target="loihi", probes=["encoder"]).run
    # v grows by 2 * x + 1 a step and spikes beyond 5: x = 0 each 6th step, x = 1 each 2nd.
    assert done.spikes["encoder"].reshape(6, 3).astype(int).tolist() == [
        [0, 0, 1],
        [0, 1, 1],
        [0, 0, 1],
        [0, 1, 1],
        [0, 0, 1],
        [1, 1, 1],
    ]
    reference = run(lowering, x).run
    np.testing.assert_array_equal(done.spikes["output"], reference.spikes["output"])


def change(layer, **fields):
    return {k: v for k, v in {**layer, **fields}.items() if v is not None}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (change(DENSE, type="pool"), "layer 0 of .*: got type 'pool', expected one of input,"),
        (change(DENSE, neuron=None), "got no neuron, expected CUBA or LOIHI neurons"),
        (change(DENSE, neuron={**NEURON, "type": "SDNN"}), "got neurons of type 'SDNN'"),
        (change(DENSE, neuron={**NEURON, "vDecay": 4096}), "got vDecay from 4096 to 4096, exp"),
        (change(DENSE, weight=np.ones((2, 4))), r"got weights of shape \(2, 4\), expected \(2, 3"),
        (change(DENSE, weight=np.full((2, 3), 0.5)), "'weight' with values that are no integers"),
        (change(DENSE, weight=np.full((2, 3), 600)), "got weights from 600 to 600, expected -256"),
        (change(DENSE, weight=np.full((2, 3), np.nan)), "values that are no integers"),
        (change(DENSE, delay=np.full(3, 63)), "got 3 delays from 63 to 63, expected 1, 2, 3 or 6 "),
        (change(DENSE, weight=None), "got no 'weight', expected a stored array"),
        ({"type": "input", "shape": np.array([3])}, "got an input alone"),
    ],
)
def test_files_that_lie_are_refused(layer, message, tmp_path):
    write_layers(tmp_path / "a.net", layer)
    with pytest.raises(InputError, match=message):
        read_net(tmp_path / "a.net")


def test_a_convolution_whose_shape_lies_is_refused(tmp_path):
    conv = {
        "type": "conv",
        "shape": np.array([4, 9, 9]),
        "weight": np.ones((4, 2, 3, 3, 1)),
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "neuron": NEURON,
    }
    write_layers(tmp_path / "a.net", {"type": "input", "shape": np.array([2, 9, 9])}, conv)
    with pytest.raises(InputError, match=r"got shape \(4, 9, 9\), expected \(4, 7, 7\)"):
        read_net(tmp_path / "a.net")


def test_what_is_no_net_file_is_refused(tmp_path):
    (tmp_path / "a.net").write_bytes(b"not HDF5")
    with pytest.raises(InputError, match="expected a netx .net file of lava-dl"):
        read_net(tmp_path / "a.net")
    with pytest.raises(InputError, match="expected a netx .net file of lava-dl"):
        read_net(tmp_path / "absent.net")


def test_what_a_net_file_cannot_hold_is_refused_with_every_reason(build, tmp_path):
    rng = np.random.default_rng(0)
    uneven = build.integer_neuron(4, 3, multiplier=[1, 2, 3, 4], bias=np.array([1]))
    fine = build.integer_neuron(4, 64, fraction_bits=6, bias=np.array([1]))
    graph = build.affine_graph([signs(rng, 4, 6), signs(rng, 4, 4)], [uneven, fine])
    with pytest.raises(LoweringError) as caught:
        write_net(TARGET.compile(graph), tmp_path / "a.net")
    assert len(caught.value.reasons) == 2
    assert "several membrane decays" in str(caught.value)
    assert "biases finer than its weights" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_told(perceptron, tmp_path):
    with pytest.raises(InputError, match="expected a place that can be written"):
        write_net(TARGET.compile(perceptron), tmp_path / "absent" / "a.net")
