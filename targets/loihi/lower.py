"""An integer graph into Loihi's terms: a verdict for every node, and the network if all agree."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import (
    Delay,
    Flatten,
    Graph,
    IntegerNeuron,
    NoNeuronOnLoop,
    Output,
    Range,
    Stage,
    paths_into,
)

from ..base import NodeVerdict, Verdict
from .chip import Chip
from .compartments import Compartments, compartments_of
from .connection import Connection, Refusal, connection_of
from .encode import encoded_weights
from .network import ALIGN_SHIFT, Network, Population, SynapseGroup
from .schedule import Timing, depths_of, synaptic_delay
from .soft_reset import as_hard_reset
from .splitting import Split, split_network


@dataclass
class Lowering:
    """What became of a graph. network and graph are None while any node is unsupported.

    graph: the integer graph that equals the network on every bin.
    """

    source: Graph
    chip: Chip
    reasons: dict[str, list[str]] = field(default_factory=dict)
    losses: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    network: Network | None = None
    graph: Graph | None = None
    split: Split | None = None

    def __post_init__(self) -> None:
        for found in (self.reasons, self.losses, self.notes):
            found.update({name: [] for name in self.source.nodes})

    def refuse(self, node: str, reason: str) -> None:
        """Say why a node is unsupported, once."""
        if reason not in self.reasons[node]:
            self.reasons[node].append(reason)

    def rows(self) -> tuple[NodeVerdict, ...]:
        """Return the verdict of every node, in the order of the graph."""
        return tuple(self._row(name) for name in self.source.nodes)

    def _row(self, name: str) -> NodeVerdict:
        kind, notes = self.source.nodes[name].kind, self.notes[name]
        if reasons := self.reasons[name]:
            return NodeVerdict(name, kind, Verdict.UNSUPPORTED, "; ".join(reasons))
        verdict = Verdict.APPROXIMATE if self.losses[name] else Verdict.EXACT
        told = dict.fromkeys([*self.losses[name], *notes])
        return NodeVerdict(name, kind, verdict, "; ".join(told))


def lower(graph: Graph, chip: Chip) -> Lowering:
    """Lower an integer graph as far as it goes, collecting every reason against it.

    Raises:
        InputError: the graph is not integer.
    """
    if graph.stage is not Stage.INTEGER:
        raise InputError(
            f"graph {graph.name!r} for loihi",
            got=f"the {graph.stage} stage",
            expected="the integer stage",
            remedy="lower it with axonc.toolchain.driver.lower and take its integer graph",
        )
    lowering = Lowering(graph, chip)
    neurons = graph.of_type(IntegerNeuron)
    connections: list[Connection] = []
    compartments: dict[str, Compartments] = {}
    for name, neuron in neurons.items():
        into = _connections(lowering, name)
        connections += into
        sums = _sum_range(neuron, into)
        if hard := as_hard_reset(neuron, sums.high):
            lowering.notes[name].append(
                "its reset by subtraction leaves nothing that the next step keeps, so it is the "
                "reset to 0"
            )
        made, reasons = compartments_of(hard or neuron, sums, chip)
        for reason in reasons:
            lowering.refuse(name, reason)
        if made is not None:
            compartments[name] = made
            lowering.losses[name] += made.losses
            lowering.notes[name] += _register_notes(made, chip)
    outputs = {name: _read_population(lowering, name) for name in graph.outputs}
    depths = _depths(lowering, connections)
    if any(lowering.reasons.values()) or depths is None:
        return lowering
    groups = [
        group
        for connection in connections
        for group in _groups(lowering, connection, compartments, depths)
    ]
    populations = tuple(
        _population(name, neurons[name], compartments[name], depths[name]) for name in neurons
    )
    _refuse_early_spikes(lowering, connections, populations)
    if any(lowering.reasons.values()):
        return lowering
    network = Network(
        inputs={name: node.shape for name, node in graph.inputs.items()},
        populations=tuple(sorted(populations, key=lambda p: p.depth)),
        synapses=tuple(groups),
        outputs={name: population for name, population in outputs.items() if population},
    )
    split = split_network(network, chip)
    for population, violation in split.violations():
        lowering.refuse(population, violation)
    if not any(lowering.reasons.values()):
        lowering.network, lowering.split = network, split
        neurons_made = {name: made.neuron for name, made in compartments.items()}
        lowering.graph = graph.with_nodes(neurons_made)
    return lowering


def _connections(lowering: Lowering, neuron: str) -> list[Connection]:
    found = []
    try:
        paths = paths_into(lowering.source, neuron)
    except NoNeuronOnLoop as fault:
        lowering.refuse(fault.node, f"{fault}; put a neuron into the loop")
        return []
    for path in paths:
        try:
            found.append(connection_of(lowering.source, path))
        except Refusal as refusal:
            lowering.refuse(refusal.node, refusal.reason)
    return found


def _sum_range(neuron: IntegerNeuron, into: list[Connection]) -> Range:
    """Return the range of the sums that the spikes of one step can bring."""
    total = Range(np.zeros(neuron.shape, np.int64), np.zeros(neuron.shape, np.int64))
    for connection in into:
        sums = connection.sum_range()
        total += Range(sums.low.reshape(neuron.shape), sums.high.reshape(neuron.shape))
    return total


def _read_population(lowering: Lowering, output: str) -> str | None:
    """Return the population that an output shows, through nothing but a change of shape."""
    graph = lowering.source
    name = graph.origin(output)
    node = graph.nodes[name]
    if isinstance(node, IntegerNeuron):
        (path,) = paths_into(graph, output)
        late = path.delay or any(isinstance(graph.nodes[n], Delay) for n in path.through)
        if not late:
            return name
        lowering.refuse(output, "must read a population without delay; delay it on the host")
    elif isinstance(node, Delay | Flatten | Output):
        lowering.refuse(output, "must read one population; read each by an output of its own")
    else:
        lowering.refuse(
            output,
            f"reads {name!r} ({node.kind}), which sends no spikes; end the network with a spiking "
            "neuron",
        )
    return None


def _depths(lowering: Lowering, connections: list[Connection]) -> dict[str, int] | None:
    graph = lowering.source
    timings = [Timing(c.path.source, c.path.target, int(c.delay.min())) for c in connections]
    names = list(graph.of_type(IntegerNeuron))
    depths: dict[str, int] | None = depths_of(names, list(graph.inputs), timings)
    if depths is None:
        for edge in graph.edges:
            if edge.delay:
                lowering.refuse(
                    edge.target,
                    f"closes a loop by the edge {edge.source!r} -> {edge.target!r} that is faster "
                    "than the chip, where every connection takes one step; delay the edge by as "
                    "many steps as the loop has populations",
                )
    return depths


def _groups(
    lowering: Lowering,
    connection: Connection,
    compartments: dict[str, Compartments],
    depths: dict[str, int],
) -> list[SynapseGroup]:
    """Return the synapses of one connection; two groups where one cannot hold both signs."""
    path, chip = connection.path, lowering.chip
    blamed = next((n for n in path.through if hasattr(lowering.source.nodes[n], "weight")), None)
    node = blamed or path.target
    made = compartments[path.target]
    encodings = encoded_weights(connection.weight, made.weight_shift, chip)
    if isinstance(encodings, str):
        lowering.refuse(node, encodings)
        return []
    added = synaptic_delay(0, depths[path.source], depths[path.target])
    delay = connection.delay + added
    if int(delay.max()) > chip["delay_max"]:
        delayed = [n for n in path.through if isinstance(lowering.source.nodes[n], Delay)]
        lowering.refuse(
            delayed[0] if delayed else node,
            f"a synaptic delay of {int(delay.max())} steps is above the {chip['delay_max']} that "
            f"{chip.title} can store; shorten it",
        )
        return []
    if blamed:
        lowering.notes[node] += [
            f"{encoding.bits}-bit {encoding.sign} synapses, exponent {encoding.exponent}"
            for encoding in encodings
        ]
    for other in path.through:
        if other != blamed:
            lowering.notes[other].append(f"part of the synapses onto {path.target!r}")
    name = f"{'+'.join(path.through) or path.source}->{path.target}"
    return [
        SynapseGroup(
            name=name if len(encodings) == 1 else f"{name} {encoding.sign}",
            source=path.source,
            target=path.target,
            weight=encoding.weight,
            bits=encoding.bits,
            sign=encoding.sign,
            exponent=encoding.exponent,
            delay=delay,
            nodes=path.through,
            kernel=connection.kernel,
        )
        for encoding in encodings
    ]


def _population(name: str, neuron: IntegerNeuron, made: Compartments, depth: int) -> Population:
    return Population(
        name, neuron.shape, made.du, made.dv, made.vth, made.bias_mant, made.bias_exp, depth
    )


def _register_notes(made: Compartments, chip: Chip) -> list[str]:
    """Say how many threshold configurations a population takes, where a core lacks them."""
    thresholds = np.unique(made.vth).size
    room = chip["threshold_configurations_per_core"]
    if thresholds <= room:
        return []
    return [
        f"{thresholds} different thresholds, while a core of {chip.title} holds {room} threshold "
        "configurations, so it is spread over more cores, unless 'loihi{thresholds=measured}' "
        "with --calibrate finds a way that takes fewer"
    ]


def _refuse_early_spikes(
    lowering: Lowering, connections: list[Connection], populations: tuple[Population, ...]
) -> None:
    """Refuse what would spike in the steps before its own step 0, where a delay would show it.

    Until then a bias has been at work. Along undelayed paths those spikes arrive before the target
    is cleared; along delayed ones they would arrive after it.
    """
    if not any(np.any(connection.delay > 0) for connection in connections):
        return
    for p in populations:
        v = np.zeros(p.shape, np.int64)
        for _ in range(p.depth):
            v = (v * (4096 - p.dv) >> 12) + p.bias
            if np.any(v > p.vth << ALIGN_SHIFT):
                lowering.refuse(
                    p.name,
                    "its bias alone makes it spike before its first step, and the network has "
                    "delays that would carry such spikes on; use a smaller bias",
                )
                break
