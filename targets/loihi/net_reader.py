"""Read a netx `.net` file, as lava-dl writes it, as an integer graph in Loihi's own arithmetic.

Lowering such a graph is exact, so networks trained in lava-dl run here as they run there. Layers
`input`, `conv`, `dense`, `dense_rec` and `flatten` are read; CUBA and LOIHI neurons (lava-dl 0.6.0,
netx/hdf5.py). An input layer with neurons of its own turns numbers x into spikes by a bias of
64 * (weight * x + bias) a step: they become the nodes `input_weight` and `encoder`, and the network
takes real input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import numpy as np

from axonc.toolchain.files import FileKind
from axonc.toolchain.frontend import RawNode, read_tree
from axonc.toolchain.ir import Delay as DelayNode
from axonc.toolchain.ir import (
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    Node,
    Output,
    Shape,
    ShapeError,
    Stage,
    Window,
    faults_of,
    narrowest_type,
)

from ..base import ForeignNetwork
from .net_fields import MAX_VALUES, LayerFields
from .net_neurons import neurons_of

ENCODER = "encoder"
MAX_DELAY = 62
MAX_LAYERS = 1000
_FILE = FileKind(
    "file",
    expected="a netx .net file of lava-dl (HDF5 with /layer/0, /layer/1, ...)",
    remedy="export the network again with block.export_hdf5",
    most_bytes=1 << 30,
)


def read_net(path: Path) -> ForeignNetwork:
    """Return the network in the `.net` file at `path`, a graph of the integer stage.

    Raises:
        InputError: not such a file, a layer or neuron that is not known, a shape that does not fit
            the weights, or weights that are no integers.
    """
    tree = read_tree(path, _FILE)
    with _FILE.parsing(path):
        network = _network(tree, path)
        if faults := faults_of(network.graph):
            raise _FILE.fault(path, "; ".join(faults))
    return network


def _network(file: RawNode, path: Path) -> ForeignNetwork:
    if "layer" not in file.nodes:
        raise _FILE.fault(path, "HDF5 without a group 'layer'")
    groups, chain = file.nodes["layer"].nodes, _Chain()
    whole = LayerFields(file.nodes["layer"], "layers", path)
    if missing := [index for index in range(len(groups)) if str(index) not in groups]:
        raise whole.fault(got=f"no layer {missing[0]}", expected=f"{len(groups)} layers from 0 on")
    if not 0 < len(groups) <= MAX_LAYERS:
        raise whole.fault(
            got=f"{len(groups)}", expected=f"1 to {MAX_LAYERS}", remedy="check the file"
        )
    shape: Shape | None = None
    for index in range(len(groups)):
        layer = LayerFields(groups[str(index)], f"layer {index}", path)
        kind = layer.text("type")
        if kind == "input":
            shape = layer.shape()
            chain.nodes["input"] = Input(shape)
            if "neuron" in layer:
                shape = _add_encoder(chain, layer, shape)
        elif kind in _LAYERS:
            if shape is None:
                shape = _shape_before(layer, kind)
                chain.nodes["input"] = Input(shape)
            shape = _LAYERS[kind](chain, layer, index, shape)
        else:
            raise layer.fault(
                got=f"type {kind!r}",
                expected="one of input, " + ", ".join(_LAYERS),
                remedy="netx 0.6.0 runs no other layers either",
            )
    if shape is None or chain.last in ("input", ENCODER):
        raise whole.fault(
            got="an input alone",
            expected="at least one dense or conv layer",
            remedy="check the file",
        )
    chain.add("output", Output(shape))
    graph = Graph(Stage.INTEGER, chain.nodes, tuple(chain.edges), name=path.stem)
    return ForeignNetwork(graph, real_input=ENCODER in chain.nodes)


@dataclass
class _Chain:
    """The nodes and edges read so far; `last` is the node that the next one follows."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    last: str = "input"

    def add(self, name: str, node: Node) -> None:
        """Append a node."""
        self.nodes[name] = node
        self.edges.append(Edge(self.last, name))
        self.last = name


def _shape_before(layer: LayerFields, kind: str) -> Shape:
    """Return the shape of the input of a first layer that no input layer precedes."""
    if kind in ("dense", "dense_rec") and "inFeatures" in layer:
        return (layer.number("inFeatures"),)
    raise layer.fault(
        got=f"a {kind} layer as the first",
        expected="an input layer with a shape",
        remedy="export the network with its input block",
    )


def _add_encoder(chain: _Chain, layer: LayerFields, shape: Shape) -> Shape:
    """Add the encoder. Its input bypasses the current, so it has none."""
    weight = layer.number("weight") if "weight" in layer else 64
    bias = layer.number("bias") if "bias" in layer else 0
    flat = len(shape) != 3
    shape = (prod(shape),) if flat else shape
    if not -(1 << 15) <= weight < 1 << 15 or flat and shape[0] ** 2 > MAX_VALUES:
        raise layer.fault(
            got=f"a weight of {weight} for an input of {shape}",
            expected=f"16 bits, and at most {MAX_VALUES} pairs of inputs",
            remedy="train with a smaller input",
        )
    neuron = neurons_of(layer, shape, bias=np.array([bias]))
    if flat:
        chain.add("input_flat", Flatten())
        chain.add("input_weight", _affine(weight * np.eye(shape[0], dtype=np.int16)))
    else:
        channels = np.full((shape[0], 1, 1, 1), weight, np.int16)
        window = Window((1, 1), ((0, 0), (0, 0)), (1, 1))
        kind = narrowest_type(channels)
        chain.add("input_weight", IntegerConv(channels, kind, window, shape[0]))
    chain.add(ENCODER, replace(neuron, current=None))
    return shape


