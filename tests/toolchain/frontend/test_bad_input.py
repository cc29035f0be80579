"""What cannot be used is refused in one clear text: object, got, expected, remedy."""

from __future__ import annotations

import re
import subprocess
import sys

import h5py
import nir
import numpy as np
import pytest

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import Limits, load_graph


def refusal(source, **keywords):
    with pytest.raises(InputError) as error:
        load_graph(source, **keywords)
    assert error.value.exit_status == 1
    return str(error.value)


@pytest.fixture
def small(chain, lif):
    return chain(4, 3, fc=nir.Affine(np.ones((3, 4)), np.zeros(3)), lif=lif(3))


def field(name, key, value):
    """Return a change of an HDF5 file: one field of one node replaced, or dropped by None."""

    def change(file):
        group = file["node/nodes"][name]
        if key in group:
            del group[key]
        if value is not None:
            group[key] = value

    return change


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "none.nir"
    assert refusal(path) == (
        f"{path}: got no such file, expected a NIR file (HDF5, which begins with \\x89HDF)."
        " Give the path of a file written by nir.write."
    )


def test_a_folder(tmp_path):
    assert "got a folder, expected a regular file" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "got"),
    [(b"", "an empty file"), (b"import nir", "a file that begins with b'import n'")],
)
def test_not_hdf5(tmp_path, content, got):
    path = tmp_path / "network.nir"
    path.write_bytes(content)
    assert refusal(path) == (
        f"{path}: got {got}, expected a NIR file (HDF5, which begins with \\x89HDF)."
        " Give the path of a file written by nir.write."
    )


def test_truncated_hdf5(small, written):
    path = written(small)
    content = path.read_bytes()
    path.write_bytes(content[:-2000])
    assert refusal(path) == (
        f"{path}: the file: got {len(content) - 2000} of the {len(content)} bytes that it says it "
        "has: half-written or cut short, expected a NIR file. Copy or export it again."
    )


KILLED = """
import os, sys, h5py
file = h5py.File(sys.argv[1], "w")
file.create_group("node")
if sys.argv[2] == "flushed":
    file.flush()
file["node/weight"] = list(range(100_000))
os._exit(0)
"""


@pytest.mark.parametrize(
    ("when", "got"),
    [
        ("unflushed", "the file: got a damaged or half-written HDF5 file ("),
        ("flushed", "the root node: got an empty group, as of a half-written file, expected the"),
    ],
)
def test_a_file_whose_writer_was_killed(when, got, tmp_path):
    path = tmp_path / "network.nir"
    subprocess.run([sys.executable, "-c", KILLED, str(path), when], check=True)
    assert refusal(path).startswith(f"{path}: {got}")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([1.0]), "got [1.] of type float64, expected integers. Store the shape as int"),
        (np.array([0]), "got [0], expected positive sizes without batch and time, in one row."),
        (np.array([[4]]), "got [[4]], expected positive sizes without batch and time, in one row."),
    ],
)
def test_a_shape_that_is_none(value, message, small, written):
    text = refusal(written(small, field("input", "shape", value)))
    assert f"node 'input' (Input), shape: {message}" in text


def test_an_edge_to_a_port_of_a_plain_node(small, written):
    def change(file):
        del file["node/edges"]
        edges = [("input", "fc"), ("fc", "lif.input"), ("lif", "output")]
        file["node/edges"] = np.array(edges, "S")

    assert refusal(written(small, change)).endswith(
        "edge 'fc' -> 'lif.input': got no node 'lif.input', expected one of fc, input, lif, "
        "output. Correct the edge: 'lif' is a LIF and has no port 'input', name it alone."
    )


def test_a_node_that_a_nested_graph_has(small, written):
    def change(file):
        nodes = file["node/nodes"]
        inner = nodes.create_group("block")
        inner["type"] = "NIRGraph"
        nodes.move("fc", "block/nodes/fc")
        inner["edges"] = np.zeros((0, 2))

    assert (
        "edge 'input' -> 'fc': got no node 'fc', expected one of block, input, lif, output. Correct"
        " the edge: did you mean 'block.fc'?"
    ) in refusal(written(small, change))


def test_hdf5_that_is_not_nir(tmp_path):
    path = tmp_path / "network.nir"
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)
    assert refusal(path) == (
        f"{path}: the file: got HDF5 with 'weights' at its root, expected a NIR file: a group"
        " 'node' at the root. Write it with nir.write, or check that it is the right file."
    )


