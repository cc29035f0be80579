"""Memories of a chip or of a graph, and what is kept in and moved through them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a memory is there for, from the network's side."""

    SYNAPSES = "synapses"
    STATES = "membranes"
    PARAMETERS = "parameters"
    TRANSPORT = "routes"


class Memory(StrEnum):
    """A kind of memory: one table or array that every core, or the graph itself, may have."""

    SYNAPSES = "synapses"
    """Weights of any width."""
    SIGNS = "signs"
    """The sign bits of binary synapses."""
    PRESENCE = "presence"
    """One bit a synapse that may be absent."""
    MEMBRANES = "membranes"
    CURRENTS = "currents"
    """Synaptic currents."""
    STATES = "states"
    """Membranes and currents, where a chip keeps them together."""
    ACCUMULATORS = "accumulators"
    """Sums of a step, before they reach a membrane."""
    PARAMETERS = "parameters"
    """Thresholds and biases together."""
    THRESHOLDS = "thresholds"
    BIASES = "biases"
    DECAYS = "decays"
    RESETS = "resets"
    """Potentials that neurons are reset to."""
    ROUTES = "routes"
    BRANCHES = "branches"
    """Of multicast sets, in routers."""
    BANK_SETS = "bank_sets"
    """Which banks of a core a source's events are for."""
    HISTORY = "history"
    """Spikes that are sent later."""
    FIFOS = "fifos"
    EXTERNAL = "external"
    """Memory outside the chip."""

    @property
    def purpose(self) -> Purpose:
        """What the memory is there for."""
        return _PURPOSES[self]


_PURPOSES = {
    Memory.SYNAPSES: Purpose.SYNAPSES,
    Memory.SIGNS: Purpose.SYNAPSES,
    Memory.PRESENCE: Purpose.SYNAPSES,
    Memory.MEMBRANES: Purpose.STATES,
    Memory.CURRENTS: Purpose.STATES,
    Memory.STATES: Purpose.STATES,
    Memory.ACCUMULATORS: Purpose.STATES,
    Memory.PARAMETERS: Purpose.PARAMETERS,
    Memory.THRESHOLDS: Purpose.PARAMETERS,
    Memory.BIASES: Purpose.PARAMETERS,
    Memory.DECAYS: Purpose.PARAMETERS,
    Memory.RESETS: Purpose.PARAMETERS,
    Memory.ROUTES: Purpose.TRANSPORT,
    Memory.BRANCHES: Purpose.TRANSPORT,
    Memory.BANK_SETS: Purpose.TRANSPORT,
    Memory.HISTORY: Purpose.TRANSPORT,
    Memory.FIFOS: Purpose.TRANSPORT,
    Memory.EXTERNAL: Purpose.TRANSPORT,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """What a node keeps in one kind of memory: a key of memory counts."""

    node: str
    memory: Memory


class Way(StrEnum):
    """The direction of an access."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Access:
    """One way to one kind of memory: a key of counts of moved bits."""

    way: Way
    memory: Memory
