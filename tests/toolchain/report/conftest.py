"""A small result of the demo, made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

HOSTILE = "<script>alert('lif')</script>[red]$ \x1b[31m"
"""A node name as a stranger's file may hold it."""


def _cost(target: str, energy: dict[str, Any], **more: Any) -> dict[str, Any]:
    breakdown = {"total": 30, "parts": {f"{HOSTILE} synapses": 20, "lif membranes": 10}}
    memory = breakdown | {"by_purpose": {"synapses": 20, "membranes": 10}}
    figures = {"memory_bits": memory, "synaptic_operations": breakdown, "spikes": breakdown}
    return {
        "target": target,
        **figures,
        **more,
        "energy_pj": energy,
        "notes": ["a note", "cores: 1 of 128"],
    }


def _energy(pj_each: float | None) -> dict[str, Any]:
    entry = {"count": 100.0, "pj_each": 2.0, "source": "table 1"}
    other = {"count": 5.0, "pj_each": pj_each, "source": "table 2" if pj_each else None}
    parts = {"synaptic_operation": 200.0} | ({"spike_message": 5.0 * pj_each} if pj_each else {})
    return {
        "total": sum(parts.values()) if pj_each else None,
        "parts": parts,
        "unpriced": [] if pj_each else ["spike_message"],
        "basis": "measured on silicon",
        "source": "A paper, 2019",
        "static_power_w": 0.1,
        "events": {"synaptic_operation": entry, "spike_message": other},
    }


@pytest.fixture
def result() -> dict[str, Any]:
    """The content of a result.json: two engines, two costs, one profile without a total."""
    cycles = {"total": 70.0, "parts": {"lif": 60.0, "barrier": 10.0}}
    return {
        "seed": 7,
        "network": "digits",
        "steps": 4,
        "accuracy": {"norse": 0.95, "reference_int": 0.94, "lava": 1.0},
        "images": {"norse": 1000, "reference_int": 1000, "lava": 20},
        "engine_wall_s": {"norse": 1.5, "reference_int": 0.02, "lava": 130.0},
        "spike_mismatch": {"norse / reference_int": 2.5e-6, "loihi / lava": 0.0},
        "reasons": {"norse / reference_int": "rounding"},
        "memory_bits": {"total": 30, "parts": {}},
        "synaptic_operations": {"total": 30, "parts": {}},
        "energy_pj": {},
        "costs": {
            "float32": _cost("float32", {"float-profile": _energy(3.0)}),
            "reference": _cost("integers", {}),
            "binary_synapse": _cost(
                "binary_synapse", {"chip-profile": _energy(None)}, cycles=cycles
            ),
        },
        "verdicts": [
            {
                "node": HOSTILE,
                "kind": "LIF",
                "target": "loihi",
                "verdict": "approximate",
                "detail": "<b>rounded</b>",
            },
            {"node": "out", "kind": "Output", "target": "loihi", "verdict": "exact", "detail": ""},
        ],
        "assumed": {"dt": 0.001, "reset": "hard", "notes": ["<i>assumed</i>"]},
        "training": {"wall_s": 80.0, "validation_accuracy": 0.951},
        "programs": {"loihi": {"cores": "1 of 128"}},
        "versions": {"axonc": "0.1.0"},
        "wall_s": 200.0,
    }


@pytest.fixture
def spikes() -> np.ndarray:
    """The input of one image: (time 4, neurons 9)."""
    return np.random.default_rng(0).random((4, 9)) < 0.5


@pytest.fixture
def sample() -> dict[str, dict[str, np.ndarray]]:
    """One image's spikes on two engines that differ in one bin."""
    raster = np.random.default_rng(1).random((4, 6)) < 0.5
    other = raster.copy()
    other[2, 3] ^= True
    return {"norse": {HOSTILE: other}, "reference_int": {HOSTILE: raster}}
