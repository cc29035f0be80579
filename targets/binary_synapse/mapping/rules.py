"""What the machine can run: one verdict a node, every reason at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from axonc.toolchain.ir import (
    BIPOLAR,
    TERNARY,
    Delay,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    LeakyState,
    Node,
    Output,
    Overflow,
    Reset,
    SumPool,
)

from ...base import NodeVerdict, Verdict
from ..machine.architecture import Architecture
from ..program.program import Projection, has_absent_synapses
from ..program.projections import (
    ConvProjection,
    Grid,
    ProjectionError,
    follow,
    grid_of,
    paths_into,
    population_grids,
    spiking_sources,
)
from ..program.unrolling import UnrolledProjection, unrolled
from .layers import Layer, make_blocks
from .limits import limits
from .tiling import tile_layer
from .unrolled_tiling import tile_unrolled


@dataclass(frozen=True)
class Examination:
    """What becomes of a graph: a verdict a node, and the layers that fit cores.

    layers: in the order of execution, all of them where nothing is refused. grids: of every
    spiking node.
    """

    verdicts: tuple[NodeVerdict, ...]
    layers: tuple[Layer, ...]
    grids: dict[str, Grid]


def examine(graph: Graph, architecture: Architecture) -> Examination:
    """Return what `architecture` can run of `graph`, and everything that it cannot, node by node.

    What the network as a whole exceeds is told by the node that it comes from; it is found out for
    the layers that are known, whatever else is refused.
    """
    core = architecture.core
    reasons = {name: _alone(node, architecture) for name, node in graph.nodes.items()}
    refused = {name for name, found in reasons.items() if found}
    # Shapes of weighted nodes are known even where values are refused; unrolling looks at values.
    known = () if core.unrolls else (IntegerAffine, IntegerConv)
    unknown = {name for name in refused if not isinstance(graph.nodes[name], known)}
    try:
        grids = population_grids(graph)
    except ProjectionError:  # told below, by the node that it belongs to
        grids = {name: grid_of(graph.shapes[name]) for name in spiking_sources(graph)}

    def tell(name: str, why: str) -> None:
        if why not in reasons[name]:
            reasons[name].append(why)

    layers: list[Layer] = []
    for name in graph.order:
        node = graph.nodes[name]
        if not isinstance(node, (IntegerNeuron, Output)):
            continue
        if isinstance(node, IntegerNeuron) and not graph.incoming[name]:
            tell(name, "is fed by nothing")
            continue
        try:
            paths = paths_into(graph, name)
        except ProjectionError as error:
            tell(error.node, str(error))
            continue
        if isinstance(node, Output):
            _check_read_out(graph, name, reasons)
            continue
        into: list[Projection] = []
        for path in paths:
            if unknown & set(path.through):
                continue  # what it carries is not known
            try:
                found: Projection = follow(graph, path, grids)
                if core.unrolls and isinstance(found, ConvProjection):
                    found = unrolled(found)
                into.append(found)
            except ProjectionError as error:
                tell(error.node, str(error))
        if not into:
            continue
        if not refused & {through for path in paths for through in path.through}:
            reasons[name] += _accumulator_faults(into, architecture)
        rows_only = any(isinstance(projection, UnrolledProjection) for projection in into)
        tile = tile_unrolled if rows_only else tile_layer
        tiling = tile(grids[name], into, core)
        if isinstance(tiling, str):
            tell(name, tiling)
        elif len(into) == len(paths):
            layers.append(Layer(name, grids[name], tuple(into), tiling))
            if rows_only and not core.has_presence_plane and _has_absent(layers[-1]):
                tell(
                    name,
                    "is fed by a convolution whose matrix has absent synapses, and cores of "
                    f"{architecture.name!r} have no presence plane; set has_presence_plane = true",
                )
    for name, why in limits(graph, architecture, layers, grids):
        tell(name, why)
    verdicts = tuple(
        NodeVerdict(
            name,
            node.kind,
            Verdict.UNSUPPORTED if reasons[name] else Verdict.EXACT,
            "; ".join(reasons[name]),
        )
        for name, node in graph.nodes.items()
    )
    return Examination(verdicts, tuple(layers), grids)


def _has_absent(layer: Layer) -> bool:
    blocks = make_blocks([layer])
    return any(has_absent_synapses(bank, block) for block in blocks for bank in block.banks)


def _alone(node: Node, architecture: Architecture) -> list[str]:
    """Return what is wrong with one node, whatever stands around it."""
    match node:
        case Input() | Output() | Flatten() | Delay() | SumPool() if node.kind != "AvgPool":
            return []
        case IntegerAffine() | IntegerConv():
            return _weight_faults(node, architecture)
        case IntegerNeuron():
            return list(_neuron_faults(node, architecture))
    return [
        f"{node.kind} has real values and the machine has integers; lower the graph to the "
        "integer stage, or keep the node on the host"
    ]


def _weight_faults(node: IntegerAffine | IntegerConv, architecture: Architecture) -> list[str]:
    if not TERNARY.allows(node.weight):
        sizes = np.abs(node.weight.reshape(len(node.weight), -1).astype(np.int64))
        gains = sizes.max(axis=1)
        if ((sizes == 0) | (sizes == gains[:, None])).all() and len(gains) > 1:
            return [
                f"has binary synapses behind gains of {gains.min()} to {gains.max()} by output "
                "channel, which the neuron cannot take because other synapses feed it at other "
                "gains; train all that meets there with one gain by channel (one BatchNorm of "
                "their sum), or use target loihi"
            ]
        return [
            f"has weights from {node.weight.min()} to {node.weight.max()} ({node.weight_type}); a "
            "synapse of this machine is one sign bit: train the layer binary, keep it on the "
            "host, or use target loihi"
        ]
    if not architecture.core.has_presence_plane and not BIPOLAR.allows(node.weight):
        return [
            f"has {np.count_nonzero(node.weight == 0)} absent synapses and cores of "
            f"{architecture.name!r} have no presence plane; set has_presence_plane = true"
        ]
    return []


def _check_read_out(graph: Graph, name: str, reasons: dict[str, list[str]]) -> None:
    """An output takes the spikes of one neuron node, unchanged."""
    at, hops = name, 0
    while hops <= len(graph.nodes):
        edges = graph.incoming[at]
        if len(edges) != 1:
            reasons[at].append(
                f"sums {len(edges)} signals into a read-out; the machine sends out spikes: sum "
                "them on the host, one output node each"
            )
            return
        at, hops = edges[0].source, hops + 1
        if isinstance(graph.nodes[at], IntegerNeuron):
            return
        if not isinstance(graph.nodes[at], (Flatten, Delay)):
            reasons[at].append(
                "is read out as a number and not through a spiking neuron; keep it on the host, "
                "which counts the spikes before it, or end the network in neurons"
            )
            return


def _neuron_faults(node: IntegerNeuron, architecture: Architecture) -> Iterator[str]:
    core, name = architecture.core, architecture.name
    yield from _state_faults(node.membrane, "membrane", core.membrane_bits, architecture)
    if node.current is not None:
        if core.current_bits == 0:
            yield (
                f"has a synaptic current and cores of {name!r} have none; set current_bits to "
                f"{node.current.bits}"
            )
        else:
            yield from _state_faults(node.current, "current", core.current_bits, architecture)
    yield from _too_wide(node.threshold, "threshold", core.threshold_bits, name)
    yield from _too_wide(node.bias, "bias", core.bias_bits, name)
    if node.reset is Reset.HARD:
        yield from _too_wide(node.v_reset, "v_reset", core.membrane_bits, name)
    elif node.reset is Reset.SUBTRACT:
        # Only a negative threshold lets the potential after a spike exceed the one before.
        after = node.membrane.maximum - np.minimum(node.threshold, 0)
        yield from _too_wide(after, "potential after reset", core.membrane_bits, name)


def _state_faults(
    state: LeakyState, what: str, width: int, architecture: Architecture
) -> Iterator[str]:
    name = architecture.name
    if state.bits > width:
        yield (
            f"{what} from {state.minimum} to {state.maximum} takes {state.bits} bits, "
            f"{state.bits - width} more than the {width} of {name!r}: raise {what}_bits, or lower "
            "the network with fewer fraction bits"
        )
    if state.shift > architecture.core.decay_bits:
        yield (
            f"{what} decay by m/2^{state.shift} takes a shift of {state.shift}, "
            f"{state.shift - architecture.core.decay_bits} more than the "
            f"{architecture.core.decay_bits} of {name!r}"
        )
    half = 1 << (state.bits - 1)
    if state.overflow is Overflow.WRAP and (state.minimum, state.maximum) != (-half, half - 1):
        yield (
            f"{what} wraps at {state.minimum} and {state.maximum}; an adder wraps at "
            f"{-half} and {half - 1}: choose that range or saturate"
        )


def _too_wide(values: np.ndarray, what: str, width: int, architecture: str) -> Iterator[str]:
    bits = signed_bits(values)
    if int(bits.max()) > width:
        worst = int(bits.argmax())
        yield (
            f"{what} of neuron {worst} is {values.flat[worst]} and takes {bits.flat[worst]} bits, "
            f"{bits.flat[worst] - width} more than the {width} of {architecture!r}"
            + (f" ({np.count_nonzero(bits > width)} in all)" if values.size > 1 else "")
        )


def _accumulator_faults(into: list[Projection], architecture: Architecture) -> list[str]:
    least, most = sums_range(into)
    width = architecture.core.accumulator_bits
    bits = np.maximum(signed_bits(least), signed_bits(most))
    worst = int(bits.argmax())
    if bits[worst] <= width:
        return []
    return [
        f"the sum of neuron {worst} lies between {least[worst]} and {most[worst]} and takes "
        f"{bits[worst]} bits, {bits[worst] - width} more than accumulator_bits = {width} of "
        f"{architecture.name!r} ({np.count_nonzero(bits > width)} neurons in all)"
    ]


def sums_range(into: list[Projection]) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and greatest sum of each target neuron, with at most one spike a source."""
    ranges = [projection.sums_range() for projection in into]
    least = np.sum([low for low, _ in ranges], axis=0)
    most = np.sum([high for _, high in ranges], axis=0)
    return least, most


def signed_bits(values: np.ndarray) -> np.ndarray:
    """Return the width of each value in two's complement."""
    magnitudes = np.where(values < 0, -values - 1, values).astype(np.int64)
    # frexp is exact here: magnitudes stay below 2^53 (widths are at most 41 bits by the IR).
    return (np.frexp(magnitudes.astype(np.float64))[1] + 1).astype(np.int64)
