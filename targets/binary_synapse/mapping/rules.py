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
    SignalPath,
    SumPool,
)

from ...base import NodeVerdict, Verdict
from ..machine.architecture import Architecture, CoreParameters
from ..program.box import Grid, grid_of
from ..program.paths import (
    ProjectionError,
    as_rows,
    follow,
    paths_into,
    population_grids,
    spiking_sources,
    sum_range,
)
from ..program.projections import Projection, RowProjection
from .layers import Layer, make_blocks
from .limits import limits
from .tiling import Tiling, tile_layer
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
    examiner = _Examiner.of(graph, architecture)
    layers = [layer for name in graph.order if (layer := examiner.layer(name)) is not None]
    for name, why in limits(graph, architecture, layers, examiner.grids):
        examiner.tell(name, why)
    return Examination(examiner.verdicts(), tuple(layers), examiner.grids)


@dataclass(frozen=True)
class _Examiner:
    """What is found out about the nodes of a graph, one by one.

    reasons: by node, why it cannot run. refused: nodes that cannot run wherever they stand.
    unknown: those of them that no path can be followed through.
    """

    graph: Graph
    architecture: Architecture
    reasons: dict[str, list[str]]
    refused: frozenset[str]
    unknown: frozenset[str]
    grids: dict[str, Grid]

    @classmethod
    def of(cls, graph: Graph, architecture: Architecture) -> _Examiner:
        """Return what is known of each node alone, and the grids of the populations."""
        reasons = {name: _alone(node, architecture) for name, node in graph.nodes.items()}
        refused = frozenset(name for name, found in reasons.items() if found)
        # Shapes of connections are known even where values are refused; unrolling needs the values.
        known = () if architecture.core.unrolls else (IntegerAffine, IntegerConv)
        unknown = frozenset(name for name in refused if not isinstance(graph.nodes[name], known))
        try:
            grids = population_grids(graph)
        except ProjectionError:  # told with the layer that it belongs to
            grids = {name: grid_of(graph.shapes[name]) for name in spiking_sources(graph)}
        return cls(graph, architecture, reasons, refused, unknown, grids)

    def tell(self, name: str, why: str) -> None:
        """Add a reason against a node, once."""
        if why not in self.reasons[name]:
            self.reasons[name].append(why)

    def verdicts(self) -> tuple[NodeVerdict, ...]:
        """Return the verdict of every node."""
        return tuple(
            NodeVerdict(
                name,
                node.kind,
                Verdict.UNSUPPORTED if self.reasons[name] else Verdict.EXACT,
                "; ".join(self.reasons[name]),
            )
            for name, node in self.graph.nodes.items()
        )

    def layer(self, name: str) -> Layer | None:
        """Return the layer of a neuron node; None, and why, where it fits no cores.

        Of an output, whether it reads one neuron node; other nodes have no layer.
        """
        node = self.graph.nodes[name]
        if not isinstance(node, (IntegerNeuron, Output)):
            return None
        if isinstance(node, IntegerNeuron) and not self.graph.incoming[name]:
            self.tell(name, "is fed by nothing")
            return None
        try:
            paths = paths_into(self.graph, name)
        except ProjectionError as error:
            self.tell(error.node, str(error))
            return None
        if isinstance(node, Output):
            self._check_read_out(name)
            return None
        into = self._projections(paths)
        if not into:
            return None
        if not self.refused & {through for path in paths for through in path.through}:
            self.reasons[name] += _accumulator_faults(self.graph, name, self.architecture)
        tiling = _tiled(self.grids[name], into, self.architecture.core)
        if isinstance(tiling, str):
            self.tell(name, tiling)
            return None
        if len(into) < len(paths):
            return None
        layer = Layer(name, self.grids[name], tuple(into), tiling)
        self._check_presence(layer)
        return layer

    def _projections(self, paths: list[SignalPath]) -> list[Projection]:
        """Return what lies on each path that can be followed."""
        found: list[Projection] = []
        for path in paths:
            if self.unknown & set(path.through):
                continue  # what it carries is not known
            try:
                projection = follow(self.graph, path, self.grids)
                found.append(as_rows(projection) if self.architecture.core.unrolls else projection)
            except ProjectionError as error:
                self.tell(error.node, str(error))
        return found

    def _check_presence(self, layer: Layer) -> None:
        """A convolution that is unrolled may have absent synapses though its kernel has none."""
        unrolls = not all(projection.cuts_channels for projection in layer.projections)
        if not unrolls or self.architecture.core.has_presence_plane:
            return
        blocks = make_blocks([layer])
        if any(block.has_absent_synapses(bank) for block in blocks for bank in block.banks):
            self.tell(
                layer.name,
                "is fed by a convolution whose matrix has absent synapses, and cores of "
                f"{self.architecture.name!r} have no presence plane; set has_presence_plane = true",
            )

    def _check_read_out(self, output: str) -> None:
        """An output takes the spikes of one neuron node, unchanged."""
        at = self.graph.origin(output)
        node = self.graph.nodes[at]
        if isinstance(node, (Flatten, Delay, Output)):
            self.reasons[at].append(
                f"sums {len(self.graph.incoming[at])} signals into a read-out; the machine sends "
                "out spikes: sum them on the host, one output node each"
            )
        elif not isinstance(node, IntegerNeuron):
            self.reasons[at].append(
                "is read out as a number and not through a spiking neuron; keep it on the host, "
                "which counts the spikes before it, or end the network in neurons"
            )


def _tiled(grid: Grid, into: list[Projection], core: CoreParameters) -> Tiling | str:
    rows = [projection for projection in into if isinstance(projection, RowProjection)]
    if not all(projection.cuts_channels for projection in into):
        return tile_unrolled(grid, rows, core)
    return tile_layer(grid, into, core)


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


def _accumulator_faults(graph: Graph, name: str, architecture: Architecture) -> list[str]:
    sums = sum_range(graph, name)
    least, most = sums.low, sums.high
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


def signed_bits(values: np.ndarray) -> np.ndarray:
    """Return the width of each value in two's complement."""
    magnitudes = np.where(values < 0, -values - 1, values).astype(np.int64)
    # frexp is exact here: magnitudes stay below 2^53 (widths are at most 41 bits by the IR).
    return (np.frexp(magnitudes.astype(np.float64))[1] + 1).astype(np.int64)
