"""Read a netx `.net` file, as lava-dl writes it, as an integer graph in Loihi's own arithmetic.

Lowering such a graph is exact, so networks trained in lava-dl run here as they run there. Layers
`input`, `conv`, `dense`, `dense_rec` and `flatten` are read; CUBA and LOIHI neurons (lava-dl 0.6.0,
netx/hdf5.py). An input layer with neurons of its own turns pixels into spikes by their bias: it
becomes the file's `encoder`, for a graph takes spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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
from axonc.toolchain.reference import execute

from .network import ALIGN_SHIFT, DECAY_SHIFT, STATE_LIMIT

MAX_LAYERS = 1000
MAX_VALUES = 1 << 27
"""Numbers that one file may hold; more is no network for this chip."""


@dataclass(frozen=True)
class BiasEncoder:
    """Neurons that turn a constant input x into spikes by their bias, 64 * (weight * x + bias)."""

    neuron: IntegerNeuron
    weight: int
    bias: int

    def spikes(self, values: np.ndarray, steps: int) -> np.ndarray:
        """Return the spikes of `steps` steps, (batch, time, *shape), for (batch, *shape) values."""
        drive = (values.astype(np.int64) * self.weight + self.bias) << ALIGN_SHIFT
        sent = []
        for sample in drive:
            neuron = replace(self.neuron, bias=sample)
            nodes: dict[str, Node] = {
                "x": Input(neuron.shape), "n": neuron, "y": Output(neuron.shape)
            }  # fmt: skip
            graph = Graph(Stage.INTEGER, nodes, (Edge("x", "n"), Edge("n", "y")))
            sent.append(execute(graph, np.zeros((1, steps, *neuron.shape), bool)).output[0])
        return np.stack(sent)


@dataclass(frozen=True)
class NetFile:
    """What a `.net` file holds: the graph, and the encoder of its input layer if it has one."""

    graph: Graph
    encoder: BiasEncoder | None


def read_net(path: Path) -> NetFile:
    """Return the network in the `.net` file at `path`.

    Raises:
        InputError: not such a file, a layer or neuron that is not known, a shape that does not fit
            the weights, or weights that are no integers.
    """
    try:
        with h5py.File(path, "r") as file:
            return _Reader(path).network(file)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(
            f"file {path}", got=f"{type(error).__name__}: {error}",
            expected="a netx .net file of lava-dl (HDF5 with /layer/0, /layer/1, ...)",
            remedy="export the network again with block.export_hdf5",
        ) from None  # fmt: skip


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path, self.values_left = path, MAX_VALUES
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.last, self.encoder = "input", None

    def fault(self, where: str, *, got: str, expected: str, remedy: str) -> InputError:
        return InputError(f"{where} of {self.path}", got=got, expected=expected, remedy=remedy)

    def network(self, file: h5py.File) -> NetFile:
        layers = file["layer"]
        if not 0 < len(layers) <= MAX_LAYERS:
            raise self.fault(
                "layers", got=f"{len(layers)}", expected=f"1 to {MAX_LAYERS}",
                remedy="check the file",
            )  # fmt: skip
        encoder: BiasEncoder | None = None
        shape: Shape | None = None
        for index in range(len(layers)):
            layer, where = layers[str(index)], f"layer {index}"
            kind = self.text(layer["type"])
            if kind == "input":
                shape = tuple(int(n) for n in self.array(layer, "shape", where).reshape(-1))
                if "neuron" in layer:
                    encoder = self.input_layer(layer, shape, where)
                self.nodes["input"] = Input(shape)
            elif kind in _LAYERS:
                if shape is None:
                    shape = self.first_shape(layer, kind, where)
                    self.nodes["input"] = Input(shape)
                shape = _LAYERS[kind](self, layer, index, shape)
            else:
                raise self.fault(
                    where, got=f"type {kind!r}", expected="one of input, " + ", ".join(_LAYERS),
                    remedy="netx 0.6.0 runs no other layers either",
                )  # fmt: skip
        if shape is None or self.last == "input":
            raise self.fault(
                "layers", got="an input alone", expected="at least one dense or conv layer",
                remedy="check the file",
            )  # fmt: skip
        self.add("output", Output(shape))
        graph = Graph(Stage.INTEGER, self.nodes, tuple(self.edges), name=self.path.stem)
        return NetFile(graph, encoder)

    def add(self, name: str, node: Node) -> None:
        self.nodes[name] = node
        self.edges.append(Edge(self.last, name))
        self.last = name

    # -- layers --------------------------------------------------------------------------------

    def first_shape(self, layer: h5py.Group, kind: str, where: str) -> Shape:
        if kind in ("dense", "dense_rec") and "inFeatures" in layer:
            return (self.number(layer, "inFeatures", where),)
        raise self.fault(
            where, got=f"a {kind} layer as the first", expected="an input layer with a shape",
            remedy="export the network with its input block",
        )  # fmt: skip

    def input_layer(self, layer: h5py.Group, shape: Shape, where: str) -> BiasEncoder:
        weight = self.number(layer, "weight", where) if "weight" in layer else 64
        bias = self.number(layer, "bias", where) if "bias" in layer else 0
        return BiasEncoder(self.neuron(layer, shape, where, bias=np.zeros(1)), weight, bias)

    def dense(self, layer: h5py.Group, index: int, shape: Shape) -> Shape:
        where = f"layer {index}"
        out = int(np.prod(self.array(layer, "shape", where)))
        weight = self.weights(layer, "weight", where)
        if weight.size != out * prod(shape):
            raise self.fault(
                where, got=f"weights of shape {weight.shape}",
                expected=f"({out}, {prod(shape)}) for its shape and its input {shape}",
                remedy="export the network again",
            )  # fmt: skip
        if len(shape) > 1:
            self.add(f"flatten{index}", Flatten())
        if "delay" in layer:
            self.delay(layer, index, (prod(shape), out))
        self.add(f"dense{index}", _affine(weight.reshape(out, prod(shape))))
        if "delay" in layer and self.array(layer, "delay", where).size == out != prod(shape):
            raise self.fault(
                where, got="delays by output neuron", expected="delays by input neuron",
                remedy="delay the layer before it instead",
            )  # fmt: skip
        self.add(f"neuron{index}", self.neuron(layer, (out,), where))
        if "weight_rec" in layer:
            loop = self.weights(layer, "weight_rec", where)
            if loop.size != out * out:
                raise self.fault(
                    where, got=f"recurrent weights of shape {loop.shape}",
                    expected=f"({out}, {out})", remedy="export the network again",
                )  # fmt: skip
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
                where, got=f"a convolution that {error}", expected=f"one over {shape}",
                remedy="export the network again",
            ) from None  # fmt: skip
        if told != made:
            raise self.fault(
                where, got=f"shape {told}", expected=f"{made}, which its window makes of {shape}",
                remedy="export the network again",
            )  # fmt: skip
        self.add(f"conv{index}", node)
        self.add(f"neuron{index}", self.neuron(layer, made, where))
        return made

    def flatten(self, layer: h5py.Group, index: int, shape: Shape) -> Shape:
        if len(shape) > 1:
            self.add(f"flatten{index}", Flatten())
        return (prod(shape),)

    def delay(self, layer: h5py.Group, index: int, sizes: tuple[int, int]) -> None:
        steps = np.atleast_1d(self.array(layer, "delay", f"layer {index}")).astype(np.float64)
        if steps.size not in (1, *sizes) or np.any(steps < 0) or np.any(steps > 62):
            raise self.fault(
                f"layer {index}", got=f"{steps.size} delays from {steps.min():g} to "
                f"{steps.max():g}", expected=f"1 or {sizes[0]} delays from 0 to 62",
                remedy="train with max_delay=62",
            )  # fmt: skip
        self.add(f"delay{index}", DelayNode(steps.reshape(-1)))

    def neuron(
        self, layer: h5py.Group, shape: Shape, where: str, bias: np.ndarray | None = None
    ) -> IntegerNeuron:
        """Return a layer's neurons; their registers are in the unit of weights, times 2^6."""
        if "neuron" not in layer:
            raise self.fault(
                where, got="no neuron", expected="CUBA or LOIHI neurons",
                remedy="end the network with a spiking block",
            )  # fmt: skip
        group = layer["neuron"]
        kind = self.text(group["type"])
        if kind not in ("CUBA", "LOIHI"):
            raise self.fault(
                where, got=f"neurons of type {kind!r}", expected="CUBA or LOIHI",
                remedy="only leaky integrate-and-fire neurons spike in bits",
            )  # fmt: skip
        decays = {n: np.atleast_1d(self.integers(group, n, where)) for n in ("iDecay", "vDecay")}
        for name, low, high in (("iDecay", 1, 4096), ("vDecay", 0, 4095)):
            if decays[name].min() < low or decays[name].max() > high:
                raise self.fault(
                    where, got=f"{name} from {decays[name].min()} to {decays[name].max()}",
                    expected=f"{low} to {high}", remedy="check the training's decays",
                )  # fmt: skip
        if bias is None:
            bias = self.integers(layer, "bias", where) if "bias" in layer else np.zeros(1)
        unity = 1 << DECAY_SHIFT
        current = LeakyState(
            unity - decays["iDecay"], DECAY_SHIFT, -STATE_LIMIT + 1, STATE_LIMIT,
            Rounding.TOWARD_ZERO, Overflow.WRAP,
        )  # fmt: skip
        return IntegerNeuron(
            shape=shape,
            threshold=self.spread(self.integers(group, "vThMant", where), shape, where),
            bias=self.spread(bias, shape, where),
            v_reset=np.zeros(1, np.int64),
            membrane=LeakyState(
                unity - decays["vDecay"], DECAY_SHIFT, -STATE_LIMIT + 1, STATE_LIMIT - 1
            ),
            current=current,
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
            where, got=f"{values.shape} values", expected=f"1, {shape[0]} or {shape[::-1]}",
            remedy="export the network again",
        )  # fmt: skip

    # -- fields --------------------------------------------------------------------------------

    def array(self, group: h5py.Group, name: str, where: str) -> np.ndarray:
        if group.get(name, getlink=True).__class__ is not h5py.HardLink:
            raise self.fault(
                where, got=f"no {name!r} in the file itself", expected="a stored array",
                remedy="export the network again",
            )  # fmt: skip
        data = group[name]
        if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "biuf":
            raise self.fault(
                where, got=f"{name!r} that is no array of numbers", expected="numbers",
                remedy="export the network again",
            )  # fmt: skip
        self.values_left -= data.size
        if self.values_left < 0:
            raise self.fault(
                where, got=f"{data.size} values in {name!r}",
                expected=f"at most {MAX_VALUES} in the whole file", remedy="use a smaller network",
            )  # fmt: skip
        return np.asarray(data[()])

    def integers(self, group: h5py.Group, name: str, where: str) -> np.ndarray:
        values = self.array(group, name, where)
        if not np.all(np.isfinite(values)) or np.any(values != np.round(values)):
            raise self.fault(
                where, got=f"{name!r} with values that are no integers", expected="integers",
                remedy="train with pre_hook_fx=slayer.utils.quantize_8bit",
            )  # fmt: skip
        return values.astype(np.int64)

    def weights(self, group: h5py.Group, name: str, where: str) -> np.ndarray:
        values = self.integers(group, name, where)
        if values.size and not -256 <= values.min() <= values.max() <= 255:
            raise self.fault(
                where, got=f"weights from {values.min()} to {values.max()}",
                expected="-256 to 255", remedy="quantise them to 8 bits",
            )  # fmt: skip
        return values.astype(np.int16)

    def number(self, group: h5py.Group, name: str, where: str) -> int:
        values = self.integers(group, name, where)
        if values.size != 1:
            raise self.fault(
                where, got=f"{values.size} values in {name!r}", expected="one",
                remedy="export the network again",
            )  # fmt: skip
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
