"""A timeline of one sample in the Trace Event Format, which Perfetto (ui.perfetto.dev) opens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from axonc.toolchain.files import new_file

from ..execution import parts_of, rounds_of
from ..machine.architecture import Dataflow, Schedule
from ..mapping.sequential import SequentialProgram
from ..program.program import BinaryProgram
from ..simulator.behaviour import simulate_behaviour
from ..simulator.lone_sender import new_departures
from ..simulator.run import empty_mesh, new_sums, prepared
from ..simulator.timing import Engine, Timing, simulate_timing
from ..simulator.turns import settle, take_over

Track = tuple[int, int]
"""Process and thread, as viewers call them. Perfetto takes threads 0 of all processes for one."""
_CONTROLLER, _CORES, _EVENTS = 1, 2, 3
_PHASES: Track = (_CONTROLLER, 1)
_EXTERNAL_MEMORY: Track = (_CONTROLLER, 2)


def write_trace(
    path: Path, program: BinaryProgram | SequentialProgram, inputs: dict[str, np.ndarray]
) -> None:
    """Simulate the first sample of flat inputs and write what each core did when, as JSON.

    One track for the phases of the machine, one a core: its neuron phases, and in each phase its
    synapse walks as one slice that ends with the last of them (`cycles` of work in `args`). A
    network in parts runs part after part on one axis; a track for the external memory shows what
    is loaded in between, and what is restored and saved where parts take turns in each step. Times
    are in microseconds at the architecture's tables.

    Raises:
        InputError: `path` cannot be written; nothing is left there then.
    """
    mhz = parts_of(program)[0].program.architecture.clock_mhz
    events = [_in_time(event, mhz) for event in _events(program, inputs)]
    with new_file(path) as temporary, temporary.open("w") as file:
        json.dump({"traceEvents": events, "displayTimeUnit": "ns"}, file)


def _events(
    program: BinaryProgram | SequentialProgram, inputs: dict[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    parts = parts_of(program)
    machine = parts[0].program.architecture
    scans = machine.core.dataflow is Dataflow.NEURON_MAJOR
    yield _name("process_name", _PHASES, f"{machine.name}, controller")
    yield _name("process_name", (_CORES, 1), f"{machine.name}, cores")
    if scans:
        yield _name("process_name", (_EVENTS, 1), f"{machine.name}, events of cores")
    yield _name("thread_name", _PHASES, "phases")
    if len(parts) > 1:
        yield _name("thread_name", _EXTERNAL_MEMORY, "external memory")
    for core in range(max(len(part.program.positions) for part in parts)):
        name = f"core {core}"
        if len(parts) == 1:
            whole = parts[0].program
            layers = dict.fromkeys(whole.blocks[block].layer for block in whole.blocks_of(core))
            name = f"core {core} {' + '.join(layers)} {whole.positions[core]}"
        yield _name("thread_name", (_CORES, 1 + core), name)
        if scans:
            yield _name("thread_name", (_EVENTS, 1 + core), name)
    now = 0
    for number, timing, steps in _turns(program, inputs):
        part, first = parts[number], now
        moved: list[tuple[str, int, int]] = []
        if len(parts) > 1:
            moved.append(("load", part.load_bits, part.load_cycles))
        if steps.start > 0:
            moved.append(("restore", part.state_bits, part.state_cycles))
        for what, bits, cycles in moved:
            yield _slice(_EXTERNAL_MEMORY, f"{what} part {number}", now, now + cycles, bits=bits)
            now += cycles
        yield from _slices(part.program, timing, now, steps)
        now += int(timing.step_cycles[steps.start : steps.stop].sum())
        if steps.stop < len(timing.step_cycles):
            bits, cycles = part.state_bits, part.state_cycles
            yield _slice(_EXTERNAL_MEMORY, f"save part {number}", now, now + cycles, bits=bits)
            now += cycles
        if len(parts) > 1:
            layers = dict.fromkeys(block.layer for block in part.program.blocks)
            yield _slice(_PHASES, f"part {number}", first, now, layers=" + ".join(layers))


def _slices(
    program: BinaryProgram, timing: Timing, begin: int, machine_steps: range
) -> Iterator[dict[str, Any]]:
    """Yield what a program does in some steps, the first of which begins in cycle `begin`."""
    tables = prepared(program).tables
    walks = _EVENTS if tables.walks_in_phase else _CORES  # what overlaps needs tracks of its own
    pipelined = program.architecture.schedule is Schedule.PIPELINED
    steps = len(timing.step_cycles) - tables.waves * pipelined
    begin -= int(timing.phase_times[machine_steps.start, 0]["first"])
    for step in machine_steps:
        for phase, times in enumerate(timing.phase_times[step]):
            start, end = begin + int(times["first"]), begin + int(times["quiet"])
            kind = "step" if pipelined else "input" if phase == 0 else f"wave {phase - 1}"
            yield _slice(_PHASES, kind, start, end, step=step)
            for core in range(len(program.positions)):
                done = start
                for number in program.blocks_of(core):
                    block = program.blocks[number]
                    fires = pipelined or block.wave == phase - 1
                    if fires and 0 <= step - tables.unit_lag[number] < steps:
                        length = int(tables.block_cycles[number])
                        if done == start:
                            length += tables.phase_overhead_cycles
                        yield _slice(
                            (_CORES, 1 + core),
                            "neuron phase",
                            done,
                            done + length,
                            step=step,
                            block=number,
                            layer=block.layer,
                        )
                        done += length
                walk, events, until = timing.core_times[step, phase, core].tolist()
                if events:
                    until += begin
                    yield _slice(
                        (walks, 1 + core),
                        "synapse walks",
                        until - walk,
                        until,
                        cycles=walk,
                        events=events,
                    )


def _turns(
    program: BinaryProgram | SequentialProgram, inputs: dict[str, np.ndarray]
) -> Iterator[tuple[int, Timing, range]]:
    """Run the first sample; yield which part is on the machine, its timing, for which steps."""
    known = {name: values[:1] for name, values in inputs.items()}
    steps = next(iter(known.values())).shape[1]
    number = 0
    for parts in rounds_of(program):
        if len(parts) > 1:
            settle(parts, known)
        timings = []
        for part in parts:
            arrays, mesh = prepared(part.program), empty_mesh(part.program)
            joined = np.concatenate([counts[0] for counts in part.inputs(known).values()], axis=1)
            if part.program.resuming is None:
                arriving = new_sums(part.program, None, 1, steps)[0]
            leaving = new_sums(part.program, part.program.handing_on, 1, steps)[0]
            done = simulate_behaviour(
                arrays.image,
                np.ascontiguousarray(joined, np.uint8),
                arrays.input_columns,
                arrays.columns,
                False,
                arriving,
                leaving,
            )
            arriving = leaving
            if len(parts) == 1:
                sent = part.exported.values()
                fired = {name: done.fired[None, :, arrays.column_of[name]] for name in sent}
                take_over(fired, known)
            timing = simulate_timing(
                arrays.image,
                arrays.tables,
                mesh,
                new_departures(mesh),
                Engine.SHORTCUTS,
                done.events,
                True,
            )
            timings.append((number, timing))
            number += 1
        if len(timings) == 1:
            yield number - 1, timing, range(len(timing.step_cycles))
            continue
        for step in range(steps):
            for each, timing in timings:
                yield each, timing, range(step, step + 1)


def _slice(track: Track, name: str, start: int, end: int, **args: int | str) -> dict[str, Any]:
    """Return a slice from cycle `start` to cycle `end`; `_in_time` tells it in microseconds."""
    return {
        "name": name,
        "ph": "X",
        "pid": track[0],
        "tid": track[1],
        "ts": start,
        "dur": end - start,
        "args": args,
    }


def _in_time(event: dict[str, Any], mhz: float) -> dict[str, Any]:
    """Turn cycles into microseconds of whole nanoseconds, which is what viewers keep.

    Start and end are rounded, not the duration, so slices stay nested or apart.
    """
    if event["ph"] != "X":
        return event
    start = round(1000 * event["ts"] / mhz)
    end = round(1000 * (event["ts"] + event["dur"]) / mhz)
    return event | {"ts": start / 1000, "dur": (end - start) / 1000}


def _name(kind: str, track: Track, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": track[0], "tid": track[1], "args": {"name": name}}
