"""What people read in place of the short names that files and options use."""

from __future__ import annotations

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

_PURPOSES = {
    "signs": "synapses",
    "presence": "synapses",
    "states": "membranes",
    "currents": "membranes",
    "accumulators": "membranes",
    "thresholds": "parameters",
    "biases": "parameters",
    "decays": "parameters",
}

_EVENT_GROUPS = {
    "synapse": "synapses",
    "synaptic": "synapses",
    "neuron": "neurons",
    "memory": "memory",
    "add": "arithmetic",
    "multiply": "arithmetic",
    "spike": "transport",
    "hop": "transport",
}


def engine_name(key: str) -> str:
    """Return what to call an engine."""
    return ENGINES.get(key, key)


def network_name(target: str) -> str:
    """Return what to call the network as it is costed on `target`."""
    return NETWORKS.get(target, target)


def pair_name(key: str) -> str:
    """Return what to call a pair of stages, `ONE / OTHER`."""
    return " ↔ ".join(engine_name(part) for part in key.split(" / "))


def purpose(part: str) -> str:
    """Return what a part of memory is for, from the last word of its name (`lif1 membranes`)."""
    word = part.replace(".", " ").rsplit(" ", 1)[-1]
    return _PURPOSES.get(word, word)


def event_name(event: str) -> str:
    """Return an event of an energy profile as words."""
    return event.replace("_", " ")


def event_group(event: str) -> str:
    """Return what an event of an energy profile belongs to, from the first word of its name."""
    return _EVENT_GROUPS.get(event.split("_", 1)[0], "other")
