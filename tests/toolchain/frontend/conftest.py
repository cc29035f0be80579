"""NIR graphs and files for the tests of the front end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest


@pytest.fixture
def lif() -> Callable[..., nir.LIF]:
    """Make a LIF population; keywords replace its parameters."""

    def make(shape: Any = 3, **parameters: Any) -> nir.LIF:
        values = dict(tau=0.02, r=1.0, v_leak=0.0, v_threshold=0.5, v_reset=0.0) | parameters
        return nir.LIF(**{key: np.full(shape, value) for key, value in values.items()})

    return make


@pytest.fixture
def chain() -> Callable[..., nir.NIRGraph]:
    """Make a graph of nodes in a row between an Input and an Output of the given shapes."""

    def make(input_shape: Any, output_shape: Any, **nodes: nir.NIRNode) -> nir.NIRGraph:
        members = {
            "input": nir.Input({"input": np.atleast_1d(input_shape)}),
            **nodes,
            "output": nir.Output({"output": np.atleast_1d(output_shape)}),
        }
        names = list(members)
        edges = list(zip(names, names[1:], strict=False))
        return nir.NIRGraph(members, edges, type_check=False)

    return make


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a graph by the package nir, optionally change the HDF5, and return the path."""

    def write(graph: nir.NIRGraph, change: Callable[[h5py.File], object] | None = None) -> Path:
        path = tmp_path / "network.nir"
        nir.write(path, graph)
        if change is not None:
            with h5py.File(path, "r+") as file:
                change(file)
        return path

    return write
