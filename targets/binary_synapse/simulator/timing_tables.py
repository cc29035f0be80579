"""The parameters of timing as flat arrays: routes, costs of events, lengths of phases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..machine.architecture import Dataflow, MeshParameters, Schedule
from ..machine.mesh import EAST, NORTH, PORTS, SOUTH, WEST
from ..program.program import HOST, BinaryProgram
from .image import box_record
from .records import ROUTE, TARGET


class TimingTables(NamedTuple):
    """What the timing of a program follows, beside its image.

    Units are numbered as in the image: blocks, then input nodes. Senders are what puts flits into
    a router: the cores by number, then the host, for all input nodes.
    """

    columns: int
    barrier_cycles: int
    pipelined: bool
    waves: int
    sender_router: np.ndarray  # (senders)
    sender_unit: np.ndarray  # (senders + 1) first of each sender's entries in `members`
    members: np.ndarray  # (units) the units that speak through each sender, in their order
    block_core: np.ndarray  # (blocks)
    router_core: np.ndarray  # (routers) the core at each router, -1 without
    router_x: np.ndarray  # (routers) column
    router_y: np.ndarray  # (routers) row
    link_cycles: np.ndarray  # (routers * PORTS) cycles from one flit to the next on each output
    unit_lag: np.ndarray  # (units) machine steps from a step of the input to this unit's phase
    unit_route: np.ndarray  # (units + 1) first route
    routes: np.ndarray  # (routes) of ROUTE, by unit, then by steps held
    targets: np.ndarray  # (targets) of TARGET, those in one core side by side
    event_overhead_cycles: int
    walk_cycles: int  # cycles of one group of synapses
    lanes: int  # synapses a group
    partial_sum_cycles: int  # cycles of taking in a partial sum
    neurons: np.ndarray  # (blocks)
    group: int  # neurons a group of the neuron phase
    group_cycles: np.ndarray  # (blocks) cycles from one group to the next
    block_cycles: np.ndarray  # (blocks) length of the block's part of a neuron phase
    phase_overhead_cycles: int
    walks_in_phase: bool  # whether events are taken during a neuron phase
    in_turns: bool  # whether all arbiters are at rest when a step begins, not a sample alone


def build_timing_tables(program: BinaryProgram) -> TimingTables:
    """Return the timing parameters of `program`."""
    machine, size = program.architecture, program.architecture.core
    blocks, inputs = program.blocks, len(program.graph.inputs)
    pipelined = machine.schedule is Schedule.PIPELINED
    scans = size.dataflow is Dataflow.NEURON_MAJOR
    positions = [column + row * machine.mesh.columns for column, row in program.positions]
    router_core = np.full(machine.cores, -1, np.int64)
    router_core[positions] = np.arange(len(positions))
    members = [program.blocks_of(core) for core in range(len(positions))]
    members.append([len(blocks) + number for number in range(inputs)])
    neurons = _integers([block.box.volume for block in blocks])
    group = 1 if scans else size.neuron_lanes
    group_cycles = _group_cycles(program)
    lags = [block.wave + 1 if pipelined else 0 for block in blocks] + [0] * inputs
    unit_route, routes, targets = _routes(program)
    return TimingTables(
        columns=machine.mesh.columns,
        barrier_cycles=machine.barrier_cycles,
        pipelined=pipelined,
        waves=program.waves,
        sender_router=_integers([*positions, 0]),
        sender_unit=_integers(np.cumsum([0, *map(len, members)])),
        members=_integers([unit for units in members for unit in units]),
        block_core=_integers([block.core for block in blocks]),
        router_core=router_core,
        router_x=np.arange(machine.cores) % machine.mesh.columns,
        router_y=np.arange(machine.cores) // machine.mesh.columns,
        link_cycles=np.where(between_chips(machine.mesh), machine.mesh.chip_link_cycles, 1),
        unit_lag=_integers(lags),
        unit_route=unit_route,
        routes=routes,
        targets=targets,
        event_overhead_cycles=size.event_overhead_cycles,
        walk_cycles=0 if scans else size.access_cycles,
        lanes=size.synapse_lanes,
        partial_sum_cycles=size.event_overhead_cycles + size.access_cycles,
        neurons=neurons,
        group=group,
        group_cycles=group_cycles,
        block_cycles=-(-neurons // group) * group_cycles,
        phase_overhead_cycles=size.phase_overhead_cycles,
        walks_in_phase=scans,
        in_turns=program.in_turns,
    )


def _group_cycles(program: BinaryProgram) -> np.ndarray:
    """Return, per block, the cycles of a group of neurons, or of one neuron's scan of its axons."""
    size = program.architecture.core
    if size.dataflow is not Dataflow.NEURON_MAJOR:
        return np.full(len(program.blocks), size.access_cycles, np.int64)
    axons = _integers([block.axon_count for block in program.blocks])
    return np.maximum(1, -(-axons // size.scan_lanes) + size.neuron_overhead_cycles)


def _routes(program: BinaryProgram) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first route of each unit, the records of ROUTE, and those of TARGET."""
    blocks = program.blocks
    first_bank = np.cumsum([0, *(len(block.banks) for block in blocks)])
    unit_routes = [
        *program.block_routes,
        *(program.host_routes[name] for name in program.graph.inputs),
    ]
    routes = [route for routes in unit_routes for route in routes]
    ends = np.cumsum([0, *(len(route.targets) for route in routes)]).tolist()
    lines = [
        (
            first,
            last,
            route.hold_steps,
            route.delay_steps,
            len(program.banks_by_core(route)),
            box_record(route.accepts),
        )
        for route, first, last in zip(routes, ends[:-1], ends[1:], strict=True)
    ]
    targets = [
        (HOST, HOST, HOST)
        if block == HOST
        else (blocks[block].core, int(first_bank[block]) + bank, block)
        for route in routes
        for block, bank in route.targets
    ]
    unit_route = _integers(np.cumsum([0, *(len(routes) for routes in unit_routes)]))
    return unit_route, np.array(lines, ROUTE), np.array(targets, TARGET)


def between_chips(mesh: MeshParameters) -> np.ndarray:
    """Return, per router output, whether it leads to another chip."""
    between = np.zeros((mesh.rows, mesh.columns, PORTS), bool)
    columns, rows = mesh.chip_columns or mesh.columns, mesh.chip_rows or mesh.rows
    east = np.arange(columns - 1, mesh.columns - 1, columns)
    south = np.arange(rows - 1, mesh.rows - 1, rows)
    between[:, east, EAST] = between[:, east + 1, WEST] = True
    between[south, :, SOUTH] = between[south + 1, :, NORTH] = True
    return between.ravel()


def _integers(values: object) -> np.ndarray:
    return np.ascontiguousarray(values, np.int64)
