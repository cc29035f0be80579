"""The example of docs/nir.md runs and prints what it says."""

from __future__ import annotations

from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/nir.md"


def test_the_example_prints_what_it_says(capsys):
    code = DOCUMENT.read_text().split("```python\n")[1].split("```")[0]
    exec(compile(code, str(DOCUMENT), "exec"), {})
    promised = code.rsplit("# ", 1)[1].strip()
    assert capsys.readouterr().out.strip() == promised
