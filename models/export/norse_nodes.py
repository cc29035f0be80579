"""Layers and cells as NIR nodes: torch's, norse's own, and those of this package.

norse steps forward Euler with a factor k = dt * tau_mem_inv and starts a cell at v_leak (IAF: at
v_reset), whereas a NIR graph starts at 0. Spiking cells are therefore written relative to where
they start: threshold and reset are lowered by it, and the spikes are the same.

norse's LIFCell and LICell add a step's input to the synaptic current whole, the membrane sees it in
the same step: NIR's CubaLIF with w_in = tau_syn/dt and r = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..nn import neurons
from ..nn._norse import (
    IAFCell,
    LIBoxCell,
    LICell,
    LIFBoxCell,
    LIFCell,
    LIFRecurrentCell,
    reset_subtract,
    reset_value,
)
from ..nn.binarize import BinaryConv2d, BinaryLinear, channel_scale, sign
from .grouped_kernels import ungrouped
from .norse_trace import Call, Fault

Array = NDArray[np.float64]
Chain = list[tuple[str, Any]]
"""Named NIR nodes, each feeding the next."""


@dataclass
class Synapses:
    """A linear layer before it is written: y_c = gain_c * (weight_c . x) + offset_c, in float64.

    weight: signs for a binary layer, the weights themselves for others.
    """

    call: Call
    weight: Array
    gain: Array
    offset: Array
    has_bias: bool
    binary: bool

    def normalise(self, norm: nn.Module) -> None:
        """Fold a BatchNorm in evaluation mode that follows."""
        assert isinstance(norm, NORMS)
        deviation = torch.sqrt(norm.running_var.double() + norm.eps).numpy()  # type: ignore[union-attr]
        mean = norm.running_mean.double().numpy()  # type: ignore[union-attr]
        gain, offset = 1 / deviation, -mean / deviation
        if norm.affine:
            gamma, beta = array(norm.weight), array(norm.bias)
            gain, offset = gamma * gain, gamma * offset + beta
        self.gain, self.offset = gain * self.gain, gain * self.offset + offset
        self.has_bias = True

    def nodes(self) -> Chain:
        """Write it: one node, or signs as int8 and a Scale for a binary layer."""
        name, per_channel = self.call.name, (-1,) + (1,) * (self.weight.ndim - 1)
        if not self.binary:
            weight = self.weight * self.gain.reshape(per_channel)
            return [(name, self._node(weight, self.offset))]
        scale = np.where(self.gain == 0, 1.0, np.abs(self.gain))
        signs = (self.weight * np.sign(self.gain).reshape(per_channel)).astype(np.int8)
        chain: Chain = [(name, self._node(signs, self.offset / scale))]
        if np.any(scale != 1):
            shape = self.call.shape_out
            spread = scale.reshape((-1,) + (1,) * (len(shape) - 1))
            chain.append((f"{name}_scale", nir.Scale(np.broadcast_to(spread, shape).copy())))
        return chain

    def _node(self, weight: NDArray[Any], bias: Array) -> Any:
        layer = self.call.module
        if isinstance(layer, nn.Linear):
            return nir.Affine(weight, bias) if self.has_bias else nir.Linear(weight)
        assert isinstance(layer, nn.Conv1d | nn.Conv2d)
        one = isinstance(layer, nn.Conv1d)
        space: Any = self.call.shape_in[1] if one else self.call.shape_in[1:]
        kind = nir.Conv1d if one else nir.Conv2d
        padding = layer.padding if isinstance(layer.padding, str) else _sizes(layer.padding, one)
        return kind(
            input_shape=space,
            weight=ungrouped(weight, layer.groups),
            stride=_sizes(layer.stride, one),
            padding=padding,
            dilation=_sizes(layer.dilation, one),
            groups=1,
            bias=bias,
        )


def synapses(call: Call) -> Synapses:
    """Read a linear or convolutional layer's weights."""
    layer = call.module
    assert isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d)
    weight = array(layer.weight)
    channels = weight.shape[0]
    offset = np.zeros(channels) if layer.bias is None else array(layer.bias)
    gain = np.ones(channels)
    binary = isinstance(layer, BinaryLinear | BinaryConv2d)
    if binary:
        latent = layer.weight.detach()
        weight = array(sign(latent))
        gain = array(channel_scale(latent, layer.scale).flatten())  # type: ignore[arg-type]
    return Synapses(call, weight, gain, offset, layer.bias is not None, binary)


