"""A trained network as a static NIR graph, with everything behind the synapses folded in.

BatchNorm and a foldable gate turn a layer's sum a = sum(sign * spike) into g*a + b per channel,
in float64. Form "int8" writes

    Affine/Conv2d (int8 weights in {-1, +1}, bias b/g)  ->  Scale(g)  ->  LIF or IF

with g > 0: a negative g turns the signs of its channel round instead, and a channel with g = 0
gets weights 0 (absent) behind which only b remains. Form "folded-float" writes weights g*sign and
bias b, for readers that do not know Scale. Layers of floating-point weights take the second form.

Node names: a layer `hidden1` becomes `hidden1_synapses`, `hidden1_scale` and, for its neurons,
`hidden1`; in front of the synapses may stand `hidden1_pool` and `hidden1_flatten`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nir
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._files import write_atomically
from ..errors import ExportError
from ..networks.layers import SpikingLayer
from ..networks.network import INPUT, SpikingNetwork
from ..nn._norse import reset_subtract
from ..nn.binarize import channel_scale, sign
from ..nn.neurons import IFCell, LIFCell
from .grouped_kernels import ungrouped

FORMAT_VERSION = 1
Form = Literal["int8", "folded-float"]


def export_nir(
    network: SpikingNetwork, path: str | Path, *, form: Form = "int8", dt: float | None = None
) -> None:
    """Write a network to a NIR file, whole or not at all.

    form: how binary synapses are written (see the module). dt: seconds, noted in the graph's
    metadata; None takes the cells' own, another value is an error.

    Raises ExportError, naming every layer at fault and the remedy, for what no static graph can
    say: a gate that depends on the time step or the sample, a soft reset, maximum pooling.
    """
    graph = to_nir(network, form=form, dt=dt)
    file = io.BytesIO()
    nir.write(file, graph)
    write_atomically(Path(path), lambda out: out.write(file.getbuffer()))


def to_nir(
    network: SpikingNetwork, *, form: Form = "int8", dt: float | None = None
) -> nir.NIRGraph:
    """Build the NIR graph that `export_nir` writes."""
    _refuse_unfoldable(network)
    step = _time_step(network, dt)
    shapes = _shapes(network)
    nodes: dict[str, Any] = {INPUT: nir.Input({"input": np.array(network.input_shape)})}
    edges: list[tuple[str, str]] = []
    currents: dict[str, tuple[str, ...]] = {}
    owners = {sums: name for name, wire in network.wiring.items() for sums in wire.sums}
    for name, wire in network.wiring.items():
        layer, shape = network.layer(name), shapes[name]
        behind = network.layer(owners[name]) if name in owners else layer
        chain = _current_nodes(name, layer, _fold(layer, behind), shapes[wire.source], shape, form)
        last = wire.source
        for node_name, node in chain:
            nodes[node_name] = node
            edges.append((last, node_name))
            last = node_name
        currents[name] = (last, *(node for added in wire.added for node in currents[added]))
        if layer.cell is not None:
            nodes[name] = _neurons(layer.cell, shape)
            edges.extend((node, name) for node in currents[name])
    nodes["output_spikes" if network.counts_spikes else "output_currents"] = nir.Output(
        {"output": np.array(shapes[network.output])}
    )
    sink = next(reversed(nodes))
    ends = (network.output,) if network.counts_spikes else currents[network.output]
    edges.extend((end, sink) for end in ends)
    metadata = {"dt": step, "format_version": FORMAT_VERSION, "producer": "axonc"}
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata=metadata)


@dataclass(frozen=True)
class _Affine:
    """weights @ spikes * gain + offset, per output channel, in float64."""

    weight: NDArray[np.float64]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]


def _fold(layer: SpikingLayer, behind: SpikingLayer) -> _Affine:
    """Fold weight scale, bias, BatchNorm and gate: (weights as they are, gain, offset).

    behind: the layer whose BatchNorm and gate the sums go through. It has their offset, so there is
    none in the result where it is another layer.
    """
    synapses = layer.synapses
    latent = synapses.weight.detach()
    channels = latent.shape[0]
    gain = torch.ones(channels, dtype=torch.float64)
    offset = torch.zeros(channels, dtype=torch.float64)
    if synapses.bias is not None:
        offset = synapses.bias.detach().double()
    weight = latent.double()
    if layer.binary:
        weight = sign(weight)
        gain = channel_scale(latent, synapses.scale).flatten().double()  # type: ignore[arg-type]
    if behind.norm is not None:
        norm_gain, norm_offset = behind.norm.affine()
        gain, offset = norm_gain * gain, norm_gain * offset
        offset = offset + norm_offset if behind is layer else offset
    if behind.gate is not None and not behind.gate.config.gradient_only:
        gate = behind.gate.constant()[0]
        gain, offset = gain * gate, offset * gate
    return _Affine(weight.numpy(), gain.numpy(), offset.numpy())


def _current_nodes(
    name: str,
    layer: SpikingLayer,
    folded: _Affine,
    shape_in: tuple[int, ...],
    shape_out: tuple[int, ...],
    form: Form,
) -> list[tuple[str, Any]]:
    """Return the chain of nodes that turns a layer's input into its current."""
    chain: list[tuple[str, Any]] = []
    gain = folded.gain
    if layer.pool is not None:
        pool, area = _sum_pool(layer.pool)
        chain.append((f"{name}_pool", pool))
        shape_in = _pooled(shape_in, layer.pool)
        gain = gain / area
    if layer.flattens and len(shape_in) > 1:
        flatten = nir.Flatten(
            input_type={"input": np.array(shape_in)}, start_dim=0, end_dim=len(shape_in) - 1
        )
        chain.append((f"{name}_flatten", flatten))
    per_channel = (-1,) + (1,) * (folded.weight.ndim - 1)
    if form == "folded-float" or not layer.binary:
        weight, bias = folded.weight * gain.reshape(per_channel), folded.offset
        chain.append((f"{name}_synapses", _synapses(layer, weight, bias, shape_in)))
        return chain
    absent = gain == 0
    direction = np.sign(gain).reshape(per_channel)
    scale = np.where(absent, 1.0, np.abs(gain))
    weight = (folded.weight * direction).astype(np.int8)
    chain.append((f"{name}_synapses", _synapses(layer, weight, folded.offset / scale, shape_in)))
    spread = scale.reshape((-1,) + (1,) * (len(shape_out) - 1))
    chain.append((f"{name}_scale", nir.Scale(np.broadcast_to(spread, shape_out).copy())))
    return chain


