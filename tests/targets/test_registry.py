"""Targets by name; a third party adds its own with ten lines and an entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import nir
import numpy as np
import pytest

from axonc.targets import load_target, registry, target_names
from axonc.targets.loihi import Loihi
from axonc.toolchain.errors import InputError

THIRD_PARTY = """
from dataclasses import dataclass

from axonc.targets import NodeVerdict, Program, Run, Target, Verdict
from axonc.toolchain.cost import CostReport, integer_memory
from axonc.toolchain.reference import execute


@dataclass(frozen=True)
class Echo(Target):
    name, engines = "echo", ("only",)

    def check(self, graph):
        return tuple(NodeVerdict(n, node.kind, Verdict.EXACT) for n, node in graph.nodes.items())

    def compile(self, graph):
        return Program(graph, latency_steps=0)

    def run(self, program, spikes, *, engine=None, probes=()):
        recording = execute(program.graph, spikes, probes=probes)
        return Run({**recording.outputs, **recording.spikes}, 0, 0.0, synaptic_operations=0)

    def cost(self, program, run=None):
        return CostReport(self.name, integer_memory(program.graph))
"""


@pytest.fixture
def third_party(tmp_path: Path) -> dict[str, str]:
    """An environment in which a package with one target is installed, as pip would leave it."""
    site = tmp_path / "site"
    info = site / "echo_target-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "echo_target.py").write_text(THIRD_PARTY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-target\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[axonc.targets]\necho = echo_target:Echo\n")
    return os.environ | {"PYTHONPATH": str(site)}


def test_a_third_party_target_runs_from_the_command_line(
    third_party: dict[str, str], tmp_path: Path
) -> None:
    ones = np.ones(2, np.float32)
    nir.write(
        tmp_path / "m.nir",
        nir.NIRGraph(
            {
                "input": nir.Input(np.array([2])),
                "synapses": nir.Linear(np.array([[1, -1], [1, 1]], np.int8)),
                "neurons": nir.IF(ones, ones, 0 * ones),
                "output": nir.Output(np.array([2])),
            },
            [("input", "synapses"), ("synapses", "neurons"), ("neurons", "output")],
        ),
    )
    np.savez(tmp_path / "in.npz", spikes=np.ones((1, 6, 2), bool))
    command = [
        sys.executable,
        "-c",
        "import sys; from axonc.toolchain.cli import main; sys.exit(main())",
        "run",
        "m.nir",
        "--target",
        "echo",
        "--input",
        "in.npz",
        "--output",
        "out.npz",
        "--json",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=third_party, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["target"] == "echo"
    # 1 - 1 = 0 never passes 1; 1 + 1 = 2 does in every step
    assert np.load(tmp_path / "out.npz")["spikes"][0].T.tolist() == [[False] * 6, [True] * 6]


def test_the_shipped_targets_are_known_without_being_loaded() -> None:
    assert {"loihi", "binary_synapse"} <= set(target_names())


def test_a_name_with_two_owners_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("loihi", "elsewhere:Chip", registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.raises(InputError) as error:
        load_target("loihi")
    assert str(error.value) == (
        "target 'loihi': got two owners, axonc.targets.loihi:Loihi and elsewhere:Chip, expected "
        "one owner a name. Uninstall one of the two packages."
    )


def test_something_that_is_no_target_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("odd", "builtins:dict", registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.raises(InputError, match="target 'odd': got a dict, expected a subclass"):
        load_target("odd")


def test_options_are_fields_of_the_target() -> None:
    assert load_target("loihi{chip_name=loihi2, strict=true}") == Loihi("loihi2", strict=True)
    assert load_target("loihi{lava-timeout-s=5}") == Loihi(lava_timeout_s=5.0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "loihi{speed=9}",
            "option of target loihi: got speed=9, expected chip_name (default loihi1)",
        ),
        ("loihi{strict=perhaps}", "option of target loihi: got strict=perhaps, expected chip_name"),
        ("loihi{strict", "target: got 'loihi{strict', expected NAME or NAME{option=value,...}."),
    ],
)
def test_unknown_options_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        load_target(spec)
    assert str(error.value).startswith(message)