def stateless(call: Call) -> Any:
    """Write a pool or a flattening."""
    module = call.module
    if isinstance(module, nn.Flatten):
        last = len(call.shape_in)
        start, end = (d if d >= 0 else d + last + 1 for d in (module.start_dim, module.end_dim))
        # torch counts the batch as dimension 0, NIR has none
        return nir.Flatten({"input": np.array(call.shape_in)}, start_dim=start - 1, end_dim=end - 1)
    assert isinstance(module, nn.AvgPool2d)
    kernel, stride, padding = (
        np.array(_sizes(value, False))
        for value in (module.kernel_size, module.stride, module.padding)
    )
    return nir.AvgPool2d(kernel_size=kernel, stride=stride, padding=padding)


def cell(call: Call) -> Any:
    """Write a cell; every parameter is spread over the population."""
    module, shape = call.module, call.shape_out
    p: Any = module.p
    dt = float(module.dt)  # type: ignore[arg-type]

    def spread(value: Any) -> Array:
        values = array(torch.as_tensor(value))
        return np.broadcast_to(values, shape).copy()

    if isinstance(module, neurons.LIFCell):
        p = module.parameters_now
    if isinstance(module, IAFCell | neurons.IFCell):
        start = spread(p.v_reset if isinstance(module, IAFCell) else 0)
        return nir.IF(
            r=spread(1), v_threshold=spread(p.v_th) - start, v_reset=spread(p.v_reset) - start
        )
    rest = spread(p.v_leak)
    leaky = {"r": spread(1), "v_leak": spread(0)}
    spiking: dict[str, Array] = {}
    if isinstance(module, LIFBoxCell | LIFCell | LIFRecurrentCell | neurons.LIFCell):
        spiking["v_threshold"] = spread(p.v_th) - rest
        spiking["v_reset"] = spread(p.v_reset) - rest
    if isinstance(module, LIFBoxCell | LIBoxCell | neurons.LIFCell):
        kind = nir.LIF if spiking else nir.LI
        return kind(tau=1 / spread(p.tau_mem_inv), **leaky, **spiking)
    tau_syn = 1 / spread(p.tau_syn_inv)
    kind = nir.CubaLIF if spiking else nir.CubaLI
    return kind(
        tau_mem=1 / spread(p.tau_mem_inv), tau_syn=tau_syn, w_in=tau_syn / dt, **leaky, **spiking
    )


def input_weights(call: Call) -> Chain:
    """Write the weights that a recurrent cell puts before its neurons."""
    if not isinstance(call.module, LIFRecurrentCell):
        return []
    return [(f"{call.name}_input", nir.Linear(array(call.module.input_weights)))]


def feedback(call: Call) -> Chain:
    """Write the weights of a recurrent cell's loop: spikes come back in the next step."""
    if not isinstance(call.module, LIFRecurrentCell):
        return []
    return [(f"{call.name}_recurrent", nir.Linear(array(call.module.recurrent_weights)))]


CELLS: tuple[type[nn.Module], ...] = (
    LIFBoxCell,
    LIFCell,
    LIFRecurrentCell,
    LIBoxCell,
    LICell,
    IAFCell,
    neurons.LIFCell,
    neurons.PLIFCell,
    neurons.IFCell,
)
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, BinaryLinear, BinaryConv2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
STATELESS = (nn.Flatten, nn.AvgPool2d)
BYPASSED = (nn.Dropout, nn.Identity)


