"""Mutants of `.net` files are read or refused with one clear error."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutants import byte_mutants, mutants, survives, write_hdf5

from axonc.targets.loihi import read_net
from axonc.toolchain.errors import InputError, LoweringError

NEURON = {"type": b"CUBA", "iDecay": 4096, "vDecay": 1024, "vThMant": 5}
DENSE = {
    "type": b"dense",
    "shape": np.array([3]),
    "inFeatures": 8,
    "weight": np.ones((3, 8), np.float32),
    "neuron": NEURON,
}
CONVOLUTION = {
    "type": b"conv",
    "shape": np.array([2, 4, 4]),
    "weight": np.ones((2, 2, 3, 3, 1)),
    **{"stride": np.array([1, 1]), "padding": np.array([1, 1]), "dilation": 1, "groups": 1},
    "neuron": {**NEURON, "vThMant": np.arange(1, 33).reshape(4, 4, 2)},
}
RECURRENT = {**DENSE, "type": b"dense_rec", "weight_rec": np.ones((3, 3)), "bias": np.arange(3)}
ENCODER = {"type": b"input", "shape": np.array([8]), "weight": 2, "bias": 1, "neuron": NEURON}
NETWORKS: dict[str, Any] = {
    "recurrent": {"layer": {"0": ENCODER, "1": {**RECURRENT, "delay": np.arange(8.0)}}},
    "convolutional": {
        "layer": {
            "0": {"type": b"input", "shape": np.array([2, 4, 4])},
            "1": CONVOLUTION,
            "2": {"type": b"flatten", "shape": np.array([32])},
            "3": {**DENSE, "weight": np.ones((3, 32)), "delay": np.arange(3) + 0.5},
        }
    },
}


@pytest.mark.parametrize("name", NETWORKS)
def test_structural_mutants(name: str, tmp_path: Path) -> None:
    files = (partial(write_hdf5, mutant) for mutant in mutants(NETWORKS[name]))
    accepted, refused = survives(tmp_path / "a.net", files, read_net, (InputError, LoweringError))
    assert accepted and refused


def test_mutants_of_the_bytes(tmp_path: Path) -> None:
    write_hdf5(NETWORKS["convolutional"], tmp_path / "a.net")
    content = (tmp_path / "a.net").read_bytes()
    files = (lambda path, c=c: path.write_bytes(c) for c in byte_mutants(content))
    accepted, refused = survives(tmp_path / "b.net", files, read_net, InputError)
    assert accepted and refused
