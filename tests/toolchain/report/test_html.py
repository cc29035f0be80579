"""The HTML report: its structure, nothing from outside, nothing unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from axonc.toolchain.report import html_report

Sample = dict[str, dict[str, np.ndarray]]
_VOID = {"meta", "br", "path", "use", "line", "rect"}


class Page(HTMLParser):
    """Collects the headings, the elements that are left open, and every attribute."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)


@pytest.fixture
def page(result: dict[str, Any], spikes: np.ndarray, sample: Sample, tmp_path: Path) -> str:
    (tmp_path / "metrics.csv").write_text(
        "epoch,train_loss,validation_accuracy,sign_flip_ratio,name\n1,2.0,0.5,0.2,a\n2,1,0.8,,b\n"
    )
    return html_report(result, spikes, sample, tmp_path)


def test_the_sections_are_there_in_order(page: str) -> None:
    parsed = Page(page)
    assert parsed.open == []
    assert parsed.headings == [
        "From training to chips",
        "Is it the same network?",
        "Spikes that differ between two stages",
        "One image through the network",
        "What does it cost?",
        "Energy",
        "By part",
        "Notes",
        "What becomes of each node?",
        "How was it trained?",
        "What was assumed?",
        "How to reproduce",
    ]


def test_nothing_is_fetched_and_nothing_is_run(page: str) -> None:
    parsed = Page(page)
    names = {name for name, _ in parsed.attributes}
    assert not names & {"src", "onload", "onclick", "action"}
    references = [v for name, v in parsed.attributes if name in ("href", "xlink:href")]
    assert references and all(reference.startswith("#") for reference in references)
    assert "<script" not in page and "@import" not in page and "url(http" not in page


def test_what_comes_from_a_file_is_escaped(page: str) -> None:
    assert "<script>" not in page and "<b>rounded</b>" not in page and "<i>assumed</i>" not in page
    assert "&lt;script&gt;" in page and "&lt;b&gt;rounded&lt;/b&gt;" in page


def test_the_figures_are_told(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", page.split("<main>")[1]).split())
    for told in (
        "norse float32 1,000 95.0 % 1.5 s",
        "reference_int 0.00025 % rounding".replace("reference_int", "norse ↔ integer reference"),
        "Loihi emulator ↔ Lava none",
        "no total: 200 pJ without spike",
        "spike message 5 – – no published figure",
        "synaptic operation 100 2 pJ 200 pJ table 1",
        "Static power: 0.1 W",
        "axonc demo --seed 7 --out DIR",
        "validation accuracy 95.1 %",
    ):
        assert told in text, told


def test_the_headline_tells_the_largest_difference(page: str) -> None:
    headline = "1 of 2 comparisons between stages agree in every spike bin; the others differ in at"
    assert f"{headline} most 0.00025 % of the bins." in page


def test_the_program_is_told_once(page: str) -> None:
    assert page.count("a note") == 3 and "cores: 1 of 128" not in page
    assert "<td>cores</td><td>1 of 128</td>" in page


def test_figures_follow_the_page_s_colours(page: str) -> None:
    svgs = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(svgs) == 8  # accuracy, picture, raster, memory, cycles, energy twice, training
    for svg in svgs:
        assert "var(--" in svg and "<text" in svg or "summed over time" in svg
        assert not re.search(r"fill: #(?!none)", svg), "a fixed colour"
    identifiers = re.findall(r' id="([^"]+)"', page)
    used = set(re.findall(r'#([\w-]+)["&)]', page))
    sections = {"same", "cost", "verdicts", "training", "assumed", "reproduce"}
    assert set(identifiers) <= used | sections


def test_differing_bins_are_counted_in_the_raster(page: str) -> None:
    assert "1 differ" in page


def test_the_same_result_gives_the_same_page(
    page: str, result: dict[str, Any], spikes: np.ndarray, sample: Sample, tmp_path: Path
) -> None:
    assert html_report(result, spikes, sample, tmp_path) == page


def test_a_report_without_extras(result: dict[str, Any], tmp_path: Path) -> None:
    """No metrics, no rasters, no Lava, an input that is no picture: the page is still whole."""
    for key in ("accuracy", "images", "engine_wall_s"):
        del result[key]["lava"]
    page = html_report(result, np.ones((4, 7), bool), {}, tmp_path / "none")
    assert Page(page).open == []
    assert "axonc demo --seed 7 --lava-images 0 --out DIR" in page


def test_importing_the_report_does_not_import_matplotlib() -> None:
    import subprocess
    import sys

    code = "import sys, axonc.toolchain.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
