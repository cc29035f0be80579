"""Numbers into registers: weights into a synapse format, biases into mantissa and exponent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .chip import Chip
from .network import Sign


@dataclass(frozen=True)
class Encoding:
    """Stored weights, int32, whose sum times 2^exponent is the exact sum of the weights meant."""

    weight: np.ndarray
    bits: int
    sign: Sign
    exponent: int


def encoded_weights(weight: np.ndarray, scale_bits: int, chip: Chip) -> list[Encoding] | str:
    """Return weight * 2^scale_bits in the narrowest synapse format that holds it exactly.

    Signed weights of 9 bits take two: one for the positive weights and one for the negative, which
    an unsigned format of 8 bits holds. If no format holds them, the reason is returned.
    """
    whole = _encoded(weight, scale_bits, chip)
    if isinstance(whole, Encoding):
        return [whole]
    if weight.min() >= 0 or weight.max() <= 0:
        return whole
    halves = [_encoded(part(weight, 0), scale_bits, chip) for part in (np.maximum, np.minimum)]
    found = [half for half in halves if isinstance(half, Encoding)]
    return found if len(found) == 2 else whole


def _encoded(weight: np.ndarray, scale_bits: int, chip: Chip) -> Encoding | str:
    """Return one format that holds weight * 2^scale_bits exactly, or why there is none.

    A format of b bits stores multiples of 2^(8-b), 0 to 255 or 0 to -255, or, with mixed signs,
    multiples of 2^(9-b) from -256 to 255. So +-1 takes 2 bits and is stored as +-128 with exponent
    -7. A power of two that all weights share moves into the exponent.
    """
    magnitude = np.abs(weight[weight != 0])
    if magnitude.size == 0:
        return Encoding(np.zeros(weight.shape, np.int32), 1, Sign.EXCITATORY, 0)
    common = int(np.bitwise_or.reduce(magnitude) & -np.bitwise_or.reduce(magnitude)).bit_length()
    weight, scale_bits = weight >> (common - 1), scale_bits + common - 1
    low, high = int(weight.min()), int(weight.max())
    if low < 0 < high:
        sign, room = Sign.MIXED, 9
        bits = max(high.bit_length(), (-low - 1).bit_length()) + 1
    else:
        sign, room = (Sign.EXCITATORY if low >= 0 else Sign.INHIBITORY), 8
        bits = max(abs(low), abs(high)).bit_length()
    if bits > chip["weight_bits_max"]:
        return (
            f"weights from {low} to {high} take {bits} bits, {chip.title} has "
            f"{chip['weight_bits_max']} for {sign} signs; quantise them to fewer (--weight-bits)"
        )
    exponent = scale_bits - (room - bits)
    if not chip["weight_exponent_min"] <= exponent <= chip["weight_exponent_max"]:
        return (
            f"weights of {bits} bits times 2^{scale_bits} need the exponent {exponent}, it goes "
            f"from {chip['weight_exponent_min']} to {chip['weight_exponent_max']}; "
            "use fewer fraction bits"
        )
    return Encoding((weight << (room - bits)).astype(np.int32), bits, sign, exponent)


def encoded_bias(bias: np.ndarray, chip: Chip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (mantissa, exponent, error): mantissa * 2^exponent = bias + error, all int64.

    The smallest sufficient exponent is used, so the error is half a unit of it at most, and 0 where
    the bias can be held exactly. A bias beyond the largest exponent is saturated; its error is the
    difference.
    """
    top = chip["bias_mantissa_max"]
    mantissa = np.zeros(bias.shape, np.int64)
    exponent = np.zeros(bias.shape, np.int64)
    done = np.zeros(bias.shape, bool)
    for e in range(chip["bias_exponent_max"] + 1):
        rounded = (bias + ((1 << e) >> 1)) >> e
        fits = ~done & (np.abs(rounded) <= top)
        mantissa[fits], exponent[fits] = rounded[fits], e
        done |= fits
    mantissa[~done] = np.sign(bias[~done]) * top
    exponent[~done] = chip["bias_exponent_max"]
    return mantissa, exponent, (mantissa << exponent) - bias