def test_an_unknown_node(small, written):
    path = written(small, field("lif", "type", "LIFF"))
    assert refusal(path) == (
        f"{path}: node 'lif' (LIFF): got the unknown type 'LIFF', expected one of Affine,"
        " AvgPool2d, Conv1d, Conv2d, CubaLI, CubaLIF, Delay, Flatten, I, IF, Input, LI, LIF,"
        " Linear, Output, Scale, SumPool2d, Threshold. Did you mean 'LIF'?"
    )


def test_nan_weights(chain, lif):
    matrix = np.ones((3, 4))
    matrix[1, 2] = np.nan
    assert refusal(chain(4, 3, fc=nir.Linear(matrix), lif=lif(3))) == (
        "the NIR graph: node 'fc' (Linear), weight: got NaN or infinity in 1 of 12 values,"
        " expected finite numbers. Look for the divergence in training, and export the graph again."
    )


def test_a_threshold_of_zero(chain, lif):
    assert refusal(chain(3, 3, lif=lif(3, v_threshold=0.0))) == (
        "the NIR graph: node 'lif' (LIF), v_threshold: got values down to 0 (3 of 3 are wrong),"
        " expected other than 0. With a threshold of 0 rounding alone decides who spikes: raise"
        " it, or use a Threshold node for a comparison without memory."
    )


def test_a_negative_time_constant(chain, lif):
    assert refusal(chain(1, 1, lif=lif(1, tau=-0.1))) == (
        "the NIR graph: node 'lif' (LIF), tau: got -0.1, expected above 0."
        " Keep time constants positive in training (clamp them) and export again."
    )


def test_a_missing_field(small, written):
    path = written(small, field("lif", "tau", None))
    assert refusal(path) == (
        f"{path}: node 'lif' (LIF), tau: got nothing, expected an array."
        " Every LIF needs it: export the graph again."
    )


def test_a_field_of_a_later_nir(small, written):
    path = written(small, field("lif", "refractory", 0.001))
    assert refusal(path) == (
        f"{path}: node 'lif' (LIF), refractory: got a field that NIR does not define for this"
        " node, expected NIR 1.0 fields only."
        " The file may come from a later NIR or another format: export it again."
    )


def test_a_dangling_edge(small):
    small.edges.append(("lif", "lif_2"))
    assert refusal(small) == (
        "the NIR graph: edge 'lif' -> 'lif_2': got no node 'lif_2', expected one of fc, input,"
        " lif, output. Correct the edge: did you mean 'lif'?"
    )


def test_a_thousand_faults_are_counted_and_few_are_listed(small):
    small.nodes.update({f"x{i}": nir.Linear(np.ones((1, 1, 1))) for i in range(1000)})
    text = refusal(small)
    assert text.startswith(
        "the NIR graph: got 1000 faults, expected none. Mend each of them:\n  - "
    )
    assert text.endswith("\n  - and 980 more.")


def test_thousands_of_dangling_edges_take_no_time(small):
    small.nodes.update({f"x{i}": nir.Scale(np.ones(1)) for i in range(5000)})
    small.edges += [(f"x{i}", f"y{i}") for i in range(5000)]
    assert "edge 'x0' -> 'y0': got no node 'y0', expected one of fc, input, lif" in refusal(small)


def test_a_duplicate_edge(small):
    small.edges.append(("fc", "lif"))
    assert refusal(small) == (
        "the NIR graph: edge 'fc' -> 'lif': got 2 of them in graph 'the root', expected at most"
        " one (NIR's text sums duplicates, its package refuses them)."
        " Drop the repetition, or say 2*x with a Scale node."
    )


def test_edges_into_inputs_and_out_of_outputs(small):
    small.edges.append(("output", "input"))
    text = refusal(small)
    assert "node 'input' (Input): got an edge into it, expected none" in text
    assert "node 'output' (Output): got an edge out of it, expected none" in text


def test_a_graph_without_ends(lif):
    nodes = {"lif": lif(3), "rec": nir.Linear(np.ones((3, 3)))}
    loop = nir.NIRGraph(nodes, [("lif", "rec"), ("rec", "lif")], type_check=False)
    assert refusal(loop) == (
        "the NIR graph: the graph: got no Input and no Output node, expected at least one of each."
        " Add them where signals enter and leave: in loops that cannot be guessed."
    )


