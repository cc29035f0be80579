"""What the documents show is run: commands, Python, links, and the figures of energy profiles."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from axonc.toolchain.cli import main

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/**/*.md", "models/**/*.md", "targets/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]
_TOO_LONG = ("axonc demo", "axonc train", "axonc export", "axonc doctor --install")
"""Commands of minutes, or of what they leave behind; other tests run them."""


def blocks(document: Path) -> list[tuple[str, str]]:
    """Return (language, text) of every block of code."""
    return re.findall(r"^```(\w*)\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def in_a_folder_with_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be where `model.nir` and `in.npz` lie."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    monkeypatch.chdir(tmp_path)
    from small_network import random_spikes, write_small_network

    write_small_network(tmp_path / "model.nir")
    np.savez(tmp_path / "in.npz", spikes=random_spikes(samples=2))


@pytest.mark.parametrize(
    "document", ["README.md", "docs/architecture.md", "docs/formats.md", "docs/nir.md"]
)
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # importing norse 1.1
def test_what_is_shown_works(
    document: str, in_a_folder_with_a_model: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run commands and Python in the order in which a reader meets them."""
    module = ModuleType("document")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look it up
    ran = 0
    for language, block in blocks(ROOT / document):
        needs_norse = "axonc.models" in block and not find_spec("norse")
        if language == "python" and "train(" not in block and not needs_norse:
            exec(compile(block, document, "exec"), vars(module))
            ran += 1
        for line in block.splitlines() if language == "sh" else ():
            command = line.split("#")[0].strip()
            if command.startswith("axonc ") and not command.startswith(_TOO_LONG):
                assert main(shlex.split(command)[1:]) == 0, command
                ran += 1
    assert ran


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "#")):
            path = document.parent / target.split("#")[0]
            assert path.exists(), f"{document.name} links to {target}"


def test_every_price_stands_in_the_document_on_energy() -> None:
    text = (ROOT / "docs/energy.md").read_text()
    profiles = [*ROOT.glob("targets/*/energy/*.toml"), *ROOT.glob("toolchain/cost/profiles/*.toml")]
    assert profiles
    for path in profiles:
        profile = tomllib.loads(path.read_text())
        assert f"`{profile['name']}`" in text, f"{path} is not described"
        section = text.split(f"`{profile['name']}`", 1)[1].split("\n## ")[0]
        for event, entry in profile["event"].items():
            assert f"| `{event}` | {entry['pj']:g} |" in section, f"{profile['name']}: {event}"


def test_files_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"`((?:toolchain|targets|models)/[\w/.]*)`", text)
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []
