"""Integer graphs say for which runs their widths are enough, and every run checks it."""

from __future__ import annotations

import json
from pathlib import Path

import nir
import numpy as np
import pytest

from axonc.toolchain.cli import main
from axonc.toolchain.driver import lower, run, verdicts
from axonc.toolchain.ir import (
    IF,
    Affine,
    Dialect,
    Edge,
    Graph,
    Input,
    Output,
    SizedFor,
    Stage,
    read_graph,
    save_graph,
)
from axonc.toolchain.passes import FixedPoint, Verdict

TARGETS = ("reference", "binary_synapse")


def counting_network() -> Graph:
    """Three integrators without leak: each of 8 inputs adds or takes off 1, threshold 5."""
    one = np.ones((3,), np.float32)
    signs = np.ones((3, 8), np.int8)
    signs[0, 4:] = signs[1, ::2] = signs[2, 5:] = -1
    nodes = {
        "input": Input((8,)),
        "fc": Affine(signs),
        "if": IF((3,), one, 5 * one, 0 * one),
        "output": Output((3,)),
    }
    edges = (Edge("input", "fc"), Edge("fc", "if"), Edge("if", "output"))
    return Graph(Stage.IMPORTED, nodes, edges, Dialect(1e-3))


def counts(most: int, steps: int) -> np.ndarray:
    """A drift downwards first, so that the potential goes far, then counts at random."""
    rng = np.random.default_rng(most)
    spikes = rng.integers(0, most + 1, (2, steps, 8))
    spikes[:, : steps // 2, :4] //= 4
    return spikes


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("most", "steps"), [(1, 900), (30, 50), (7, 400)])
def test_a_network_lowered_for_its_input_runs_as_the_reals_do(
    target: str, most: int, steps: int
) -> None:
    spikes = counts(most, steps)
    expected = run(lower(counting_network()), spikes).run.spikes["output"]
    lowering = lower(counting_network(), runs=spikes)
    assert lowering.integer.sized_for == SizedFor(most, max(steps, 64))
    done = run(lowering, spikes, target=target, precision="int")
    assert done.warnings == ()
    assert done.run.counters["overflows"] == 0
    np.testing.assert_array_equal(done.run.spikes["output"], expected)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("most", "steps"), [(1, 65), (2, 64), (30, 50)])
def test_a_run_beyond_what_was_assumed_is_warned_of(target: str, most: int, steps: int) -> None:
    lowering = lower(counting_network())
    assert lowering.integer.sized_for == SizedFor(1, 64)
    done = run(lowering, counts(most, steps), target=target, precision="int")
    (warning,) = done.warnings
    assert warning.startswith(
        "the integers of this network are made for at most 1 spike a bin and 64 steps; this run "
        f"has {SizedFor(most, steps)}, and {done.run.counters['overflows']} "
        "states left their range"
    )
    assert done.summary()["warnings"] == [warning]


def test_a_run_within_it_is_not_warned_of() -> None:
    lowering = lower(counting_network())
    assert run(lowering, counts(1, 64), precision="int").warnings == ()
    assert run(lowering, counts(30, 300)).warnings == ()  # reals have no widths


def test_the_verdict_says_for_which_runs_it_holds() -> None:
    rows = {row.node: row for row in verdicts(lower(counting_network()))}
    assert rows["if"].verdict is Verdict.EXACT
    assert rows["if"].detail.endswith(
        "0 fraction bits, enough for at most 1 spike a bin and 64 steps"
    )
    narrow = lower(counting_network(), fixed_point=FixedPoint(membrane_bits=5))
    row = {row.node: row for row in verdicts(narrow)}["if"]
    assert row.verdict is Verdict.APPROXIMATE
    assert "the membrane saturates, for it would need 10 bits" in row.detail


def test_it_is_kept_in_files(tmp_path: Path) -> None:
    integer = lower(counting_network()).integer
    save_graph(integer, tmp_path / "integer.axonc")
    assert read_graph(tmp_path / "integer.axonc").sized_for == SizedFor(1, 64)


def test_commands_lower_for_their_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = np.ones(3, np.float32)
    signs = np.asarray(counting_network().nodes["fc"].weight)  # type: ignore[attr-defined]
    nodes = {
        "input": nir.Input(np.array([8])),
        "fc": nir.Linear(signs.astype(np.float32)),
        "if": nir.IF(one, 5 * one, 0 * one),
        "output": nir.Output(np.array([3])),
    }
    edges = [("input", "fc"), ("fc", "if"), ("if", "output")]
    nir.write(tmp_path / "model.nir", nir.NIRGraph(nodes, edges, metadata={"dt": 1e-3}))
    spikes = counts(30, 90)
    np.savez(tmp_path / "in.npz", spikes=spikes)
    expected = run(lower(counting_network()), spikes).run.spikes["output"]
    files = ["--input", str(tmp_path / "in.npz"), "--output", str(tmp_path / "out.npz"), "--json"]
    for target in TARGETS:
        command = ["run", str(tmp_path / "model.nir"), "--target", target, "--precision", "int"]
        assert main([*command, *files]) == 0
        assert "WARNING" not in capsys.readouterr().err
        np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["spikes"], expected)
    assert main(["check", str(tmp_path / "model.nir"), "--input", files[1], "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    detail = next(row["detail"] for row in document["nodes"] if row["node"] == "if")
    assert "enough for at most 30 spikes a bin and 90 steps" in detail
