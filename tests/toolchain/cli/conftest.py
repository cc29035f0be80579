from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A NIR file: 6 inputs, 4 LIF neurons behind binary weights and a Scale."""
    rng = np.random.default_rng(3)
    ones = np.ones(4, np.float32)
    graph = nir.NIRGraph(
        nodes={
            "input": nir.Input(np.array([6])),
            "synapses": nir.Affine(rng.choice([-1, 1], (4, 6)).astype(np.int8), 0 * ones),
            "scale": nir.Scale(ones * np.float32(0.9)),
            "neurons": nir.LIF(2e-3 * ones, ones, 0 * ones, ones, 0 * ones),
            "output": nir.Output(np.array([4])),
        },
        edges=[
            ("input", "synapses"),
            ("synapses", "scale"),
            ("scale", "neurons"),
            ("neurons", "output"),
        ],
        metadata={"dt": 1e-3},
    )
    path = tmp_path / "model.nir"
    nir.write(path, graph)
    return path


@pytest.fixture
def spikes(tmp_path: Path) -> Path:
    """A spike file for the model: 3 samples, 10 steps."""
    path = tmp_path / "spikes.npz"
    np.savez(path, spikes=np.random.default_rng(4).random((3, 10, 6)) < 0.5)
    return path
