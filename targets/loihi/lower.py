"""Lower an integer graph to Loihi: a verdict for every node, and the network if none is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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

from .chip import Chip
from .chip_lowering import ChipLowering
from .compartments import Compartments, compartments_of
from .encode import encoded_weights
from .network import ALIGN_SHIFT, DECAY_SHIFT, GroupName, Network, Population, SynapseGroup
from .partition import partition_network
from .projection import Projection, Refusal, projection_of
from .schedule import PopulationEdge, depths_of, synaptic_delay
from .soft_reset import as_hard_reset


def lower(graph: Graph, chip: Chip) -> ChipLowering:
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
    lowering = ChipLowering(graph, chip)
    projections = {name: _projections_into(lowering, name) for name in graph.of_type(IntegerNeuron)}
    compartments = _compartments(lowering, projections)
    outputs = {name: _read_population(lowering, name) for name in graph.outputs}
    every = [projection for into in projections.values() for projection in into]
    depths = _depths(lowering, every)
    if lowering.refused or depths is None:
        return lowering
    network = _network(lowering, every, compartments, outputs, depths)
    if lowering.refused:
        return lowering
    partition = partition_network(network, chip)
    for population, violation in partition.violations():
        lowering.refuse(population, violation)
    if not lowering.refused:
        lowering.network, lowering.partition = network, partition
        lowering.graph = graph.with_nodes({n: made.neuron for n, made in compartments.items()})
    return lowering


def _compartments(
    lowering: ChipLowering, projections: Mapping[str, list[Projection]]
) -> dict[str, Compartments]:
    """Return the compartments of every population that has some."""
    found: dict[str, Compartments] = {}
    for name, neuron in lowering.source.of_type(IntegerNeuron).items():
        sums = _sum_range(neuron, projections[name])
        if hard := as_hard_reset(neuron, sums.high):
            lowering.notes[name].append(
                "its reset by subtraction leaves nothing that the next step keeps, so it is the "
                "reset to 0"
            )
        made, reasons = compartments_of(hard or neuron, sums, lowering.chip)
        for reason in reasons:
            lowering.refuse(name, reason)
        if made is not None:
            found[name] = made
            lowering.losses[name] += made.losses
            lowering.notes[name] += _register_notes(made, lowering.chip)
    return found


def _network(
    lowering: ChipLowering,
    projections: list[Projection],
    compartments: Mapping[str, Compartments],
    outputs: Mapping[str, str | None],
    depths: Mapping[str, int],
) -> Network:
    """Return the network of a graph of which every node is supported by itself."""
    graph = lowering.source
    groups = [
        group
        for projection in projections
        for group in _groups(lowering, projection, compartments, depths)
    ]
    populations = [
        _population(name, neuron, compartments[name], depths[name])
        for name, neuron in graph.of_type(IntegerNeuron).items()
    ]
    _refuse_early_spikes(lowering, projections, populations)
    return Network(
        inputs={name: node.shape for name, node in graph.inputs.items()},
        populations=tuple(sorted(populations, key=lambda p: p.depth)),
        synapses=tuple(groups),
        outputs={name: population for name, population in outputs.items() if population},
    )


def _projections_into(lowering: ChipLowering, neuron: str) -> list[Projection]:
    found = []
    try:
        paths = paths_into(lowering.source, neuron)
    except NoNeuronOnLoop as fault:
        lowering.refuse(fault.node, f"{fault}; put a neuron into the loop")
        return []
    for path in paths:
        try:
            found.append(projection_of(lowering.source, path))
        except Refusal as refusal:
            lowering.refuse(refusal.node, refusal.reason)
    return found


def _sum_range(neuron: IntegerNeuron, into: list[Projection]) -> Range:
    """Return the range of the sums that the spikes of one step can bring."""
    total = Range(np.zeros(neuron.shape, np.int64), np.zeros(neuron.shape, np.int64))
    for projection in into:
        sums = projection.sum_range()
        total += Range(sums.low.reshape(neuron.shape), sums.high.reshape(neuron.shape))
    return total


def _read_population(lowering: ChipLowering, output: str) -> str | None:
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


def _depths(lowering: ChipLowering, projections: list[Projection]) -> dict[str, int] | None:
    graph = lowering.source
    edges = [PopulationEdge(p.path.source, p.path.target, int(p.delay.min())) for p in projections]
    depths = depths_of(list(graph.of_type(IntegerNeuron)), list(graph.inputs), edges)
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
    lowering: ChipLowering,
    projection: Projection,
    compartments: Mapping[str, Compartments],
    depths: Mapping[str, int],
) -> list[SynapseGroup]:
    """Return the synapses of one projection; two groups where one cannot hold both signs."""
    path, chip = projection.path, lowering.chip
    blamed = next((n for n in path.through if hasattr(lowering.source.nodes[n], "weight")), None)
    node = blamed or path.target
    made = compartments[path.target]
    encodings = encoded_weights(projection.weight, made.weight_shift, chip)
    if isinstance(encodings, str):
        lowering.refuse(node, encodings)
        return []
    added = synaptic_delay(0, depths[path.source], depths[path.target])
    delay = projection.delay + added
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
    return [
        SynapseGroup(
            name=GroupName(
                path.source,
                path.through,
                path.target,
                encoding.sign if len(encodings) > 1 else None,
            ),
            source=path.source,
            target=path.target,
            weight=encoding.weight,
            bits=encoding.bits,
            sign=encoding.sign,
            exponent=encoding.exponent,
            delay=delay,
            nodes=path.through,
            kernel=projection.kernel,
        )
        for encoding in encodings
    ]


def _population(name: str, neuron: IntegerNeuron, made: Compartments, depth: int) -> Population:
    return Population(
        name, neuron.shape, made.du, made.dv, made.vth, made.bias_mant, made.bias_exp, depth
    )


def _register_notes(made: Compartments, chip: Chip) -> list[str]:
    """Return a note if a population has more different thresholds than a core holds."""
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
    lowering: ChipLowering, projections: list[Projection], populations: Iterable[Population]
) -> None:
    """Refuse what would spike in the steps before its own step 0, where a delay would show it.

    The bias acts in those steps already. Along undelayed paths those spikes arrive before the
    target is cleared; along delayed ones they would arrive after it.
    """
    if not any(np.any(projection.delay > 0) for projection in projections):
        return
    for p in populations:
        v = np.zeros(p.shape, np.int64)
        for _ in range(p.depth):
            v = (v * ((1 << DECAY_SHIFT) - p.dv) >> DECAY_SHIFT) + p.bias
            if np.any(v > p.vth << ALIGN_SHIFT):
                lowering.refuse(
                    p.name,
                    "its bias alone makes it spike before its first step, and the network has "
                    "delays that would carry such spikes on; use a smaller bias",
                )
                break
