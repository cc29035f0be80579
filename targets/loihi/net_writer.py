"""Write a network as lava-dl reads it: a netx `.net` file (HDF5).

Layers `input`, `conv`, `dense`, `dense_rec` and `flatten`, in a chain. netx runs them in Lava with
du = iDecay - 1, dv = vDecay, vth = vThMant, a bias exponent of 6, and weights as they stand, of
the unit of vThMant (lava-dl 0.6.0, netx/hdf5.py). Only integers are written, so nothing is lost.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from axonc.toolchain.errors import LoweringError
from axonc.toolchain.files import write_bytes

from .network import ALIGN_SHIFT, Network, Population, SynapseGroup
from .program import LoihiProgram
from .projection import symmetrically_padded

LARGEST_WEIGHT = 254
SMALLEST_WEIGHT = -256


def write_net(program: LoihiProgram, path: Path) -> None:
    """Write `program` to `path`, which appears whole or not at all.

    Raises:
        LoweringError: the network is no chain of layers, or has what a `.net` file cannot hold;
            every reason is listed.
        InputError: the file cannot be written.
    """
    reasons: list[str] = []
    layers = _layers(program.network, reasons)
    if reasons:
        raise LoweringError(
            f"graph {program.graph.name!r} cannot be written as a .net file", reasons
        )
    content = io.BytesIO()  # the HDF5 library does not recover from a full disk
    with h5py.File(content, "w") as handle:
        for index, layer in enumerate(layers):
            _store(handle.create_group(f"layer/{index}"), layer)
        _store(handle.create_group("simulation"), {"Ts": 1, "tSample": 1})
    write_bytes(path, content.getvalue())


def _store(group: h5py.Group, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, dict):
            _store(group.create_group(name), value)
        elif isinstance(value, str):
            group.create_dataset(name, data=np.array([value.encode()], "S10"))
        else:
            group.create_dataset(name, data=value)


def _layers(network: Network, reasons: list[str]) -> list[dict[str, Any]]:
    """Return the layers as nested fields, adding every obstacle to `reasons`."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        reasons.append("it has several inputs or outputs; a .net file is one chain of layers")
        return []
    (before,) = network.inputs
    layers: list[dict[str, Any]] = [{"type": "input", "shape": np.array(network.inputs[before])}]
    for p in network.populations:
        groups = network.into(p.name)
        forward = [g for g in groups if g.source == before]
        loops = [g for g in groups if g.source == p.name]
        if len(forward) != 1 or len(loops) > 1 or len(forward) + len(loops) != len(groups):
            reasons.append(
                f"population {p.name!r} is not fed by {before!r} alone; "
                "a .net file is one chain of layers"
            )
            return []
        flat = forward[0].kernel is None
        if flat and len(network.shape_of(before)) > 1:
            layers.append({"type": "flatten", "shape": np.array([_size(network, before)])})
        layers.append(_layer(p, forward[0], loops, reasons))
        before = p.name
    if next(iter(network.outputs.values())) != before:
        reasons.append("the output does not show the last layer")
    return layers


def _layer(
    p: Population, forward: SynapseGroup, loops: list[SynapseGroup], reasons: list[str]
) -> dict[str, Any]:
    fields: dict[str, Any] = {"neuron": _neuron(p, forward, reasons)}
    bias = _by_channel(p, p.bias, forward)
    if np.any(bias % (1 << ALIGN_SHIFT)):
        reasons.append(
            f"population {p.name!r} has biases finer than its weights; use fewer fraction bits "
            "(--fraction-bits 2)"
        )
    if np.any(bias):
        fields["bias"] = (bias >> ALIGN_SHIFT).astype(np.float32)
    weight = _effective(forward, reasons)
    if forward.kernel is None:
        fields |= {
            "type": "dense_rec" if loops else "dense",
            "shape": np.array([p.size]),
            "inFeatures": weight.shape[1],
            "outFeatures": p.size,
            "weight": weight.astype(np.float32),
        }
        if np.any(forward.delay):
            # One for each synapse: netx would take as many as there are outputs to be by output.
            fields["delay"] = np.broadcast_to(forward.delay.reshape(-1), weight.shape).astype(float)
        for loop in loops:
            if np.any(loop.delay) or np.any(forward.delay):
                reasons.append(f"population {p.name!r} has delays in a loop, which netx loses")
            fields["weight_rec"] = _effective(loop, reasons).astype(np.float32)
        return fields
    padded = symmetrically_padded(weight, forward.kernel.window)
    if padded is None or np.any(forward.delay) or loops:
        reasons.append(f"population {p.name!r}: netx has no delays, loops or such padding here")
        return fields
    window = forward.kernel.window
    return fields | {
        "type": "conv",
        "shape": np.array(forward.kernel.output_shape),
        "inChannels": forward.kernel.input_shape[0],
        "outChannels": weight.shape[0],
        "kernelSize": np.array(padded[0].shape[2:]),
        "stride": np.array(window.stride),
        "padding": np.array(padded[1]),
        "dilation": np.array(window.dilation),
        "groups": forward.kernel.groups,
        "weight": padded[0].astype(np.float32),
    }


def _neuron(p: Population, forward: SynapseGroup, reasons: list[str]) -> dict[str, Any]:
    for name, values in (("current", p.du), ("membrane", p.dv)):
        if np.ptp(values):
            reasons.append(f"population {p.name!r} has several {name} decays; a layer holds one")
    thresholds = _by_channel(p, p.vth, forward)
    return {
        "type": "CUBA",
        "iDecay": int(p.du.flat[0]) + 1,
        "vDecay": int(p.dv.flat[0]),
        "vThMant": thresholds if np.ptp(thresholds) else int(thresholds.flat[0]),
        "refDelay": 1,
        "gradedSpike": False,
    }


def _by_channel(p: Population, values: np.ndarray, forward: SynapseGroup) -> np.ndarray:
    """Return one value a neuron, or one a channel where all pixels of each have the same.

    netx holds an image as (width, height, channels), so that only the latter broadcasts there.
    """
    full = np.broadcast_to(values, p.shape)
    if forward.kernel is None:
        return full.reshape(-1)
    by_channel = full.reshape(forward.kernel.output_shape[0], -1)
    if np.any(by_channel != by_channel[:, :1]):
        image = full.reshape(forward.kernel.output_shape)
        return np.ascontiguousarray(image.transpose(2, 1, 0))
    return by_channel[:, 0]


def _effective(group: SynapseGroup, reasons: list[str]) -> np.ndarray:
    """Return what one spike adds, in the unit of vThMant."""
    weight = group.weight.astype(np.int64)
    down = max(-group.exponent, 0)
    if np.any(weight & ((1 << down) - 1)):
        reasons.append(f"synapses {group.name!r} have weights finer than the threshold's unit")
    weight = (weight >> down) << max(group.exponent, 0)
    if weight.size and not SMALLEST_WEIGHT <= weight.min() <= weight.max() <= LARGEST_WEIGHT:
        reasons.append(
            f"synapses {group.name!r} have weights from {weight.min()} to {weight.max()}, a .net "
            f"file holds {SMALLEST_WEIGHT} to {LARGEST_WEIGHT}; use fewer fraction bits"
        )
    elif not np.any(weight):
        reasons.append(f"synapses {group.name!r} are all 0, which netx cannot scale")
    return weight


def _size(network: Network, name: str) -> int:
    return int(np.prod(network.shape_of(name)))
