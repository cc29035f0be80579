"""Units, intervals and the reading of metrics."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from axonc.toolchain.cost import Event, Memory, Purpose
from axonc.toolchain.report.labels import event_group, pair_name
from axonc.toolchain.report.plots import stacked_bars, training_plot, wilson_interval
from axonc.toolchain.report.training_log import read_metrics
from axonc.toolchain.report.units import (
    bits_text,
    count_text,
    duration_text,
    energy_text,
    share_text,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (bits_text(1.5), "1.5 bit"),
        (bits_text(296_000), "296 kbit"),
        (bits_text(8.64e6), "8.64 Mbit"),
        (energy_text(0.05), "0.05 pJ"),
        (energy_text(27.2e6), "27.2 µJ"),
        (energy_text(3e9), "3 mJ"),
        (count_text(9999), "9999"),
        (count_text(747_000), "747 k"),
        (share_text(0.0), "0"),
        (share_text(2.5e-9), "0.00000025 %"),
        (share_text(0.1234), "12 %"),
        (duration_text(0.0071), "7.1 ms"),
        (duration_text(81.23), "81.2 s"),
        (duration_text(199.2), "3.32 min"),
    ],
)
def test_units(text: str, expected: str) -> None:
    assert text == expected


def test_wilson_interval_of_known_cases() -> None:
    """Solve p = share + z sqrt(p (1 - p) / n) for its roots, which is the interval's definition."""
    share, count, z = 0.95, 20, 1.959964
    for bound in wilson_interval(share, count):
        assert abs(bound - share) == pytest.approx(z * math.sqrt(bound * (1 - bound) / count))
    assert wilson_interval(1.0, 20)[1] == pytest.approx(1.0)


def test_words() -> None:
    assert all(memory.purpose in Purpose for memory in Memory)
    assert Memory.SIGNS.purpose is Memory.PRESENCE.purpose is Purpose.SYNAPSES
    assert event_group(Event.SYNAPSE_WALKED) == "synapses"
    assert {event_group(event) for event in Event} == {
        "synapses",
        "neurons",
        "memory",
        "arithmetic",
        "transport",
    }
    assert pair_name("loihi / lava") == "Loihi emulator ↔ Lava"


def test_parts_beyond_the_colours_become_one() -> None:
    bars = [("bar", "", {f"part {index}": 10.0 + index for index in range(9)})]
    svg = stacked_bars(bars, unit="bit", scale=1, label="parts")
    assert svg is not None and ">other<" in svg and ">part 8<" in svg and ">part 1<" not in svg
    assert bars[0][2].keys() == {f"part {index}" for index in range(9)}  # the caller's stay


def test_metrics_keep_the_numeric_columns(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,name,loss\n1,a,0.5\n2,b,\n")
    metrics = read_metrics(tmp_path)
    assert list(metrics) == ["epoch", "loss"]
    assert metrics["epoch"] == [1.0, 2.0] and math.isnan(metrics["loss"][1])


def test_curves_are_named_by_what_tells_them_apart() -> None:
    metrics = {
        "epoch": [1, 2],
        "loss": [2, 1],
        "accuracy": [0, 1],
        "validation_accuracy": [0, 1],
        "flips/fc1": [0.1, 0.2],
        "flips/fc2": [0.1, 0.2],
    }
    svg = training_plot(metrics)
    assert svg is not None
    for name in ("training", "validation", "fc1", "fc2"):
        assert f">{name}<" in svg


def test_many_layers_are_drawn_as_their_mean() -> None:
    svg = training_plot({f"flips/layer{index}": [0.1, 0.2] for index in range(19)})
    assert svg is not None and ">mean of 19 layers<" in svg and ">layer3<" not in svg


@pytest.mark.parametrize("content", ["", "epoch,loss\n", "\x00\xff,\n", "a,b\n1\n"])
def test_damaged_metrics_leave_the_curves_out(content: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_bytes(content.encode("latin-1"))
    assert training_plot(read_metrics(tmp_path)) is None


def test_no_metrics(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == {}
