"""Mutants of `.axonc` files are graphs without a fault, or refused in one line."""

from __future__ import annotations

import io
import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutants import byte_mutants, mutants, survives

from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import (
    Edge,
    Graph,
    Input,
    IntegerConv,
    IntegerNeuron,
    LeakyState,
    Output,
    Stage,
    Window,
    faults_of,
    graph_text,
    narrowest_type,
    read_graph,
    save_graph,
)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    kernel = np.ones((2, 1, 3, 3), np.int8)
    state = LeakyState(np.array([3]), 2, -100, 100)
    zero, threshold = np.zeros(1, np.int64), np.array([3])
    nodes = {
        "input": Input((1, 3, 3)),
        "conv": IntegerConv(
            kernel, narrowest_type(kernel), Window((1, 1), ((0, 0), (0, 0)), (1, 1)), 1
        ),
        "lif": IntegerNeuron((2, 1, 1), threshold, zero, zero, state, state, 6),
        "output": Output((2, 1, 1)),
    }
    names = list(nodes)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    path = tmp_path_factory.mktemp("graph") / "a.axonc"
    save_graph(Graph(Stage.INTEGER, nodes, edges), path)
    return path.read_bytes()


def read_whole(path: Path) -> None:
    """Read a graph and use it: it must have no fault, and show as text."""
    graph = read_graph(path)
    assert not faults_of(graph)
    graph_text(graph)


def unpacked(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        arrays = [np.load(io.BytesIO(archive.read(n))) for n in archive.namelist()[1:]]
        return {"graph": json.loads(archive.read("graph.json")), "arrays": arrays}


def write(document: Any, path: Path) -> None:
    arrays = document.get("arrays", [])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("graph.json", json.dumps(document.get("graph"), default=repr))
        for index, array in enumerate(arrays if isinstance(arrays, list) else []):
            stored = io.BytesIO()
            np.save(stored, np.asarray(array, None if isinstance(array, np.ndarray) else object))
            archive.writestr(f"{index}.npy", stored.getvalue())


def test_structural_mutants(content: bytes, tmp_path: Path) -> None:
    documents = mutants(unpacked(content))
    files = (partial(write, document) for document in documents)
    accepted, refused = survives(tmp_path / "a.axonc", files, read_whole, InputError)
    assert accepted and refused


def test_mutants_of_the_bytes(content: bytes, tmp_path: Path) -> None:
    files = ((lambda path, m=m: path.write_bytes(m)) for m in byte_mutants(content))
    _, refused = survives(tmp_path / "a.axonc", files, read_whole, InputError)
    assert refused