def _add_dense(chain: _Chain, layer: LayerFields, index: int, shape: Shape) -> Shape:
    out = prod(layer.shape())
    weight = layer.weights("weight")
    if weight.size != out * prod(shape):
        raise layer.fault(
            got=f"weights of shape {weight.shape}",
            expected=f"({out}, {prod(shape)}) for its shape and its input {shape}",
        )
    if len(shape) > 1:
        chain.add(f"flatten{index}", Flatten())
    weight = weight.reshape(out, prod(shape))
    if "delay" in layer:
        _add_delayed(chain, layer, index, weight)
    else:
        chain.add(f"dense{index}", _affine(weight))
    chain.add(f"neuron{index}", neurons_of(layer, (out,)))
    if "weight_rec" in layer:
        loop = layer.weights("weight_rec")
        if loop.size != out * out:
            raise layer.fault(
                got=f"recurrent weights of shape {loop.shape}", expected=f"({out}, {out})"
            )
        chain.nodes[f"loop{index}"] = _affine(loop.reshape(out, out))
        chain.edges.append(Edge(f"neuron{index}", f"loop{index}", 1))
        chain.edges.append(Edge(f"loop{index}", f"neuron{index}"))
    return (out,)


def _add_conv(chain: _Chain, layer: LayerFields, index: int, shape: Shape) -> Shape:
    weight = layer.weights("weight")
    if weight.ndim not in (4, 5) or prod(weight.shape[4:]) != 1 or len(shape) != 3:
        raise layer.fault(
            got=f"a kernel of shape {weight.shape} over an input of shape {shape}",
            expected="(out, in, height, width, 1) over (channels, height, width)",
        )
    weight = weight.reshape(weight.shape[:4])
    pair = {n: layer.pair(n) for n in ("stride", "padding", "dilation")}
    padding = tuple((p, p) for p in pair["padding"])
    window = Window(pair["stride"], padding, pair["dilation"])
    groups = layer.number("groups")
    node = IntegerConv(weight, narrowest_type(weight), window, groups)
    told = layer.shape()
    try:
        if faults := node.faults():
            raise ShapeError("; ".join(faults))
        made = node.output_shape(shape)
    except ShapeError as error:
        raise layer.fault(got=f"a convolution that {error}", expected=f"one over {shape}") from None
    if told != made:
        raise layer.fault(
            got=f"shape {told}", expected=f"{made}, which its window makes of {shape}"
        )
    chain.add(f"conv{index}", node)
    chain.add(f"neuron{index}", neurons_of(layer, made))
    return made


def _add_flatten(chain: _Chain, layer: LayerFields, index: int, shape: Shape) -> Shape:
    if len(shape) > 1:
        chain.add(f"flatten{index}", Flatten())
    return (prod(shape),)


def _add_delayed(chain: _Chain, layer: LayerFields, index: int, weight: np.ndarray) -> None:
    """Add a matrix whose synapses are delayed by one number, by output, by input, or each.

    As netx takes them: of as many as there are outputs by output, even if inputs are as many;
    fractions are cut off. What differs by output becomes a matrix for each delay.
    """
    out, inputs = weight.shape
    steps = np.trunc(layer.array("delay").astype(np.float64))
    shapes = {1: (1, 1), inputs: (1, inputs), out: (out, 1), weight.size: weight.shape}
    if steps.size not in shapes or not np.all((steps >= 0) & (steps <= MAX_DELAY)):
        raise layer.fault(
            got=f"{steps.size} delays from {steps.min():g} to {steps.max():g}",
            expected=f"1, {out}, {inputs} or {weight.size} delays from 0 to {MAX_DELAY}",
            remedy=f"train with max_delay={MAX_DELAY}",
        )
    matrix = np.broadcast_to(steps.reshape(shapes[steps.size]), weight.shape)
    if np.all(matrix == matrix[0]) or not np.any(weight):
        chain.add(f"delay{index}", DelayNode(np.ascontiguousarray(matrix[0])))
        chain.add(f"dense{index}", _affine(weight))
        return
    before, ends = chain.last, []
    for step in np.unique(matrix[weight != 0]):
        chain.last = before
        chain.add(f"delay{index}_{step:g}", DelayNode(np.array([step])))
        chain.add(f"dense{index}_{step:g}", _affine(np.where(matrix == step, weight, 0)))
        ends.append(chain.last)
    chain.last, *others = ends
    chain.edges += [Edge(name, f"neuron{index}") for name in others]


def _affine(weight: np.ndarray) -> IntegerAffine:
    return IntegerAffine(weight, narrowest_type(weight))


_LAYERS: dict[str, Callable[[_Chain, LayerFields, int, Shape], Shape]] = {
    "dense": _add_dense,
    "dense_rec": _add_dense,
    "conv": _add_conv,
    "flatten": _add_flatten,
}
"""Layers behind the input: each adds its nodes and returns the shape that it sends."""
