"""The neurons of a `.net` layer as integer neurons in Loihi's own arithmetic."""

from __future__ import annotations

import numpy as np

from axonc.toolchain.ir import IntegerNeuron, LeakyState, Overflow, Rounding, Shape

from .net_fields import LayerFields
from .network import ALIGN_SHIFT, DECAY_SHIFT, STATE_LIMIT

DECAY_RANGES = {"iDecay": (1, 4096), "vDecay": (0, 4095)}
"""The range of each decay, in units of 2^-12 a step."""


def neurons_of(layer: LayerFields, shape: Shape, bias: np.ndarray | None = None) -> IntegerNeuron:
    """Return a layer's neurons; their registers are in the unit of weights, times 2^6.

    bias: where it is not the layer's own.
    """
    fields = layer.neuron()
    kind = fields.text("type")
    if kind not in ("CUBA", "LOIHI"):
        raise layer.fault(
            got=f"neurons of type {kind!r}",
            expected="CUBA or LOIHI",
            remedy="only leaky integrate-and-fire neurons spike in bits",
        )
    current_decay, membrane_decay = (_decay(fields, name) for name in ("iDecay", "vDecay"))
    if bias is None:
        bias = layer.integers("bias") if "bias" in layer else np.zeros(1)
    unity = 1 << DECAY_SHIFT
    current = LeakyState(
        unity - current_decay,
        DECAY_SHIFT,
        -STATE_LIMIT + 1,
        STATE_LIMIT,
        Rounding.TOWARD_ZERO,
        Overflow.WRAP,
    )
    return IntegerNeuron(
        shape=shape,
        threshold=_aligned(layer, fields.integers("vThMant"), shape),
        bias=_aligned(layer, bias, shape),
        v_reset=np.zeros(1, np.int64),
        membrane=LeakyState(unity - membrane_decay, DECAY_SHIFT, -STATE_LIMIT + 1, STATE_LIMIT - 1),
        current=None if np.all(current_decay == unity) else current,
        fraction_bits=ALIGN_SHIFT,
    )


def _decay(fields: LayerFields, name: str) -> np.ndarray:
    values = np.atleast_1d(fields.integers(name))
    low, high = DECAY_RANGES[name]
    if values.min() < low or values.max() > high:
        raise fields.fault(
            got=f"{name} from {values.min()} to {values.max()}",
            expected=f"{low} to {high}",
            remedy="check the training's decays",
        )
    return values


def _aligned(layer: LayerFields, values: np.ndarray, shape: Shape) -> np.ndarray:
    """Return values * 2^6: one for all, one a channel or one a neuron (netx: width first)."""
    values = np.asarray(values, np.int64) << ALIGN_SHIFT
    if values.size == 1:
        return values.reshape(1)
    if values.size == shape[0]:
        return values.reshape(-1, *(1,) * (len(shape) - 1))
    if values.shape == shape[::-1]:
        return np.ascontiguousarray(values.transpose())
    raise layer.fault(got=f"{values.shape} values", expected=f"1, {shape[0]} or {shape[::-1]}")
