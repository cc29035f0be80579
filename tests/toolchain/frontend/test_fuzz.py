"""Mutated files: whatever happens to the bytes, the outcome is a graph or an InputError.

AXONC_FUZZ_EXAMPLES=10000 runs as many examples; the default keeps the suite quick.
"""

from __future__ import annotations

import os
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import Limits, load_graph

EXAMPLES = int(os.environ.get("AXONC_FUZZ_EXAMPLES", "150"))
LIMITS = Limits(data_bytes=1 << 26)

# positions are fractions: most of what matters to HDF5 lies in headers near the beginning
position = st.one_of(st.floats(0, 1), st.floats(0, 0.1), st.floats(0, 0.01))
byte = st.one_of(st.sampled_from([0, 1, 2, 127, 128, 254, 255]), st.integers(0, 255))
mutation = st.one_of(
    st.tuples(st.just("set"), position, byte),
    st.tuples(st.just("copy"), position, position, st.integers(1, 64)),
    st.tuples(st.just("cut"), position),
)


def mutated(content: bytes, mutations) -> bytes:
    data = bytearray(content)
    for kind, at, *rest in mutations:
        index = int(at * (len(data) - 1))
        match kind, rest:
            case "set", [value]:
                data[index] = value
            case "copy", [target, length]:
                start = int(target * (len(data) - 1))
                data[start : start + length] = data[index : index + length]
            case "cut", []:
                del data[max(index, 1) :]
    return bytes(data)


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> list[bytes]:
    """Return the bytes of a freshly written file, and of real ones where they are at hand."""
    path = tmp_path_factory.mktemp("fuzz") / "fresh.nir"
    one = np.ones(3)
    nodes = {
        "input": nir.Input({"input": np.array([1, 3, 3])}),
        "conv": nir.Conv2d((3, 3), np.ones((3, 1, 3, 3)), 1, "valid", 1, 1, one),
        "flat": nir.Flatten({"input": np.array([3, 1, 1])}, 0, -1),
        "lif": nir.LIF(one, one, one * 0, one, one * 0),
        "rec": nir.Linear(np.ones((3, 3), np.int8)),
        "output": nir.Output({"output": np.array([3])}),
    }
    edges = [("input", "conv"), ("conv", "flat"), ("flat", "lif"), ("lif", "rec"), ("rec", "lif")]
    nir.write(path, nir.NIRGraph(nodes, [*edges, ("lif", "output")]))
    shared = Path(__file__).resolve().parents[4] / "shared/fixtures/nir"
    real = sorted(file for file in shared.rglob("*.nir") if file.stat().st_size < 1 << 16)
    return [path.read_bytes(), *(file.read_bytes() for file in real)]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(which=st.integers(0, 7), mutations=st.lists(mutation, min_size=1, max_size=8))
def test_mutated_files_are_loaded_or_refused(originals, tmp_path, which, mutations):
    path = tmp_path / "mutated.nir"
    path.write_bytes(mutated(originals[which % len(originals)], mutations))
    try:
        load_graph(path, limits=LIMITS)
    except InputError as error:
        assert str(error).startswith(str(path))
