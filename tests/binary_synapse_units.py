"""The parts of the naive machine: flits, what sends them, cores, and blocks of neurons."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from axonc.targets.binary_synapse.program.program import Block
from axonc.toolchain.ir import IntegerNeuron, Reset


class Flit(NamedTuple):
    targets: tuple[tuple[int, int], ...]  # (block or HOST, bank), several in a core or in several
    source: int  # flat position in the source node; for a partial sum the neuron
    value: int | None = None  # a partial sum


class Sender:
    """What injects flits at one router port, in order, each not before its cycle."""

    def __init__(self, port: tuple[int, int, int]) -> None:
        self.port = port
        self.queue: deque[tuple[int, Flit]] = deque()
        self.waits = 0


@dataclass
class CoreModel:
    sender: Sender
    blocks: list[BlockModel]

    def __post_init__(self) -> None:
        self.events: deque[Flit] = deque()
        self.most = self.free = self.walk = self.taken = 0


@dataclass
class BlockModel:
    number: int
    block: Block

    def __post_init__(self) -> None:
        self.ids = self.block.box.flat_ids(self.block.grid)
        self.phase = self.walk = 0
        self.fired: dict[int, list[tuple[int, int]]] = {}  # step -> (flat position, slot)
        self.sums = np.zeros(len(self.ids), np.int64)
        self.membranes = np.zeros(len(self.ids), np.int64)
        self.currents = np.zeros(len(self.ids), np.int64)

    def update(self, node: IntegerNeuron) -> np.ndarray:
        """Do one step of all neurons; return which fire."""

        def own(values: np.ndarray) -> np.ndarray:
            return np.broadcast_to(values, node.shape).ravel()[self.ids]

        def leaked(state, values):  # type: ignore[no-untyped-def]
            product = values * own(state.multiplier)
            if state.rounding == "floor":
                return product >> state.shift
            return np.sign(product) * (np.abs(product) >> state.shift)

        i = self.sums << node.fraction_bits
        if node.current is not None:
            i = self.currents = node.current.fit(leaked(node.current, self.currents) + i)
        u = node.membrane.fit(leaked(node.membrane, self.membranes) + i + own(node.bias))
        z = u > own(node.threshold)
        after = own(node.v_reset) if node.reset is Reset.HARD else u - own(node.threshold)
        self.membranes = np.where(z, after, u)
        self.sums[:] = 0
        return z
