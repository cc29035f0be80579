from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from graph_strategies import convolutional_networks, dense_networks
from hypothesis import HealthCheck, given, settings

from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import (
    BIPOLAR,
    Edge,
    Graph,
    Input,
    IntegerAffine,
    IntegerNeuron,
    LeakyState,
    Output,
    Stage,
    graph_text,
    read_graph,
    save_graph,
)
from axonc.toolchain.passes import Findings, to_discrete, to_integer

FILES_ARE_OVERWRITTEN = [HealthCheck.function_scoped_fixture]


def small() -> Graph:
    return Graph(
        Stage.INTEGER,
        {
            "input": Input((2,)),
            "synapses": IntegerAffine(np.array([[1, -1]], np.int16), BIPOLAR),
            "neurons": IntegerNeuron(
                (1,),
                threshold=np.array([3]),
                bias=np.array([0]),
                v_reset=np.array([0]),
                membrane=LeakyState(np.array([1]), 1, -128, 127),
            ),
            "output": Output((1,)),
        },
        (
            Edge("input", "synapses"),
            Edge("synapses", "neurons"),
            Edge("neurons", "output"),
            Edge("input", "synapses", 1),
        ),
    )


GOLDEN = """\
graph 'network' integer
%input = Input() shape=(2,)
%synapses = IntegerAffine(%input, %input@-1) weight=int16[1x2]{1 -1} weight_type=BIPOLAR
%neurons = IntegerNeuron(%synapses) shape=(1,) threshold=int64[1]{3} bias=int64[1]{0} \
v_reset=int64[1]{0} membrane=(multiplier=int64[1]{1} shift=1 minimum=-128 maximum=127 \
rounding=toward-zero overflow=saturate) current=- fraction_bits=0 reset=hard
%output = Output(%neurons) shape=(1,)
"""


def test_the_text_is_canonical() -> None:
    assert graph_text(small()) == GOLDEN


def test_long_arrays_are_told_apart_by_a_digest() -> None:
    one = small().with_nodes({"synapses": IntegerAffine(np.ones((1, 20), np.int16), BIPOLAR)})
    other = one.with_nodes({"synapses": IntegerAffine(-np.ones((1, 20), np.int16), BIPOLAR)})
    assert graph_text(one) != graph_text(other)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graph=dense_networks())
def test_files_round_trip_in_every_stage(graph: Graph, tmp_path: Path) -> None:
    discrete = to_discrete(graph, Findings())
    for stage in (graph, discrete, to_integer(discrete, Findings())):
        save_graph(stage, tmp_path / "graph.axonc")
        again = read_graph(tmp_path / "graph.axonc")
        assert again == stage
        assert graph_text(again) == graph_text(stage)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graph=convolutional_networks())
def test_convolutions_round_trip(graph: Graph, tmp_path: Path) -> None:
    save_graph(graph, tmp_path / "graph.axonc")
    assert read_graph(tmp_path / "graph.axonc") == graph


def tampered(path: Path, **changes: object) -> Path:
    save_graph(small(), path)
    with zipfile.ZipFile(path) as archive:
        document = json.loads(archive.read("graph.json"))
        arrays = {n: archive.read(n) for n in archive.namelist() if n.endswith(".npy")}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("graph.json", json.dumps(document | changes))
        for name, content in arrays.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"version": 99}, "format 'axonc graph' version 99"),
        ({"stage": "moon"}, "'moon' is not a valid Stage"),
        ({"edges": [["input", "x", 0]]}, "the edge 'input' -> 'x' names no node 'x'"),
        ({"nodes": {"a": {"node": "os.system", "fields": {}}}}, "KeyError: 'os.system'"),
    ],
)
def test_damaged_files_are_refused(changes: dict[str, object], got: str, tmp_path: Path) -> None:
    path = tampered(tmp_path / "bad.axonc", **changes)
    with pytest.raises(InputError) as error:
        read_graph(path)
    assert str(error.value).startswith(f"graph file {path}: got {got}")
    assert str(error.value).endswith("Write it again with axonc compile.")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.axonc"
    path.write_bytes(b"not a zip")
    with pytest.raises(InputError, match="got File is not a zip file, expected a graph written by"):
        read_graph(path)


def test_nothing_is_left_beside_a_file(tmp_path: Path) -> None:
    save_graph(small(), tmp_path / "graph.axonc")
    assert [p.name for p in tmp_path.iterdir()] == ["graph.axonc"]