def test_a_loop_without_a_neuron(chain):
    graph = chain(3, 3, a=nir.Scale(np.ones(3)), b=nir.Scale(np.ones(3)))
    graph.edges.append(("b", "a"))
    assert refusal(graph) == (
        "the NIR graph: nodes a, b: got a loop that passes through no neuron, expected a neuron in"
        " every feedback loop."
        " NIR does not say when such a signal arrives: put a neuron into the loop."
    )


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (
            nir.Linear(np.ones((2, 3, 4))),
            "weight: got 3 axes (2, 3, 4), expected 2 axes (outputs, inputs).",
        ),
        (
            nir.Affine(np.ones((3, 4)), np.ones(2)),
            "bias: got shape (2,), expected (3,), one value an output channel.",
        ),
        (
            nir.Linear(np.ones((4, 3))),
            "got a weight of shape (4, 3) fed 4 inputs, expected (outputs, 4); the transpose would"
            " fit. Transpose all linear weights",
        ),
        (
            nir.Linear(np.ones((3, 5))),
            "got a weight of shape (3, 5) fed a signal of (4,), expected an input of shape (5,).",
        ),
        (
            nir.Scale(np.ones(3)),
            "scale: got shape (3,) for a signal of (4,), expected one number, or one a neuron.",
        ),
        (nir.Delay(np.full(4, -1.0)), "delay: got values down to -1 (4 of 4 are wrong), expected"),
        (
            nir.Linear(np.ones((3, 4), complex)),
            "field 'weight': got ndarray of complex128, expected an array of booleans, integers",
        ),
        (nir.Linear(np.ones((0, 4))), "weight: got shape (0, 4), expected weights."),
        (
            nir.Flatten({"input": np.array([4])}, 2, 3),
            "got axes 2 to 3 of a signal of (4,), expected axes that exist",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nir.NIRNode) else "",
)
def test_nodes_that_do_not_fit(node, text, chain):
    assert text in refusal(chain(4, 3, node=node))


def conv(weight=(1, 2, 3, 3), stride=(1, 1), padding=(0, 0), groups=1, size=None):
    return nir.Conv2d(size, np.ones(weight), stride, padding, (1, 1), groups, np.zeros(weight[0]))


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (conv(weight=(1, 3, 3, 3)), "it takes an input of shape (3, x, y), got (2, 8, 8)"),
        (conv(stride=(0, 1)), "stride: got [0 1], expected 2 integers from 1 to 65536"),
        (conv(padding=(-1, 0)), "padding: got [-1  0], expected 2 integers from 0 to 65536"),
        (conv(weight=(3, 1, 3, 3), groups=2), "groups: got 2, expected a divisor of the 3 output"),
        (conv(weight=(1, 2, 9, 9)), "it slides a kernel of (9, 9) over (8, 8): nothing comes out"),
        (
            conv(size=(9, 9)),
            "got an input of shape (2, 8, 8), expected (2, 9, 9), as its own input_shape",
        ),
        (nir.Linear(np.ones((3, 128))), "Put a Flatten node before it"),
    ],
)
def test_convolutions_that_do_not_fit(node, text, chain):
    with np.errstate(all="ignore"):
        assert text in refusal(chain((2, 8, 8), (1, 6, 6), node=node))


def test_signals_of_different_shapes_do_not_add(chain, lif):
    graph = chain(4, 3, fc=nir.Linear(np.ones((3, 4))), lif=lif(3))
    graph.edges.append(("input", "lif"))
    assert "got a signal of shape (3,) from 'fc', expected (4,), as from its other" in refusal(
        graph
    ) or "got a signal of shape (4,) from 'input', expected (3,), as from its other" in refusal(
        graph
    )


def test_an_output_of_another_size(chain, lif):
    assert refusal(chain(3, 4, lif=lif(3))) == (
        "the NIR graph: node 'output' (Output): got a signal of shape (3,), expected (4,), as its"
        " own shape says. Mend the shape or the node that feeds it."
    )


def test_a_signal_of_absurd_size(chain):
    text = refusal(chain((1 << 20, 1 << 20), (1 << 20, 1 << 20), node=nir.Scale(np.ones(1))))
    assert re.search(r"got a signal of shape \(1048576, 1048576\), expected at most \d+", text)


def test_limits_are_options(small, written):
    assert "the graph: got 4 members, expected at most 3. If the file can be trusted" in refusal(
        written(small), limits=Limits(nodes=3)
    )


def test_an_object_in_itself(small):
    small.nodes["self"] = small
    assert "expected nodes of the package nir, at most a few levels" in refusal(small)
