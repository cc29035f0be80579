"""Tables, timeline and picture of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from binary_synapse_networks import perceptron, spike_counts

from axonc.targets.binary_synapse import Architecture, BinarySynapse, load_architecture
from axonc.targets.binary_synapse.machine.architecture import MeshParameters, Schedule
from axonc.targets.binary_synapse.mapping.sequential import SequentialProgram
from axonc.targets.binary_synapse.views.picture import draw_mesh
from axonc.targets.binary_synapse.views.tables import core_rows, link_rows
from axonc.targets.binary_synapse.views.trace import write_trace
from axonc.toolchain.cost import Access, Memory, Way
from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import Edge


@pytest.fixture
def done():  # type: ignore[no-untyped-def]
    target = BinarySynapse("edge")
    program = target.compile(perceptron([30, 2000, 5]))
    spikes = spike_counts(program.graph, samples=2, steps=5)
    return program, spikes, target.run(program, spikes)


def test_rows_add_up(done) -> None:  # type: ignore[no-untyped-def]
    program, _, run = done
    rows = core_rows(program, run.totals)
    assert len(rows) == len(program.positions)
    for row in rows:
        used = row["walk_cycles"] + row["neuron_phase_cycles"]
        assert used + row["idle_cycles"] == run.cycles.total
        assert row["utilisation"] == pytest.approx(used / run.cycles.total)
    links = link_rows(program, run.totals)
    into_cores = sum(row["flits"] for row in links if row["output"] == "core")
    assert into_cores == sum(row["events"] for row in rows)
    between = [row for row in links if row["output"] not in ("core", "host")]
    assert sum(row["flits"] for row in between) == run.counters["hops"]
    assert sum(row["wait_cycles"] for row in links) == run.counters["mesh_wait_cycles"]


@pytest.mark.parametrize("name", ["edge", "truenorth_like"])
@pytest.mark.parametrize("schedule", ["within-step", "pipelined"])
def test_causes_of_each_step_add_up(name: str, schedule: str) -> None:
    shipped = load_architecture(name)
    target = BinarySynapse(shipped.model_copy(update={"schedule": Schedule(schedule)}))
    program = target.compile(perceptron([200, 600, 5]))
    run = target.run(program, spike_counts(program.graph, samples=3, steps=4))
    tables = target.tables(program, run)
    for row in tables["steps"]:
        phases = (row["input_cycles"] or 0) + row["wave_cycles"] + row["barrier_cycles"]
        assert phases == pytest.approx(row["mean_cycles"])
        if name == "edge":
            spent = row["walk_cycles"] + row["neuron_phase_cycles"] + row["idle_cycles"]
            assert spent == pytest.approx(len(tables["cores"]) * row["mean_cycles"])

    def total(table: str, column: str, **where: str) -> float:
        rows = [row for row in tables[table] if all(row.get(k) != v for k, v in where.items())]
        return sum(row.get(column, 0) for row in rows)

    for cause in ("walk_cycles", "neuron_phase_cycles", "event_fifo_wait_cycles"):
        assert 3 * total("steps", cause) == pytest.approx(total("cores", cause)), cause
    for cause in ("walk_cycles", "neuron_phase_cycles"):
        assert total("layers", cause) == total("cores", cause), cause
    sent = run.counters["send_wait_cycles"]
    assert total("layers", "send_wait_cycles") == sent
    assert 3 * total("steps", "send_wait_cycles") == pytest.approx(sent)
    waited = total("links", "wait_cycles", output="core")
    assert 3 * total("steps", "link_wait_cycles") == pytest.approx(waited)
    assert run.counters["event_fifo_wait_cycles"] + waited == run.counters["mesh_wait_cycles"]


def test_tables_say_every_step_layer_core_link_and_memory(done) -> None:  # type: ignore[no-untyped-def]
    program, _, run = done
    tables = BinarySynapse("edge").tables(program, run)
    assert list(tables) == ["run", "steps", "layers", "cores", "links", "memories"]
    by_sample, first, last = tables["run"]
    assert by_sample["mean"] * by_sample["samples"] == run.cycles.total
    assert first["least"] >= 0 and last["most"] < by_sample["most"]
    assert sum(row["mean_cycles"] for row in tables["steps"]) * 2 == pytest.approx(run.cycles.total)
    for column in ("synaptic_operations", "synapses_walked", "spikes"):
        assert sum(row.get(column, 0) for row in tables["layers"]) == run.counters[column]
    for memory in ("signs", "accumulators", "membranes", "thresholds", "fifos"):
        rows = [row for row in tables["memories"] if row["memory"] == memory]
        for kind in ("read", "write"):
            total = sum(row[f"{kind}_bits"] for row in rows)
            assert total == run.accesses.get(Access(Way(kind), Memory(memory)), 0)
    assert {row["core"] for row in tables["memories"]} == {
        *range(len(program.positions)),
        "routers",
    }


def test_timeline_opens_and_stays_within_its_phases(done, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    program, spikes, run = done
    write_trace(tmp_path / "trace.json", program, {"input": spikes})
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    names = [e["args"]["name"] for e in events if e["name"] == "thread_name"]
    assert names[:2] == ["phases", "core 0 neuron0 (0, 0)"]
    slices = [event for event in events if event["ph"] == "X"]
    mhz = program.architecture.clock_mhz
    walked = sum(e["args"]["cycles"] for e in slices if e["name"] == "synapse walks")
    one = BinarySynapse("edge").run(program, spikes[:1])
    assert walked == one.totals.core_walk_cycles.sum()
    end = max(event["ts"] + event["dur"] for event in slices) * mhz
    barrier = program.architecture.barrier_cycles
    assert end + barrier == pytest.approx(one.cycles.total)
    updates = [e["dur"] * mhz for e in slices if e["name"] == "neuron phase" and e["tid"] == 1]
    np.testing.assert_allclose(updates, one.totals.block_phase_cycles[0] / 5)
    assert len(updates) == 5


def small_machine(**changes: object) -> Architecture:
    """Six cores of 60 neurons, and an external memory."""
    shipped = load_architecture("edge")
    core = shipped.core.model_copy(update={"neurons": 60, "blocks": 1})
    mesh = MeshParameters(columns=3, rows=2)
    return shipped.model_copy(update={"core": core, "mesh": mesh, **changes})


MACHINES = {
    "within a step": small_machine(),
    "pipelined": small_machine(schedule=Schedule.PIPELINED),
    "nanoseconds that are not whole": small_machine(clock_mhz=333.0),
    "scanned": load_architecture("truenorth_like"),
}


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize("hidden", [100, 500], ids=["whole", "in parts"])
def test_timeline_is_one_that_viewers_can_nest(
    machine: Architecture, hidden: int, tmp_path: Path
) -> None:
    """On each track slices are nested or apart, to the nanosecond, and end with the run."""
    target = BinarySynapse(machine)
    program = target.compile(perceptron([30, hidden, 60, 5]))
    in_parts = isinstance(program, SequentialProgram)
    assert in_parts == (hidden == 500 and machine.cores == 6)
    spikes = spike_counts(program.graph, samples=2, steps=3)
    target.write_trace(program, spikes, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    one = target.run(program, spikes[:1])
    # The last part ends with a slice of its own; else the last slice is that of a phase.
    cycles = one.cycles.total - (0 if in_parts else machine.barrier_cycles)
    assert end_of_nested(events) == round(1000 * cycles / machine.clock_mhz)
    loaded = sum(e["args"]["bits"] for e in events if e["name"].startswith("load part"))
    assert loaded == (sum(part.load_bits for part in program.parts) if in_parts else 0)


def test_timeline_of_parts_that_take_turns(tmp_path: Path) -> None:
    """In 3 steps a part is loaded 3 times, and saved and restored in between."""
    target, steps = BinarySynapse(small_machine()), 3
    graph = perceptron([30, 500, 30, 5])
    graph = replace(graph, edges=(*graph.edges, Edge("neuron1", "linear0", 1)))
    program = target.compile(graph)
    assert isinstance(program, SequentialProgram)
    spikes = spike_counts(graph, samples=2, steps=steps)
    target.write_trace(program, spikes, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    one = target.run(program, spikes[:1])
    clock = program.architecture.clock_mhz
    assert end_of_nested(events) == round(1000 * one.cycles.total / clock)
    names = [e["name"] for e in events if e["ph"] == "X" and " part " in e["name"]]
    numbers = [*program.rounds[0]]
    assert len(numbers) > 1
    turn = [f"load part {n}" for n in numbers] * steps
    assert [name for name in names if name.startswith("load")][: len(turn)] == turn
    for number, part in enumerate(program.parts):
        turns = steps if part.program.in_turns else 1
        for what, times, bits in (
            ("load", turns, part.load_bits),
            ("restore", turns - 1, part.state_bits),
            ("save", turns - 1, part.state_bits),
        ):
            moved = [e["args"]["bits"] for e in events if e["name"] == f"{what} part {number}"]
            assert moved == [bits] * times
    walks = [e["args"]["cycles"] for e in events if e["name"] == "synapse walks"]
    assert sum(walks) == sum(int(totals.core_walk_cycles.sum()) for totals in one.part_totals)


def end_of_nested(events: list[dict[str, Any]]) -> int:
    """Check that slices are nested or apart; return the nanosecond in which the last one ends."""
    named = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    tracks: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for event in events:
        if event["ph"] == "X":
            start, length = round(event["ts"] * 1000), round(event["dur"] * 1000)
            assert (start / 1000, length / 1000) == (event["ts"], event["dur"])
            assert start >= 0 and length >= 0
            tracks.setdefault((event["pid"], event["tid"]), []).append((start, -(start + length)))
    assert set(tracks) <= named
    for slices in tracks.values():
        open_until: list[int] = []
        for start, end in sorted(slices):
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or -end <= open_until[-1]
            open_until.append(-end)
    return max(-end for slices in tracks.values() for _, end in slices)


def test_timeline_that_cannot_be_written(done, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    program, spikes, _ = done
    with pytest.raises(InputError, match="output .*: got No such file or directory"):
        write_trace(tmp_path / "absent" / "trace.json", program, {"input": spikes})


def test_picture_is_drawn(done, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    program, _, run = done
    draw_mesh([(program, run.totals)], tmp_path / "mesh.svg")
    assert b"<svg" in (tmp_path / "mesh.svg").read_bytes()


@pytest.mark.parametrize("parts", [4, 40])
def test_picture_of_a_network_in_parts(parts: int, tmp_path: Path) -> None:
    target = BinarySynapse(small_machine())
    program = target.compile(perceptron([30, 350 * parts // 4, 60]))
    run = target.run(program, spike_counts(program.graph, samples=1, steps=2))
    target.draw(program, run, tmp_path / "mesh.svg")
    drawn = (tmp_path / "mesh.svg").read_text()
    assert len(run.part_totals) >= parts // 4
    assert ("the first 16 of" in drawn) == (len(run.part_totals) > 16)
