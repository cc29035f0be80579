"""The main job on a small network: what must hold between the stages, asserted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from axonc.toolchain.demo import run_demo
from axonc.toolchain.frontend import load_graph

torch = pytest.importorskip("torch", reason="training needs the extra `train`")

ENGINES = {"norse", "reference_float", "reference_int", "loihi", "lava", "binary_synapse"}
STAGES_OF_EQUAL_INTEGERS = ["reference_int / binary_synapse", "loihi_int / loihi", "loihi / lava"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The demo with 60 and 40 hidden neurons, two epochs on 1,000 images, 5 images on Lava."""
    from axonc.models import TrainingConfig

    config = TrainingConfig.demo(seed=1)
    config = replace(
        config,
        epochs=2,
        data=replace(config.data, train_limit=1000),
        network=replace(config.network, hidden=(60, 40)),
    )
    out = tmp_path_factory.mktemp("demo")
    run_demo(out, seed=1, lava_images=5, quiet=True, config=config)
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    return out, result


def test_every_engine_ran(demo: tuple[Path, dict[str, Any]]) -> None:
    _, result = demo
    assert set(result["accuracy"]) == ENGINES
    assert result["images"]["lava"] == 5
    assert all(n == 1000 for engine, n in result["images"].items() if engine != "lava")
    assert result["accuracy"]["norse"] > 0.5, "two epochs must already learn something"


def test_the_exported_graph_runs_as_in_norse(demo: tuple[Path, dict[str, Any]]) -> None:
    """float32 against float64, BatchNorm unfolded against folded: at most 1e-4 of the bins."""
    assert demo[1]["spike_mismatch"]["norse / reference_float"] <= 1e-4


@pytest.mark.parametrize("pair", STAGES_OF_EQUAL_INTEGERS)
def test_integer_stages_agree_on_every_bin(pair: str, demo: tuple[Path, dict[str, Any]]) -> None:
    assert demo[1]["spike_mismatch"][pair] == 0


def test_integers_lose_at_most_half_a_point(demo: tuple[Path, dict[str, Any]]) -> None:
    accuracy = demo[1]["accuracy"]
    assert accuracy["norse"] - accuracy["reference_int"] <= 0.005
    assert accuracy["norse"] - accuracy["loihi"] <= 0.005


def test_every_synapse_is_one_sign_bit(demo: tuple[Path, dict[str, Any]]) -> None:
    _, result = demo
    synapses = 784 * 60 + 60 * 40 + 40 * 10
    assert (
        sum(bits for part, bits in result["memory_bits"]["parts"].items() if "synapses" in part)
        == synapses
    )
    verdicts = {row["verdict"] for row in result["verdicts"]}
    assert verdicts <= {"exact", "approximate"}


def test_costs_are_told_by_target_with_sources(demo: tuple[Path, dict[str, Any]]) -> None:
    costs = demo[1]["costs"]
    assert set(costs) == {"float32", "reference", "loihi", "binary_synapse"}
    assert len(costs["loihi"]["energy_pj"]) >= 2
    assert len(costs["binary_synapse"]["energy_pj"]) >= 1
    assert costs["binary_synapse"]["cycles"]["total"] > 0
    for cost in costs.values():
        assert cost["memory_bits"]["total"] > 0
        for estimate in cost["energy_pj"].values():
            assert estimate["source"]
    same = {
        cost["synaptic_operations"]["total"] for name, cost in costs.items() if name != "float32"
    }
    assert max(same) - min(same) <= 0.01 * max(same), "Loihi's spikes differ a little, no more"


def test_the_files_are_there_and_readable(demo: tuple[Path, dict[str, Any]]) -> None:
    out, _ = demo
    assert load_graph(out / "model.nir").spiking
    report = (out / "report.html").read_text()
    assert report.lstrip().lower().startswith("<!doctype html>")
    assert not list(out.glob("*.part"))
