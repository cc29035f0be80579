"""Mutated NIR files: whatever happens to them, the outcome is a graph or an InputError."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from mutants import EXAMPLES, byte_mutants, mutants, survives, write_hdf5

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import Limits, load_graph

LIMITS = Limits(data_bytes=1 << 26)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """Return a NIR file with a convolution, a loop and a nested graph."""
    path = tmp_path_factory.mktemp("fuzz") / "fresh.nir"
    one = np.ones(3)
    shape = np.array([3])
    nodes = {
        "input": nir.Input({"input": np.array([1, 3, 3])}),
        "conv": nir.Conv2d((3, 3), np.ones((3, 1, 3, 3)), 1, "valid", 1, 1, one),
        "flat": nir.Flatten({"input": np.array([3, 1, 1])}, 0, -1),
        "lif": nir.LIF(one, one, one * 0, one, one * 0),
        "rec": nir.Linear(np.ones((3, 3), np.int8)),
        "block": nir.NIRGraph(
            {
                "input": nir.Input({"input": shape}),
                "cuba": nir.CubaLIF(one, one, one, one * 0, one, one * 0, one),
                "delay": nir.Delay(one * 1e-3),
                "output": nir.Output({"output": shape}),
            },
            [("input", "cuba"), ("cuba", "delay"), ("delay", "output")],
        ),
        "output": nir.Output({"output": shape}),
    }
    edges = [("input", "conv"), ("conv", "flat"), ("flat", "lif"), ("lif", "rec"), ("rec", "lif")]
    edges += [("lif", "block"), ("block", "output")]
    nir.write(path, nir.NIRGraph(nodes, edges, metadata={"dt": 1e-3}, type_check=False))
    load_graph(path)
    return path


def load(path: Path) -> None:
    """Load a graph; a refusal may list several faults, each on a line of its own."""
    try:
        load_graph(path, limits=LIMITS)
    except InputError as error:
        assert str(error).startswith(str(path))
        raise InputError(error.what, got="", expected="", remedy="") from None


def document(group: h5py.Group) -> Any:
    """Return what a group holds as nested dicts."""
    return {
        name: document(member)
        if isinstance(member, h5py.Group)
        else np.asarray(member[()])
        if member.dtype.kind in "biuf"
        else member.asstr()[()].tolist()
        if member.shape
        else member[()]
        for name, member in group.items()
    }


def test_structural_mutants(fresh: Path, tmp_path: Path) -> None:
    with h5py.File(fresh) as file:
        whole = document(file)

    def write(mutant: Any, path: Path) -> None:
        write_hdf5(with_edges(mutant), path)

    files = (partial(write, mutant) for mutant in mutants(whole))
    accepted, refused = survives(tmp_path / "a.nir", files, load, InputError)
    assert accepted and refused


def with_edges(value: Any) -> Any:
    """Turn lists of pairs of names into arrays, as files hold them."""
    if not isinstance(value, dict):
        return value
    return {
        key: np.array([[f"{name}".encode() for name in pair] for pair in item], "S")
        if isinstance(item, list)
        and item
        and all(isinstance(p, list) and len(p) == 2 for p in item)
        else with_edges(item)
        for key, item in value.items()
    }


def test_mutants_of_the_bytes(fresh: Path, tmp_path: Path) -> None:
    """Of a fresh file, and of real ones where they are at hand."""
    shared = Path(__file__).resolve().parents[4] / "shared/fixtures/nir"
    real = sorted(file for file in shared.rglob("*.nir") if file.stat().st_size < 1 << 16)
    originals = [fresh, *real]
    for original in originals:
        count = EXAMPLES // len(originals)
        contents = byte_mutants(original.read_bytes(), count)
        files = ((lambda path, c=c: path.write_bytes(c)) for c in contents)
        survives(tmp_path / "a.nir", files, load, InputError)
