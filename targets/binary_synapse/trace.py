"""A timeline of one sample that Perfetto (ui.perfetto.dev) and chrome://tracing open."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from axonc.toolchain.errors import InputError

from .architecture import Schedule
from .program import BinaryProgram

if TYPE_CHECKING:
    from .simulator.timing import Timing

_CONTROLLER = 0


def write_trace(path: Path, program: BinaryProgram, inputs: dict[str, np.ndarray]) -> None:
    """Simulate the first sample of flat inputs and write what each core did when, as JSON.

    One track for the phases of the machine, one a core: its neuron phases, and in each phase its
    synapse walks as one slice that ends with the last of them (`cycles` of work in `args`). Times
    are in microseconds at the architecture's clock.

    Raises:
        InputError: `path` cannot be written; nothing is left there then.
    """
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("w") as file:
            json.dump({"traceEvents": list(_events(program, inputs))}, file)
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(
            f"trace file {path}",
            got=str(error),
            expected="a place that can be written",
            remedy="choose another folder",
        ) from None


def _events(program: BinaryProgram, inputs: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    timing = _timing_of_first(program, inputs)
    clock = program.prepared.clock
    cycle_us = 1 / program.architecture.clock_mhz
    pipelined = program.architecture.schedule is Schedule.PIPELINED
    steps = next(iter(inputs.values())).shape[1]

    def slice_of(track: int, name: str, start: int, end: int, **args: int) -> dict[str, Any]:
        return {
            "name": name, "ph": "X", "pid": 0, "tid": track, "ts": start * cycle_us,
            "dur": (end - start) * cycle_us, "args": args,
        }  # fmt: skip

    yield _name("process_name", _CONTROLLER, program.architecture.name)
    yield _name("thread_name", _CONTROLLER, "phases")
    for core, place in enumerate(program.positions):
        layers = dict.fromkeys(program.blocks[block].layer for block in program.blocks_of(core))
        yield _name("thread_name", 1 + core, f"core {core} {' + '.join(layers)} {place}")
    for step, turns in enumerate(timing.phase_times.tolist()):
        for turn, (start, end) in enumerate(turns):
            kind = "step" if pipelined else "input" if turn == 0 else f"wave {turn - 1}"
            yield slice_of(_CONTROLLER, kind, start, end, step=step)
            for core in range(len(program.positions)):
                done = start
                for number in program.blocks_of(core):
                    block = program.blocks[number]
                    turns_up = pipelined or block.wave == turn - 1
                    if turns_up and 0 <= step - clock.unit_lag[number] < steps:
                        length = int(clock.block_cycles[number])
                        if done == start:
                            length += clock.phase_overhead_cycles
                        yield slice_of(1 + core, "neuron phase", done, done + length,
                                       step=step, block=number)  # fmt: skip
                        done += length
                walk, events, until = timing.core_times[step, turn, core].tolist()
                if events:
                    yield slice_of(1 + core, "synapse walks", until - walk, until,
                                   cycles=walk, events=events)  # fmt: skip


def _timing_of_first(program: BinaryProgram, inputs: dict[str, np.ndarray]) -> Timing:
    from .simulator.behaviour import simulate_behaviour  # numba is slow to import
    from .simulator.lone_sender import new_places
    from .simulator.run import empty_mesh
    from .simulator.timing import SHORTCUTS, simulate_timing

    counts = [inputs[name][0] for name in program.graph.inputs]
    joined = np.ascontiguousarray(np.concatenate(counts, axis=1), np.uint8)
    prepared, mesh = program.prepared, empty_mesh(program)
    none = np.zeros((len(joined), 0), np.int64)
    done = simulate_behaviour(
        prepared.image, joined, prepared.input_columns, prepared.columns, False, none, none
    )
    return simulate_timing(
        prepared.image, prepared.clock, mesh, new_places(mesh), SHORTCUTS,
        done.begin, done.end, done.ids, done.slots, True,
    )  # fmt: skip


def _name(kind: str, track: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": 0, "tid": track, "args": {"name": name}}
