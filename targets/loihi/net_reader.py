"""Read a netx `.net` file, as lava-dl writes it, as an integer graph in Loihi's own arithmetic.

Lowering such a graph is exact, so networks trained in lava-dl run here as they run there. Layers
`input`, `conv`, `dense`, `dense_rec` and `flatten` are read; CUBA and LOIHI neurons (lava-dl 0.6.0,
netx/hdf5.py). An input layer with neurons of its own turns numbers x into spikes by a bias of
64 * (weight * x + bias) a step: they become the nodes `input_weight` and `encoder`, and the network
takes real input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import Delay as DelayNode
from axonc.toolchain.ir import (
    Edge,
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
    Rounding,
    Shape,
    ShapeError,
    Stage,
    Window,
    narrowest_type,
)

from ..base import ForeignNetwork
from .network import ALIGN_SHIFT, DECAY_SHIFT, STATE_LIMIT

ENCODER = "encoder"
MAX_DELAY = 62
MAX_LAYERS = 1000
MAX_VALUES = 1 << 27
"""Numbers that one file may hold; more is no network for this chip."""


def read_net(path: Path) -> ForeignNetwork:
    """Return the network in the `.net` file at `path`, a graph of the integer stage.

    Raises:
        InputError: not such a file, a layer or neuron that is not known, a shape that does not fit
            the weights, or weights that are no integers.
    """
    try:
        with h5py.File(path, "r") as file:
            return _Reader(path).network(file)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(
            f"file {path}",
            got=f"{type(error).__name__}: {error}",
            expected="a netx .net file of lava-dl (HDF5 with /layer/0, /layer/1, ...)",
            remedy="export the network again with block.export_hdf5",
        ) from None


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path, self.values_left = path, MAX_VALUES
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.last = "input"

    def fault(self, where: str, *, got: str, expected: str, remedy: str) -> InputError:
        return InputError(f"{where} of {self.path}", got=got, expected=expected, remedy=remedy)

    def network(self, file: h5py.File) -> ForeignNetwork:
        layers = file["layer"]
        if not 0 < len(layers) <= MAX_LAYERS:
            raise self.fault(
                "layers",
                got=f"{len(layers)}",
                expected=f"1 to {MAX_LAYERS}",
                remedy="check the file",
            )
        shape: Shape | None = None
        for index in range(len(layers)):
            layer, where = layers[str(index)], f"layer {index}"
            kind = self.text(layer["type"])
            if kind == "input":
                shape = tuple(int(n) for n in self.array(layer, "shape", where).reshape(-1))
                self.nodes["input"] = Input(shape)
                if "neuron" in layer:
                    shape = self.input_layer(layer, shape, where)
            elif kind in _LAYERS:
                if shape is None:
                    shape = self.first_shape(layer, kind, where)
                    self.nodes["input"] = Input(shape)
                shape = _LAYERS[kind](self, layer, index, shape)
            else:
                raise self.fault(
                    where,
                    got=f"type {kind!r}",
                    expected="one of input, " + ", ".join(_LAYERS),
                    remedy="netx 0.6.0 runs no other layers either",
                )
        if shape is None or self.last in ("input", ENCODER):
            raise self.fault(
                "layers",
                got="an input alone",
                expected="at least one dense or conv layer",
                remedy="check the file",
            )
        self.add("output", Output(shape))
        graph = Graph(Stage.INTEGER, self.nodes, tuple(self.edges), name=self.path.stem)
        return ForeignNetwork(graph, real_input=ENCODER in self.nodes)

    def add(self, name: str, node: Node) -> None:
        self.nodes[name] = node
        self.edges.append(Edge(self.last, name))
        self.last = name

    # -- layers --------------------------------------------------------------------------------

    def first_shape(self, layer: h5py.Group, kind: str, where: str) -> Shape:
        if kind in ("dense", "dense_rec") and "inFeatures" in layer:
            return (self.number(layer, "inFeatures", where),)
        raise self.fault(
            where,
            got=f"a {kind} layer as the first",
            expected="an input layer with a shape",
            remedy="export the network with its input block",
        )

    def input_layer(self, layer: h5py.Group, shape: Shape, where: str) -> Shape:
        """Add the encoder: its input passes by the current, so it has none."""
        weight = self.number(layer, "weight", where) if "weight" in layer else 64
        bias = self.number(layer, "bias", where) if "bias" in layer else 0
        flat = len(shape) != 3
        shape = (prod(shape),) if flat else shape
        if not -(1 << 15) <= weight < 1 << 15 or flat and shape[0] ** 2 > MAX_VALUES:
            raise self.fault(
                where,
                got=f"a weight of {weight} for an input of {shape}",
                expected=f"16 bits, and at most {MAX_VALUES} pairs of inputs",
                remedy="train with a smaller input",
            )
        neuron = self.neuron(layer, shape, where, bias=np.array([bias]))
        if flat:
            self.add("input_flat", Flatten())
            self.add("input_weight", _affine(weight * np.eye(shape[0], dtype=np.int16)))
        else:
            channels = np.full((shape[0], 1, 1, 1), weight, np.int16)
            window = Window((1, 1), ((0, 0), (0, 0)), (1, 1))
            kind = narrowest_type(channels)
            self.add("input_weight", IntegerConv(channels, kind, window, shape[0]))
        self.add(ENCODER, replace(neuron, current=None))
        return shape

    def dense(self, layer: h5py.Group, index: int, shape: Shape) -> Shape:
        where = f"layer {index}"
        out = int(np.prod(self.array(layer, "shape", where)))
        weight = self.weights(layer, "weight", where)
        if weight.size != out * prod(shape):
            raise self.fault(
                where,
                got=f"weights of shape {weight.shape}",
                expected=f"({out}, {prod(shape)}) for its shape and its input {shape}",
                remedy="export the network again",
            )
        if len(shape) > 1:
            self.add(f"flatten{index}", Flatten())
        weight = weight.reshape(out, prod(shape))
        if "delay" in layer:
            self.delayed_dense(layer, index, weight)
        else:
            self.add(f"dense{index}", _affine(weight))
        self.add(f"neuron{index}", self.neuron(layer, (out,), where))
        if "weight_rec" in layer:
            loop = self.weights(layer, "weight_rec", where)
            if loop.size != out * out:
                raise self.fault(
                    where,
                    got=f"recurrent weights of shape {loop.shape}",
                    expected=f"({out}, {out})",
                    remedy="export the network again",
                )
            self.nodes[f"loop{index}"] = _affine(loop.reshape(out, out))
            self.edges.append(Edge(f"neuron{index}", f"loop{index}", 1))
            self.edges.append(Edge(f"loop{index}", f"neuron{index}"))
        return (out,)

    def conv(self, layer: h5py.Group, index: int, shape: Shape) -> Shape:
        where = f"layer {index}"
        weight = self.weights(layer, "weight", where)
        weight = weight.reshape(weight.shape[:4])
        pair = {n: self.pair(layer, n, where) for n in ("stride", "padding", "dilation")}
        padding = tuple((p, p) for p in pair["padding"])
        window = Window(pair["stride"], padding, pair["dilation"])
        groups = self.number(layer, "groups", where)
        node = IntegerConv(weight, narrowest_type(weight), window, groups)
        told = tuple(int(n) for n in self.array(layer, "shape", where).reshape(-1))
        try:
            if faults := node.faults():
                raise ShapeError("; ".join(faults))
            made = node.output_shape(shape)
        except ShapeError as error:
            raise self.fault(
                where,
                got=f"a convolution that {error}",
                expected=f"one over {shape}",
                remedy="export the network again",
            ) from None
        if told != made:
            raise self.fault(
                where,
                got=f"shape {told}",
                expected=f"{made}, which its window makes of {shape}",
                remedy="export the network again",
            )
        self.add(f"conv{index}", node)
        self.add(f"neuron{index}", self.neuron(layer, made, where))
        return made

    def flatten(self, layer: h5py.Group, index: int, shape: Shape) -> Shape:
        if len(shape) > 1:
            self.add(f"flatten{index}", Flatten())
        return (prod(shape),)

    def delayed_dense(self, layer: h5py.Group, index: int, weight: np.ndarray) -> None:
        """Add a matrix whose synapses are delayed by one number, by output, by input, or each.

        As netx takes them: of as many as there are outputs by output, even if inputs are as many;
        fractions are cut off. What differs by output becomes a matrix for each delay.
        """
        out, inputs = weight.shape
        steps = np.trunc(self.array(layer, "delay", f"layer {index}").astype(np.float64))
        shapes = {1: (1, 1), inputs: (1, inputs), out: (out, 1), weight.size: weight.shape}
        if steps.size not in shapes or not np.all((steps >= 0) & (steps <= MAX_DELAY)):
            raise self.fault(
                f"layer {index}",
                got=f"{steps.size} delays from {steps.min():g} to {steps.max():g}",
                expected=f"1, {out}, {inputs} or {weight.size} delays from 0 to {MAX_DELAY}",
                remedy=f"train with max_delay={MAX_DELAY}",
            )
        matrix = np.broadcast_to(steps.reshape(shapes[steps.size]), weight.shape)
        if np.all(matrix == matrix[0]) or not np.any(weight):
            self.add(f"delay{index}", DelayNode(np.ascontiguousarray(matrix[0])))
            self.add(f"dense{index}", _affine(weight))
            return
        before, ends = self.last, []
        for step in np.unique(matrix[weight != 0]):
            self.last = before
            self.add(f"delay{index}_{step:g}", DelayNode(np.array([step])))
            self.add(f"dense{index}_{step:g}", _affine(np.where(matrix == step, weight, 0)))
            ends.append(self.last)
        self.last, *others = ends
        self.edges += [Edge(name, f"neuron{index}") for name in others]

    def neuron(
        self, layer: h5py.Group, shape: Shape, where: str, bias: np.ndarray | None = None
    ) -> IntegerNeuron:
        """Return a layer's neurons; their registers are in the unit of weights, times 2^6."""
        if "neuron" not in layer:
            raise self.fault(
                where,
                got="no neuron",
                expected="CUBA or LOIHI neurons",
                remedy="end the network with a spiking block",
            )
        group = layer["neuron"]
        kind = self.text(group["type"])
        if kind not in ("CUBA", "LOIHI"):
            raise self.fault(
                where,
                got=f"neurons of type {kind!r}",
                expected="CUBA or LOIHI",
                remedy="only leaky integrate-and-fire neurons spike in bits",
            )
        decays = {n: np.atleast_1d(self.integers(group, n, where)) for n in ("iDecay", "vDecay")}
        for name, low, high in (("iDecay", 1, 4096), ("vDecay", 0, 4095)):
            if decays[name].min() < low or decays[name].max() > high:
                raise self.fault(
                    where,
                    got=f"{name} from {decays[name].min()} to {decays[name].max()}",
                    expected=f"{low} to {high}",
                    remedy="check the training's decays",
                )
        if bias is None:
            bias = self.integers(layer, "bias", where) if "bias" in layer else np.zeros(1)
        unity = 1 << DECAY_SHIFT
        current = LeakyState(
            unity - decays["iDecay"],
            DECAY_SHIFT,
            -STATE_LIMIT + 1,
            STATE_LIMIT,
            Rounding.TOWARD_ZERO,
            Overflow.WRAP,
        )
        return IntegerNeuron(
            shape=shape,
            threshold=self.spread(self.integers(group, "vThMant", where), shape, where),
            bias=self.spread(bias, shape, where),
            v_reset=np.zeros(1, np.int64),
            membrane=LeakyState(
                unity - decays["vDecay"], DECAY_SHIFT, -STATE_LIMIT + 1, STATE_LIMIT - 1
            ),
            current=None if np.all(decays["iDecay"] == unity) else current,
            fraction_bits=ALIGN_SHIFT,
        )

    def spread(self, values: np.ndarray, shape: Shape, where: str) -> np.ndarray:
        """Return values * 2^6: one for all, one a channel or one a neuron (netx: width first)."""
        values = np.asarray(values, np.int64) << ALIGN_SHIFT
        if values.size == 1:
            return values.reshape(1)
        if values.size == shape[0]:
            return values.reshape(-1, *(1,) * (len(shape) - 1))
        if values.shape == shape[::-1]:
            return np.ascontiguousarray(values.transpose())
        raise self.fault(
            where,
            got=f"{values.shape} values",
            expected=f"1, {shape[0]} or {shape[::-1]}",
            remedy="export the network again",
        )

    # -- fields --------------------------------------------------------------------------------

    def array(self, group: h5py.Group, name: str, where: str) -> np.ndarray:
        if group.get(name, getlink=True).__class__ is not h5py.HardLink:
            raise self.fault(
                where,
                got=f"no {name!r} in the file itself",
                expected="a stored array",
                remedy="export the network again",
            )
        data = group[name]
        if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "biuf":
            raise self.fault(
                where,
                got=f"{name!r} that is no array of numbers",
                expected="numbers",
                remedy="export the network again",
            )
        self.values_left -= data.size
        if self.values_left < 0:
            raise self.fault(
                where,
                got=f"{data.size} values in {name!r}",
                expected=f"at most {MAX_VALUES} in the whole file",
                remedy="use a smaller network",
            )
        return np.asarray(data[()])

    def integers(self, group: h5py.Group, name: str, where: str) -> np.ndarray:
        values = self.array(group, name, where)
        if not np.all(np.isfinite(values)) or np.any(values != np.round(values)):
            raise self.fault(
                where,
                got=f"{name!r} with values that are no integers",
                expected="integers",
                remedy="train with pre_hook_fx=slayer.utils.quantize_8bit",
            )
        return values.astype(np.int64)

    def weights(self, group: h5py.Group, name: str, where: str) -> np.ndarray:
        values = self.integers(group, name, where)
        if values.size and not -256 <= values.min() <= values.max() <= 255:
            raise self.fault(
                where,
                got=f"weights from {values.min()} to {values.max()}",
                expected="-256 to 255",
                remedy="quantise them to 8 bits",
            )
        return values.astype(np.int16)

    def number(self, group: h5py.Group, name: str, where: str) -> int:
        values = self.integers(group, name, where)
        if values.size != 1:
            raise self.fault(
                where,
                got=f"{values.size} values in {name!r}",
                expected="one",
                remedy="export the network again",
            )
        return int(values.flat[0])

    def pair(self, group: h5py.Group, name: str, where: str) -> tuple[int, int]:
        values = self.integers(group, name, where).reshape(-1)
        return int(values[0]), int(values[-1])

    def text(self, data: h5py.Dataset) -> str:
        value: Any = data[()]
        value = value[0] if isinstance(value, np.ndarray) and value.size else value
        return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _affine(weight: np.ndarray) -> IntegerAffine:
    return IntegerAffine(weight, narrowest_type(weight))


_LAYERS: dict[str, Callable[[_Reader, h5py.Group, int, Shape], Shape]] = {
    "dense": _Reader.dense,
    "dense_rec": _Reader.dense,
    "conv": _Reader.conv,
    "flatten": _Reader.flatten,
}
