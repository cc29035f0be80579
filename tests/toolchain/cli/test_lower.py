"""`axonc lower`: passes from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from axonc.toolchain.cli import main
from axonc.toolchain.ir import Stage, graph_text, read_graph
from axonc.toolchain.passes import PASSES, pass_named


def test_the_default_pipeline_is_that_of_all_commands(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", str(model), "--out", str(tmp_path / "build")]) == 0
    assert main(["lower", str(model), "--output", str(tmp_path / "lowered.axonc")]) == 0
    lowered = read_graph(tmp_path / "lowered.axonc")
    assert graph_text(lowered) == (tmp_path / "build" / "integer.txt").read_text()
    capsys.readouterr()
    assert main(["lower", str(model)]) == 0
    assert capsys.readouterr().out == graph_text(lowered)
    assert main(["lower", str(model), "--output", str(tmp_path / "lowered.txt")]) == 0
    assert (tmp_path / "lowered.txt").read_text() == graph_text(lowered)


def test_a_pipeline_of_ones_own_is_printed_and_timed(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passes = "discretize,sink-scales"
    command = ["lower", str(model), "--passes", passes, "--print-after", "all", "--time-passes"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert out.index("-- after discretize") < out.index("-- after sink-scales")
    assert "graph 'model' discrete" in out and "%scale = " in out.split("-- after sink")[0]
    assert "%scale = " not in out.split("-- after sink")[1]
    assert "time ms" in out


def test_one_json_object(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["lower", str(model), "--passes", "discretize,fold-bias", "--json"]
    assert main([*command, "--print-after", "all"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["pipeline"] == "discretize,fold-bias"
    assert document["stage"] == Stage.DISCRETE
    assert [one["name"] for one in document["passes"]] == ["discretize", "fold-bias"]
    assert {row["found_by"] for row in document["findings"]} == {"discretize"}


def test_the_help_lists_every_pass_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["lower", "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert all(f"  {name}  (" in out for name in PASSES)
    assert "bits=none  bits of a weight (none: 8 for real numbers, integers as they are)\n" in out
    assert "          a whole number from 1 to 16\n" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--passes", "prune"], "pass prune: got a graph of stage imported"),
        (["--passes", "discretise"], "Did you mean discretize?"),
        (
            ["--print-after", "sink"],
            "--print-after: got 'sink', expected a pass of the pipeline, or all: discretize,",
        ),
    ],
)
def test_bad_input(
    options: list[str], message: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lower", str(model), *options]) == 1
    assert message in capsys.readouterr().err


def test_options_of_commands_have_the_meaning_and_range_that_passes_declare(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    for name, option in (("integer-weights", "bits"), ("fixed-point", "fraction-bits")):
        declared = pass_named(name).option(option)
        assert f"{declared.meaning}; {declared.expected}" in out
