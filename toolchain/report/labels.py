"""What people read in place of the short names that files and options use."""

from __future__ import annotations

from ..cost import Event

ENGINES = {
    "norse": "norse",
    "reference_float": "float reference",
    "reference_int": "integer reference",
    "loihi_int": "Loihi's integers",
    "loihi": "Loihi emulator",
    "lava": "Lava",
    "binary_synapse": "accelerator",
}
"""Engines of the demo, by their keys in result.json."""

NUMBERS = {
    "norse": "float32",
    "reference_float": "float64",
    "lava": "integers, Lava's own processes",
    "binary_synapse": "integers, cycle by cycle",
}
"""What an engine computes in, where it is not plain integers."""

NETWORKS = {
    "float32": "32-bit float, no chip",
    "integers": "integers, no chip",
    "reference": "integers, no chip",
    "loihi": "Loihi",
    "binary_synapse": "binary-synapse accelerator",
}
"""What a cost is a cost of, by `target` of a cost report."""

_ENERGY_GROUPS = {
    "synapses": (
        Event.SYNAPTIC_OPERATION,
        Event.SYNAPTIC_OPERATION_DENSE,
        Event.SYNAPTIC_OPERATION_SPARSE,
        Event.SYNAPTIC_OPERATION_CONV,
        Event.SYNAPSE_WALKED,
        Event.MULTIPLY_ACCUMULATE,
    ),
    "neurons": (Event.NEURON_UPDATE, Event.NEURON_UPDATE_ACTIVE, Event.NEURON_UPDATE_INACTIVE),
    "memory": (
        Event.MEMORY_BIT_8KB,
        Event.MEMORY_BIT_32KB,
        Event.MEMORY_BIT_1MB,
        Event.EXTERNAL_BIT,
    ),
    "arithmetic": (Event.ADD_8BIT, Event.ADD_16BIT, Event.ADD_32BIT, Event.MULTIPLY_32BIT),
    "transport": (
        Event.SPIKE_GENERATED,
        Event.SPIKE_MESSAGE,
        Event.MESSAGE_SENT,
        Event.MESSAGE_RECEIVED,
        Event.HOP_EAST_WEST,
        Event.HOP_NORTH_SOUTH,
        Event.HOP_BETWEEN_CHIPS,
    ),
}
_GROUP_OF = {event: group for group, events in _ENERGY_GROUPS.items() for event in events}


def engine_name(key: str) -> str:
    """Return what to call an engine."""
    return ENGINES.get(key, key)


def network_name(target: str) -> str:
    """Return what to call the network as it is costed on `target`."""
    return NETWORKS.get(target, target)


def pair_name(key: str) -> str:
    """Return what to call a pair of stages, `ONE / OTHER`."""
    return " ↔ ".join(engine_name(part) for part in key.split(" / "))


def event_name(event: str) -> str:
    """Return an event of an energy profile as words."""
    return event.replace("_", " ")


def event_group(event: Event) -> str:
    """Return what the energy of an event is spent on."""
    return _GROUP_OF[event]
