"""The parameters of timing as flat arrays: routes, costs of events, lengths of phases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..architecture import Dataflow, MeshParameters, Schedule
from ..program import HOST, BinaryProgram, Route, rows_of
from .mesh import EAST, NORTH, PORTS, SOUTH, WEST


class Clockwork(NamedTuple):
    """What the timing of a program follows, beside its image.

    Units are numbered as in the image. A route is a row of `routes`: destination core (-1: host),
    bank (of the image; -1: host), box of sources (6), steps held, delay.
    """

    columns: int
    barrier_cycles: int
    pipelined: bool
    waves: int
    unit_router: np.ndarray  # (units)
    router_core: np.ndarray  # (routers) the core at each router, -1 without
    router_x: np.ndarray  # (routers) column
    router_y: np.ndarray  # (routers) row
    link_cycles: np.ndarray  # (routers * PORTS) cycles from one flit to the next on each output
    unit_lag: np.ndarray  # (units) machine steps from a step of the input to this unit's phase
    unit_route: np.ndarray  # (units + 1) first route
    routes: np.ndarray  # (routes, 10), by unit, then by steps held
    event_overhead_cycles: int
    walk_cycles: int  # cycles of one group of synapses
    lanes: int  # synapses a group
    partial_sum_cycles: int  # cycles of taking in a partial sum
    neurons: np.ndarray  # (cores)
    group: int  # neurons a group of the neuron phase
    group_cycles: np.ndarray  # (cores) cycles from one group to the next
    first_spike: np.ndarray  # (cores) cycles until the first group is done
    phase_cycles: np.ndarray  # (cores) length of a neuron phase
    walks_in_phase: bool  # whether events are taken during a neuron phase


def build_clockwork(program: BinaryProgram) -> Clockwork:
    """Return the timing parameters of `program`."""
    machine, size = program.architecture, program.architecture.core
    blocks = program.blocks
    pipelined = machine.schedule is Schedule.PIPELINED
    scans = size.dataflow is Dataflow.NEURON_MAJOR
    first_bank = np.cumsum([0, *(len(block.banks) for block in blocks)])

    unit_routes = [*program.block_routes, *(program.host_routes[name] for name in
                                           program.graph.inputs)]  # fmt: skip
    lines = [_line(route, first_bank) for routes in unit_routes for route in routes]
    positions = [column + row * machine.mesh.columns for column, row in
                 program.positions]  # fmt: skip
    inputs = len(program.graph.inputs)

    # Group by group: Q neurons an access, or one neuron a scan of all axons.
    neurons = _integers([block.box.volume for block in blocks])
    group = 1 if scans else size.neuron_lanes
    group_cycles = np.full(len(blocks), size.access_cycles, np.int64)
    if scans:
        axons = _integers([sum(len(rows_of(bank)) for bank in block.banks) for block in blocks])
        group_cycles = -(-axons // size.scan_lanes) + size.neuron_overhead_cycles
    lags = [block.wave + 1 if pipelined else 0 for block in blocks] + [0] * inputs
    return Clockwork(
        columns=machine.mesh.columns,
        barrier_cycles=machine.barrier_cycles,
        pipelined=pipelined,
        waves=program.waves,
        unit_router=_integers([*positions, *[0] * inputs]),
        router_core=_integers(
            [positions.index(router) if router in positions else -1
             for router in range(machine.cores)]
        ),
        router_x=np.arange(machine.cores) % machine.mesh.columns,
        router_y=np.arange(machine.cores) // machine.mesh.columns,
        link_cycles=np.where(between_chips(machine.mesh), machine.mesh.chip_link_cycles, 1),
        unit_lag=_integers(lags),
        unit_route=_integers(np.cumsum([0, *(len(routes) for routes in unit_routes)])),
        routes=_integers(lines).reshape(-1, 10),
        event_overhead_cycles=size.event_overhead_cycles,
        walk_cycles=0 if scans else size.access_cycles,
        lanes=size.synapse_lanes,
        partial_sum_cycles=size.event_overhead_cycles + size.access_cycles,
        neurons=neurons,
        group=group,
        group_cycles=group_cycles,
        first_spike=size.phase_overhead_cycles + group_cycles,
        phase_cycles=size.phase_overhead_cycles + -(-neurons // group) * group_cycles,
        walks_in_phase=scans,
    )  # fmt: skip


def between_chips(mesh: MeshParameters) -> np.ndarray:
    """Return, per router output, whether it leads to another chip."""
    between = np.zeros((mesh.rows, mesh.columns, PORTS), bool)
    columns, rows = mesh.chip_columns or mesh.columns, mesh.chip_rows or mesh.rows
    east = np.arange(columns - 1, mesh.columns - 1, columns)
    south = np.arange(rows - 1, mesh.rows - 1, rows)
    between[:, east, EAST] = between[:, east + 1, WEST] = True
    between[south, :, SOUTH] = between[south + 1, :, NORTH] = True
    return between.ravel()


def _line(route: Route, first_bank: np.ndarray) -> tuple[int, ...]:
    box = route.accepts
    bank = HOST if route.block == HOST else int(first_bank[route.block]) + route.bank
    return (
        route.block,
        bank,
        *box.channels,
        *box.rows,
        *box.columns,
        route.hold_steps,
        route.delay_steps,
    )


def _integers(values: object) -> np.ndarray:
    return np.ascontiguousarray(values, np.int64)