def is_known(module: nn.Module) -> bool:
    """Tell whether a module has a meaning of its own here; subclasses may compute otherwise."""
    return type(module) in (*CELLS, *LAYERS, *NORMS, *STATELESS, *BYPASSED)


def faults_of(call: Call) -> list[Fault]:
    """List what of a call NIR cannot say."""
    module = call.module
    kind = type(module).__name__
    found: list[tuple[str, str, str]] = []
    if not is_known(module):
        names = (known.__name__ for known in (*LAYERS, *NORMS, *STATELESS, *CELLS))
        known = ", ".join(dict.fromkeys(names))
        remedy = "use one of these, or build its NIR node by hand"
        if torch.nn.utils.parametrize.is_parametrized(module):
            remedy = "torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight')"
        found.append((kind, f"one of {known}, exactly", remedy))
    elif isinstance(module, CELLS):
        found += _cell_faults(call)
    elif isinstance(module, nn.Linear) and len(call.shape_in) != 1:
        found.append(
            (f"{kind} on samples of shape {call.shape_in}", "vectors", "put nn.Flatten before it")
        )
    elif isinstance(module, nn.Conv1d | nn.Conv2d) and module.padding_mode != "zeros":
        found.append((f"padding_mode {module.padding_mode!r}", "zeros", "pad with zeros"))
    elif isinstance(module, nn.AvgPool2d):
        if module.ceil_mode or module.divisor_override:
            found.append(
                ("ceil_mode or divisor_override", "a plain average", "leave them at default")
            )
        if not module.count_include_pad and any(_sizes(module.padding, False)):
            found.append(
                ("count_include_pad=False", "padding that counts as 0", "leave it at default")
            )
    elif isinstance(module, nn.Flatten) and 0 in (module.start_dim, module.end_dim):
        found.append(("a flattening of the batch", "start_dim above 0", "use nn.Flatten()"))
    elif isinstance(module, NORMS) and module.running_mean is None:
        found.append(
            ("batch statistics", "running statistics", "train with track_running_stats=True")
        )
    return [
        Fault(f"module {call.name!r}", got, expected, remedy) for got, expected, remedy in found
    ]


def _cell_faults(call: Call) -> list[tuple[str, str, str]]:
    module = call.module
    p: Any = module.p
    found = []
    method = getattr(module, "reset_method", getattr(p, "reset_method", reset_value))
    if method is not reset_value:
        soft = "a soft reset" if method is reset_subtract else "a reset method of its own"
        found.append((soft, "NIR's reset to v_reset", "train with reset_method=reset_value"))
    if isinstance(module, LIBoxCell | LICell) and np.any(array(torch.as_tensor(p.v_leak)) != 0):
        found.append(
            (
                "a read-out whose potential starts at v_leak",
                "v_leak = 0, for NIR's potentials start at 0",
                "use v_leak = 0 and add the constant to what is read out",
            )
        )
    for name in ("tau_mem_inv", "tau_syn_inv", "v_leak", "v_th", "v_reset"):
        value = getattr(p, name, None)
        if value is None:
            continue
        values = array(torch.as_tensor(value))
        if name.startswith("tau") and np.any(values <= 0):
            found.append(
                (f"{name} down to {values.min():g}", "positive rates (1/s)", "train or set it so")
            )
        if not _spreads(values.shape, call.shape_out):
            found.append(
                (
                    f"{name} of shape {values.shape} for samples of shape {call.shape_out}",
                    "one value, or one a neuron",
                    "give the parameter the shape of one sample",
                )
            )
    return found


def _spreads(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, into) == into
    except ValueError:
        return False


def array(tensor: Tensor) -> Array:
    """Return a tensor's numbers as float64."""
    return tensor.detach().cpu().double().numpy()


def _sizes(value: Any, one: bool) -> Any:
    numbers = tuple(int(n) for n in np.atleast_1d(value))
    if one:
        return numbers[0]
    return numbers * 2 if len(numbers) == 1 else numbers
