"""The tables on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from axonc.targets import NodeVerdict, Verdict
from axonc.toolchain.cost import (
    Breakdown,
    CostReport,
    EnergyEntry,
    EnergyProfile,
    Event,
    Memory,
    Stored,
)
from axonc.toolchain.report import print_cost, print_demo, print_figures, print_verdicts

HOSTILE = "[red]lif[/] \x1b[31m"


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def _printed(capsys: pytest.CaptureFixture[str]) -> str:
    return "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())


def test_names_are_neither_markup_nor_commands(capsys: pytest.CaptureFixture[str]) -> None:
    print_verdicts([NodeVerdict(HOSTILE, "LIF", Verdict.HOST, "see [0, 1]")], "loihi")
    printed = _printed(capsys)
    assert "[red]lif[/] \N{REPLACEMENT CHARACTER}[31m LIF host see [0, 1]" in printed
    assert "\x1b" not in printed


def test_a_profile_without_a_price_has_no_total(capsys: pytest.CaptureFixture[str]) -> None:
    profile = EnergyProfile(
        "p", "fit", "paper", {Event.NEURON_UPDATE: EnergyEntry(2.0, "table 1")}, 0.5
    )
    report = CostReport(
        "loihi",
        Breakdown({Stored("lif", Memory.MEMBRANES): 24_000}),
        spikes=Breakdown({"lif": 3.5}),
        energy=(profile.price({Event.NEURON_UPDATE: 10, Event.SPIKE_MESSAGE: 3}),),
        notes=("left out: input",),
    )
    print_cost(report)
    printed = _printed(capsys)
    for line in (
        "Memory: Loihi",
        "lif membranes 24 kbit",
        "total 24 kbit",
        "spikes 3.5 lif 3.5",
        "neuron update 10 2 pJ 20 pJ",
        "spike message 3 no published figure –",
        "no total; what is known 20 pJ",
        "basis: fit",
        "source: paper",
        "static power: 0.5 W, reported separately",
        "note: left out: input",
    ):
        assert line in printed.splitlines(), line


def test_the_demo_s_tables(
    result: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_demo(result, tmp_path)
    lines = _printed(capsys).splitlines()
    for line in (
        "norse 1,000 95.0 % 1.5 s",
        "norse ↔ integer reference 0.00025 % rounding",
        "Loihi emulator ↔ Lava none",
        "binary-synapse accelerator 30 bit 30 70",
        "binary-synapse accelerator chip-profile no total",
        "32-bit float, no chip float-profile 215 pJ",
        f"{tmp_path}/report.html",
    ):
        assert line in lines, line


def test_figures(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures({"wall_s": 0.123456, "counters": {"overflows": 12}}, "run")
    assert "wall s 0.1235\ncounters overflows 12" in _printed(capsys)
