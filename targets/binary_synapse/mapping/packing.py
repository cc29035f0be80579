"""Put blocks of neurons into cores: one each, or several small ones together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..machine.architecture import Architecture, Packing
from ..program.program import Block


def pack(blocks: list[Block], architecture: Architecture) -> list[Block] | None:
    """Return the blocks with the numbers of their cores, or None where the mesh is too small.

    A core holds blocks up to its axons, neurons, synapse bits and block registers. The largest
    block comes first, by the largest share that it takes of axons, neurons or bits. With packing
    `as-needed` each goes to the emptiest core that has room, so that each has a core of its own
    while there are enough. If that fails, or packing is `always`, each goes to the fullest core
    that has room. Cores are then numbered in the order of their first blocks.
    """
    if len(blocks) <= architecture.cores and architecture.packing is Packing.AS_NEEDED:
        return [replace(block, core=number) for number, block in enumerate(blocks)]
    core = architecture.core
    limits = np.array([core.axons, core.neurons, core.synapse_capacity_bits, core.blocks])
    needs = np.array([_needs(block) for block in blocks]).reshape(-1, 4)
    order = np.argsort(-(needs / limits)[:, :3].max(axis=1), kind="stable")
    for emptiest in (True, False):
        if emptiest and architecture.packing is Packing.ALWAYS:
            continue
        chosen = _filled(needs[order], limits, architecture.cores, emptiest)
        if chosen is not None:
            places = np.empty(len(order), np.int64)
            places[order] = chosen
            number = {place: n for n, place in enumerate(dict.fromkeys(places.tolist()))}
            return [
                replace(block, core=number[place])
                for block, place in zip(blocks, places.tolist(), strict=True)
            ]
    return None


def _needs(block: Block) -> tuple[int, int, int, int]:
    """Return what a block takes of a core: axons, neurons, synapse bits, block registers."""
    bits = sum(block.stored_synapses(bank) for bank in block.banks)
    return block.axon_count, block.box.volume, bits, 1


def _filled(needs: np.ndarray, limits: np.ndarray, cores: int, emptiest: bool) -> list[int] | None:
    """Return a core for each block in turn, the first of the emptiest or of the fullest."""
    used = np.zeros((cores, len(limits)), np.int64)
    chosen = []
    for need in needs:
        fits = (used + need <= limits).all(axis=1)
        if not fits.any():
            return None
        load = (used / limits)[:, :3].max(axis=1)
        core = int(np.where(fits, load if emptiest else -load, np.inf).argmin())
        used[core] += need
        chosen.append(core)
    return chosen