def _synapses(
    layer: SpikingLayer, weight: NDArray[Any], bias: NDArray[np.float64], shape_in: tuple[int, ...]
) -> Any:
    synapses = layer.synapses
    if isinstance(synapses, nn.Linear):
        return nir.Affine(weight=weight, bias=bias)
    return nir.Conv2d(
        input_shape=(shape_in[1], shape_in[2]),
        weight=ungrouped(weight, synapses.groups),
        stride=_pair(synapses.stride),
        padding=_pair(synapses.padding),
        dilation=_pair(synapses.dilation),
        groups=1,
        bias=bias,
    )


def _neurons(cell: nn.Module, shape: tuple[int, ...]) -> Any:
    def fill(value: float | Tensor) -> NDArray[np.float64]:
        return np.full(shape, float(value))

    if isinstance(cell, IFCell):
        return nir.IF(r=fill(1), v_threshold=fill(cell.p.v_th), v_reset=fill(cell.p.v_reset))
    assert isinstance(cell, LIFCell)
    p = cell.parameters_now
    return nir.LIF(
        tau=fill(1.0 / p.tau_mem_inv.detach().double()),
        r=fill(1),
        v_leak=fill(p.v_leak),
        v_threshold=fill(p.v_th),
        v_reset=fill(p.v_reset),
    )


def _sum_pool(pool: nn.Module) -> tuple[Any, int]:
    """Return a sum pool and what to divide by: the average's division joins the gain."""
    assert isinstance(pool, nn.AvgPool2d)
    kernel, stride = _pair(pool.kernel_size), _pair(pool.stride)
    node = nir.SumPool2d(
        kernel_size=np.array(kernel), stride=np.array(stride), padding=np.array(_pair(pool.padding))
    )
    return node, pool.divisor_override or kernel[0] * kernel[1]


def _pooled(shape: tuple[int, ...], pool: nn.Module) -> tuple[int, ...]:
    return tuple(pool(torch.zeros(1, *shape)).shape[1:])


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _shapes(network: SpikingNetwork) -> dict[str, tuple[int, ...]]:
    """Return the shape of every layer's current, found by running one silent sample."""
    shapes = {INPUT: network.input_shape}
    training = network.training
    network.eval()
    with torch.no_grad():
        for name, wire in network.wiring.items():
            silent = torch.zeros(network.steps, 1, *shapes[wire.source])
            shapes[name] = tuple(network.layer(name).current(silent).shape[2:])
    network.train(training)
    return shapes


def _time_step(network: SpikingNetwork, dt: float | None) -> float:
    cells = (network.layer(name).cell for name in network.wiring)
    steps = {cell.dt for cell in cells if cell is not None} or {1e-3 if dt is None else dt}
    if len(steps) > 1 or (dt is not None and steps != {dt}):
        raise ExportError(
            "time step",
            got=f"dt = {dt} s for cells trained with {', '.join(map(str, sorted(steps)))} s",
            expected="one time step, that of the training",
            remedy="leave dt out, or train with neuron.dt_s set to it",
        )
    return float(steps.pop())


def _refuse_unfoldable(network: SpikingNetwork) -> None:
    faults = [fault for name in network.wiring for fault in _faults(name, network.layer(name))]
    if faults:
        names = dict.fromkeys(name for name, _, _ in faults)
        raise ExportError(
            f"layer{'s' if len(names) > 1 else ''} {', '.join(names)}",
            got="; ".join(dict.fromkeys(got for _, got, _ in faults)),
            expected="what a static graph can say",
            remedy="; ".join(dict.fromkeys(remedy for _, _, remedy in faults)),
        )


def _faults(name: str, layer: SpikingLayer) -> list[tuple[str, str, str]]:
    """List (layer, what it does, remedy) for each thing that cannot be folded."""
    faults = []
    gate = layer.gate
    if gate is not None and not gate.config.gradient_only:
        if gate.per_sample:
            remedy = "train with gate.mean = 'layer'"
            if not gate.config.running:
                remedy += " and gate.running = true"
            faults.append((name, "a gate computed from each sample", remedy))
        elif not gate.config.running:
            faults.append(
                (name, "a gate computed from each batch", "train with gate.running = true")
            )
        if gate.config.per_step:
            faults.append(
                (name, "a gate of its own in each time step", "train with gate.per_step = false")
            )
    cell = layer.cell
    if cell is not None:
        reset = cell.reset_method if isinstance(cell, IFCell) else cell.p.reset_method
        if reset is reset_subtract:
            faults.append(
                (name, "a soft reset, which NIR does not have", "train with neuron.reset = 'hard'")
            )
    if layer.pool is not None and not isinstance(layer.pool, nn.AvgPool2d):
        faults.append((name, "maximum pooling, which NIR does not have", "use average pooling"))
    return faults
