"""NIR's nodes, one table: the name of a type, and how its fields become a node of our graph."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import ir
from ..errors import InputError
from ..ir import Node, Shape
from .faults import MOST_SHOWN, described, shortened
from .fields import Fields
from .flatten_subgraphs import declared_shape
from .raw import RawNode


@dataclass(frozen=True)
class Parsed:
    """A node read by itself, before shapes are known.

    declared: the input shape that the file claims, if any.
    lacks_reset: the neuron spikes and the file has no v_reset.
    """

    node: Node
    declared: Shape | None = None
    lacks_reset: bool = False


def parsed(name: str, raw: RawNode, faults: list[InputError]) -> Parsed | None:
    """Return the node of one raw node; what is wrong with it is added to `faults`.

    None where fields are missing or of the wrong type; values that make no sense still give a node,
    so that its shape can be checked too.
    """
    builder = _BUILDERS.get(raw.kind)
    if builder is None:
        few = len(faults) < MOST_SHOWN
        near = difflib.get_close_matches(raw.kind, _BUILDERS, n=1) if few else []
        faults.append(
            InputError(
                described(name, raw.kind),
                got=f"the unknown type {shortened(raw.kind)!r}",
                expected=f"one of {', '.join(sorted(_BUILDERS))}",
                remedy=f"did you mean {near[0]!r}?"
                if near
                else "express it by these nodes before exporting",
            )
        )
        return None
    fields = Fields(name, raw)
    fields.ignore("input_type", "output_type")
    result = None
    try:
        result = builder(fields)
        fields.finish()
    except InputError as fault:
        fields.faults.append(fault)
    faults += fields.faults
    return result


# -- connections -------------------------------------------------------------------------------


def _linear(fields: Fields) -> Parsed:
    weight = fields.weight("weight")
    if weight.ndim != 2:
        raise fields.fault(
            "weight",
            f"{weight.ndim} axes {weight.shape}",
            "2 axes (outputs, inputs)",
            "flatten the signal and write one matrix",
        )
    bias = fields.parameter("bias") if fields.raw.kind == "Affine" else None
    return Parsed(ir.Affine(weight, _bias(fields, bias, weight.shape[0])))


def _bias(fields: Fields, bias: np.ndarray | None, outputs: int) -> np.ndarray | None:
    if bias is None or bias.shape == (outputs,):
        return bias
    if bias.size == 1:  # some producers write False or 0.0 for "no bias"
        return None if bias.item() == 0 else np.full(outputs, bias.item(), bias.dtype)
    if bias.size == outputs:
        return bias.reshape(outputs)
    raise fields.fault(
        "bias",
        f"shape {bias.shape}",
        f"({outputs},), one value an output channel",
        "export the graph again",
    )


def _conv(rank: int) -> Callable[[Fields], Parsed]:
    def build(fields: Fields) -> Parsed:
        weight = fields.weight("weight")
        if weight.ndim != rank + 2:
            raise fields.fault(
                "weight",
                f"{weight.ndim} axes {weight.shape}",
                f"{rank + 2} axes (out channels, in channels, {'kernel' if rank == 1 else 'x, y'})",
                f"export it as the node for {weight.ndim - 2} spatial axes, or reshape it",
            )
        kernel = weight.shape[2:]
        dilation = fields.integers("dilation", rank)
        window = ir.Window(
            fields.integers("stride", rank), _padding(fields, kernel, dilation), dilation
        )
        (groups,) = fields.integers("groups", 1)
        if weight.shape[0] % groups:
            raise fields.fault(
                "groups",
                str(groups),
                f"a divisor of the {weight.shape[0]} output channels",
                "export the graph again",
            )
        bias = fields.parameter("bias") if fields.has("bias") else None
        fields.ignore("input_shape")
        size = declared_shape(fields.raw, "input_shape")
        channels = weight.shape[1] * groups
        declared = (channels, *size) if size and len(size) == rank else None
        bias = _bias(fields, bias, weight.shape[0])
        return Parsed(ir.Conv(weight, window, groups, bias), declared)

    return build


def _padding(fields: Fields, kernel: Shape, dilation: Shape) -> tuple[tuple[int, int], ...]:
    """Return (before, after) along each axis.

    'same' is torch's: dilation * (kernel - 1) in all, the odd one after. With a stride above 1,
    which torch refuses, the same amounts are added and the window then strides.
    """
    match fields.text("padding"):
        case None:
            return tuple((n, n) for n in fields.integers("padding", len(kernel), minimum=0))
        case "valid":
            return tuple((0, 0) for _ in kernel)
        case "same":
            totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
            return tuple((total // 2, total - total // 2) for total in totals)
        case other:
            raise fields.fault(
                "padding",
                f"the text {shortened(other)!r}",
                "'same', 'valid' or integers",
                "export the graph again",
            )


def _pool(kind: type[ir.SumPool]) -> Callable[[Fields], Parsed]:
    def build(fields: Fields) -> Parsed:
        padding = fields.integers("padding", 2, minimum=0)
        window = ir.Window(fields.integers("stride", 2), tuple((n, n) for n in padding), (1, 1))
        return Parsed(kind(fields.integers("kernel_size", 2), window))

    return build


def _scale(fields: Fields) -> Parsed:
    return Parsed(ir.Scale(fields.weight("scale")))


# -- structure ---------------------------------------------------------------------------------


def _input(fields: Fields) -> Parsed:
    fields.array("shape")
    shape = declared_shape(fields.raw)
    if shape is None:
        value = fields.raw.fields["shape"]
        fraction = isinstance(value, np.ndarray) and value.dtype.kind not in "iu"
        raise fields.fault(
            "shape",
            f"{value} of type {getattr(value, 'dtype', 'text')}" if fraction else str(value),
            "integers" if fraction else "positive sizes without batch and time, in one row",
            "store the shape as integers" if fraction else "give the shape of one time step",
        )
    return Parsed(ir.Input(shape))


def _output(fields: Fields) -> Parsed:
    fields.ignore("shape")
    return Parsed(ir.Output(()), declared_shape(fields.raw))


def _flatten(fields: Fields) -> Parsed:
    first, last = (  # nir's own defaults where a file lacks them
        fields.array(name) if fields.has(name) else np.array(default)
        for name, default in (("start_dim", 1), ("end_dim", -1))
    )
    if any(axis.size != 1 or axis.dtype.kind not in "iu" for axis in (first, last)):
        raise fields.fault(
            "start_dim, end_dim", f"{first} and {last}", "two integers", "export the graph again"
        )
    rank = fields.raw.fields.get("input_type")
    # zeros stand for sizes that the producer did not know; their number still tells the rank
    claimed = tuple(0 for _ in range(rank.size)) if isinstance(rank, np.ndarray) else None
    node = ir.Flatten(int(first.item()), int(last.item()))
    return Parsed(node, declared_shape(fields.raw, "input_type") or claimed)


def _delay(fields: Fields) -> Parsed:
    delay = fields.parameter("delay")
    _require(fields, "delay", delay, delay >= 0, "at least 0", "a signal cannot come early")
    return Parsed(ir.Delay(delay))


# -- neurons -----------------------------------------------------------------------------------

_TAU_REMEDY = "keep time constants positive in training (clamp them) and export again"
_NO_THRESHOLD = (
    "with a threshold of 0 rounding alone decides who spikes: raise it, or use a Threshold node"
    " for a comparison without memory"
)


def _neuron(kind: type[ir.ContinuousNeuron], *names: str) -> Callable[[Fields], Parsed]:
    """Return the builder of a neuron with the parameters `names` (v_reset and w_in may lack)."""

    def build(fields: Fields) -> Parsed:
        values = {
            name: fields.parameter(name)
            for name in names
            if fields.has(name) or name not in ("v_reset", "w_in")
        }
        lacks_reset = "v_reset" in names and "v_reset" not in values
        if lacks_reset:
            values["v_reset"] = np.zeros_like(values["v_threshold"])
        if "w_in" in names and "w_in" not in values:
            values["w_in"] = np.ones_like(values["r"])
        for name, value in values.items():
            if name.startswith("tau"):
                _require(fields, name, value, value > 0, "above 0", _TAU_REMEDY)
            if name == "v_threshold":
                _require(fields, name, value, value != 0, "other than 0", _NO_THRESHOLD)
        try:
            shape = np.broadcast_shapes(*(value.shape for value in values.values()))
        except ValueError:
            shapes = ", ".join(f"{name} {value.shape}" for name, value in values.items())
            raise fields.fault(
                "parameters", shapes, "equal shapes, or single numbers", "export the graph again"
            ) from None
        return Parsed(kind(shape=shape, **values), lacks_reset=lacks_reset)

    return build


def _require(
    fields: Fields, name: str, value: np.ndarray, holds: np.ndarray, rule: str, remedy: str
) -> None:
    broken = ~holds & np.isfinite(value)
    if np.any(broken):
        worst = value[broken].min()
        got = f"{worst:g}"
        if value.size > 1:
            got = f"values down to {got} ({np.count_nonzero(broken)} of {value.size} are wrong)"
        fields.faults.append(fields.fault(name, got, rule, remedy))


_BUILDERS: dict[str, Callable[[Fields], Parsed]] = {
    "Input": _input,
    "Output": _output,
    "Affine": _linear,
    "Linear": _linear,
    "Scale": _scale,
    "Conv1d": _conv(1),
    "Conv2d": _conv(2),
    "SumPool2d": _pool(ir.SumPool),
    "AvgPool2d": _pool(ir.AvgPool),
    "Flatten": _flatten,
    "Delay": _delay,
    "I": _neuron(ir.I, "r"),
    "IF": _neuron(ir.IF, "r", "v_threshold", "v_reset"),
    "LI": _neuron(ir.LI, "tau", "r", "v_leak"),
    "LIF": _neuron(ir.LIF, "tau", "r", "v_leak", "v_threshold", "v_reset"),
    "CubaLI": _neuron(ir.CubaLI, "tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    "CubaLIF": _neuron(
        ir.CubaLIF, "tau_syn", "tau_mem", "r", "v_leak", "w_in", "v_threshold", "v_reset"
    ),
    "Threshold": _neuron(ir.Threshold, "threshold"),
}
