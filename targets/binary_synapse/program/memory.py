"""How many bits of each memory a program occupies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import ceil, log2, prod

import numpy as np

from axonc.toolchain.cost import Memory, Stored
from axonc.toolchain.ir import IntegerNeuron, Reset

from ..machine.architecture import Schedule
from ..machine.mesh import PORTS, Position, xy_way
from .box import Grid
from .program import HOST, BinaryProgram, Block, Route

Targets = tuple[tuple[int, int], ...]


def memory_bits(program: BinaryProgram) -> dict[Stored, int]:
    """Return occupied bits by node and memory, summed over cores.

    Signs and presence belong to the weighted node, everything else to the neuron node. Presence
    bits exist only in banks that have absent synapses. Thresholds, biases, decays and reset
    potentials are stored once for all neurons of a core that share them along an axis.
    """
    size = program.architecture.core
    bits: Counter[Stored] = Counter()
    summed_during_phase: set[int | None] = set()
    if program.architecture.schedule is Schedule.PIPELINED and size.unrolls:
        summed_during_phase = {block.helps for block in program.blocks} | {program.resuming}
    for number, block in enumerate(program.blocks):
        for bank in block.banks:
            synapses = block.stored_synapses(bank)
            if synapses:
                bits[Stored(bank.projection.layer, Memory.SIGNS)] += synapses
                if block.has_absent_synapses(bank):
                    bits[Stored(bank.projection.layer, Memory.PRESENCE)] += synapses
        neurons = block.box.volume
        sets = 2 if number in summed_during_phase else 1
        bits[Stored(block.layer, Memory.ACCUMULATORS)] += sets * neurons * size.accumulator_bits
        if block.helps is not None:
            continue
        node = program.neuron(block.layer)
        bits[Stored(block.layer, Memory.MEMBRANES)] += neurons * size.membrane_bits
        bits[Stored(block.layer, Memory.THRESHOLDS)] += (
            _entries(node.threshold, node, block) * size.threshold_bits
        )
        if node.bias.any():
            bits[Stored(block.layer, Memory.BIASES)] += (
                _entries(node.bias, node, block) * size.bias_bits
            )
        multiplier_bits = size.decay_bits + 1
        if node.membrane.decays:
            entries = _entries(node.membrane.multiplier, node, block)
            bits[Stored(block.layer, Memory.DECAYS)] += entries * multiplier_bits
        if node.current is not None:
            bits[Stored(block.layer, Memory.CURRENTS)] += neurons * size.current_bits
            entries = _entries(node.current.multiplier, node, block)
            bits[Stored(block.layer, Memory.DECAYS)] += entries * multiplier_bits
        if node.reset is Reset.HARD and node.v_reset.any():
            bits[Stored(block.layer, Memory.RESETS)] += (
                _entries(node.v_reset, node, block) * size.membrane_bits
            )
        routes = program.block_routes[number]
        bits[Stored(block.layer, Memory.ROUTES)] += len(routes) * route_bits(program)
        if held := max((route.hold_steps for route in routes), default=0):
            bits[Stored(block.layer, Memory.HISTORY)] += held * neurons
    for core, asked in entries_of(program).items():
        if core != HOST and (banks := _banks_in(program, core)) > 1:
            for source, _ in asked:
                bits[Stored(source, Memory.BANK_SETS)] += banks
    for source, lines in branch_lines(program).items():
        bits[Stored(source, Memory.BRANCHES)] += lines * branch_bits(program)
    return {what: count for what, count in bits.items() if count}


def flit_bits(program: BinaryProgram) -> int:
    """Return the width of a flit: destination, source (or a partial sum and its neuron).

    As wide as this program needs it.
    """
    size = program.architecture.core
    sources = max(prod(grid) for grid in program.grids.values())
    payload = _index_bits(sources)
    if any(block.helps is not None or block.resumes for block in program.blocks):
        payload = max(payload, size.accumulator_bits + _index_bits(size.neurons))
    return _destination_bits(program) + payload


def spike_bits(grids: Mapping[str, Grid]) -> int:
    """Return the width of a spike in external memory: the node that fired, and its source.

    grids: of every spiking node of the network.
    """
    return _index_bits(len(grids)) + _index_bits(max(prod(grid) for grid in grids.values()))


def route_bits(program: BinaryProgram) -> int:
    """Return the width of a line of a routing table: destination, box of sources, steps held.

    And the delay, where spikes are held longer or shorter than that.
    """
    box = sum(
        2 * _index_bits(max(grid[axis] for grid in program.grids.values()) + 1) for axis in range(3)
    )
    routes = [route for table in program.block_routes for route in table]
    held = _index_bits(max((route.hold_steps for route in routes), default=0) + 1)
    late = _index_bits(max((route.delay_steps for route in routes), default=0) + 1)
    pipelined = program.architecture.schedule is Schedule.PIPELINED
    return _destination_bits(program) + box + held + late * pipelined


def branch_lines(program: BinaryProgram) -> Counter[str]:
    """Return the lines of all branch tables by the source: a set has one in each router it visits.

    A set is what a multicast flit can name: a sender and its targets.
    """
    visited: dict[tuple[Position, Targets], tuple[str, int]] = {}
    for name, place, route in _senders(program):
        cores = program.banks_by_core(route)
        if len(cores) > 1:
            ends = [(0, 0) if core == HOST else program.positions[core] for core in cores]
            tree = {router for end in ends for router in xy_way(place, end)}
            visited[place, route.targets] = (name, len(tree))
    lines: Counter[str] = Counter()
    for name, routers in visited.values():
        lines[name] += routers
    return lines


def branch_bits(program: BinaryProgram) -> int:
    """Return the width of a line of a branch table: number of the set, outputs, entry."""
    return _index_bits(_sets(program)) + PORTS + _entry_bits(program)


def entries_of(program: BinaryProgram) -> dict[int, tuple[tuple[str, Targets], ...]]:
    """Return what spike flits can ask for in each core: a source, and the banks that take it.

    At the host port the source alone.
    """
    entries: dict[int, dict[tuple[str, Targets], None]] = {}
    for name, _, route in _senders(program):
        for core, banks in program.banks_by_core(route).items():
            entries.setdefault(core, {})[name, banks] = None
    return {core: tuple(asked) for core, asked in entries.items()}


def _destination_bits(program: BinaryProgram) -> int:
    """Return the width of core and entry, or of the number of a set and which of the two it is."""
    one = _index_bits(program.architecture.cores + 1) + _entry_bits(program)
    sets = _sets(program)
    return 1 + max(one, _index_bits(sets)) if sets else one


def _sets(program: BinaryProgram) -> int:
    senders = _senders(program)
    return len({(at, r.targets) for _, at, r in senders if len(program.banks_by_core(r)) > 1})


def _senders(program: BinaryProgram) -> Iterator[tuple[str, Position, Route]]:
    for block, routes in zip(program.blocks, program.block_routes, strict=True):
        yield from ((block.layer, program.positions[block.core], route) for route in routes)
    for name, routes in program.host_routes.items():
        yield from ((name, (0, 0), route) for route in routes)


def _banks_in(program: BinaryProgram, core: int) -> int:
    return sum(len(program.blocks[block].banks) for block in program.blocks_of(core))


def _entry_bits(program: BinaryProgram) -> int:
    return _index_bits(max(map(len, entries_of(program).values()), default=0))


def _index_bits(count: int) -> int:
    return ceil(log2(count)) if count > 1 else 0


def _entries(values: np.ndarray, node: IntegerNeuron, block: Block) -> int:
    """Return how many different places a parameter has among the neurons of one core."""
    if values.size == 1:
        return 1
    places = np.arange(values.size).reshape(values.shape)
    ids = block.box.flat_ids(block.grid)
    return len(np.unique(np.broadcast_to(places, node.shape).ravel()[ids]))
