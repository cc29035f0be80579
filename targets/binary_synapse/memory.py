"""How many bits of each memory a program occupies."""

from __future__ import annotations

from collections import Counter
from math import ceil, log2, prod

import numpy as np

from axonc.toolchain.ir import IntegerNeuron, Reset

from .program import BinaryProgram, Block, has_absent_synapses, stored_synapses


def memory_bits(program: BinaryProgram) -> dict[str, int]:
    """Return occupied bits as {"NODE.MEMORY": bits}, summed over cores.

    Signs and presence belong to the weighted node, everything else to the neuron node. Presence
    bits exist only in banks that have absent synapses. Thresholds, biases, decays and reset
    potentials are stored once for all neurons of a core that share them along an axis.
    """
    size = program.architecture.core
    bits: Counter[str] = Counter()
    for number, block in enumerate(program.blocks):
        for bank in block.banks:
            synapses = stored_synapses(bank, block)
            if synapses:
                bits[f"{bank.projection.layer}.signs"] += synapses
                if has_absent_synapses(bank, block):
                    bits[f"{bank.projection.layer}.presence"] += synapses
        neurons = block.box.volume
        bits[f"{block.layer}.accumulators"] += neurons * size.accumulator_bits
        if block.helps is not None:
            continue
        node = program.neuron(block.layer)
        bits[f"{block.layer}.membranes"] += neurons * size.membrane_bits
        bits[f"{block.layer}.thresholds"] += (
            _entries(node.threshold, node, block) * size.threshold_bits
        )
        if node.bias.any():
            bits[f"{block.layer}.biases"] += _entries(node.bias, node, block) * size.bias_bits
        multiplier_bits = size.decay_bits + 1
        if (node.membrane.multiplier != 1 << node.membrane.shift).any():
            entries = _entries(node.membrane.multiplier, node, block)
            bits[f"{block.layer}.decays"] += entries * multiplier_bits
        if node.current is not None:
            bits[f"{block.layer}.currents"] += neurons * size.current_bits
            entries = _entries(node.current.multiplier, node, block)
            bits[f"{block.layer}.decays"] += entries * multiplier_bits
        if node.reset is Reset.HARD and node.v_reset.any():
            bits[f"{block.layer}.resets"] += (
                _entries(node.v_reset, node, block) * size.membrane_bits
            )
        routes = program.block_routes[number]
        bits[f"{block.layer}.routes"] += len(routes) * route_bits(program)
        if held := max((route.hold_steps for route in routes), default=0):
            bits[f"{block.layer}.history"] += held * neurons
    return {name: count for name, count in bits.items() if count}


def flit_bits(program: BinaryProgram) -> int:
    """Return the width of a flit: destination core, bank, source (or a partial sum and its neuron).

    As wide as this program needs it.
    """
    size = program.architecture.core
    sources = max(prod(grid) for grid in program.grids.values())
    payload = _index_bits(sources)
    if any(block.helps is not None for block in program.blocks):
        payload = max(payload, size.accumulator_bits + _index_bits(size.neurons))
    return _index_bits(program.architecture.cores + 1) + _bank_bits(program) + payload


def route_bits(program: BinaryProgram) -> int:
    """Return the width of a line of a routing table: core, bank, box of sources, steps held."""
    box = sum(
        2 * _index_bits(max(grid[axis] for grid in program.grids.values()) + 1) for axis in range(3)
    )
    routes = [route for table in program.block_routes for route in table]
    held = _index_bits(max((route.hold_steps for route in routes), default=0) + 1)
    return _index_bits(program.architecture.cores + 1) + _bank_bits(program) + box + held


def _bank_bits(program: BinaryProgram) -> int:
    return _index_bits(max(len(block.banks) for block in program.blocks))


def _index_bits(count: int) -> int:
    return ceil(log2(count)) if count > 1 else 0


def _entries(values: np.ndarray, node: IntegerNeuron, block: Block) -> int:
    """Return how many different places a parameter has among the neurons of one core."""
    if values.size == 1:
        return 1
    places = np.arange(values.size).reshape(values.shape)
    ids = block.box.flat_ids(block.grid)
    return len(np.unique(np.broadcast_to(places, node.shape).ravel()[ids]))
