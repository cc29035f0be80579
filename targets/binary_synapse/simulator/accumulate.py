"""Synaptic sums: how the sign bits that events select become integer counts.

Sixty-four neurons are summed at a time. Bit k of 64 counters lies in one word ("plane" k), so that
adding a row of sign bits is a ripple of half adders on words; seven rows at once go through a tree
of four full adders first. The sum of a bipolar neuron is 2 * (ones it saw) - (rows it saw).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiled import compiled, inlined
from .image import (
    CHANNELS,
    COLUMN_TAPS,
    COLUMNS,
    EFFECTIVE,
    FANOUT,
    KERNEL_COLUMNS,
    KERNEL_ROWS,
    PRESENT,
    ROW_TAPS,
    SIGNS,
    WORDS,
)

# Byte b -> 8 bytes, byte j of them holding bit j of b.
SPREAD = np.array([sum(((b >> j) & 1) << (8 * j) for j in range(8)) for b in range(256)], np.uint64)
ROWS_AT_ONCE = 255
"""Counters are extracted into bytes, so at most 255 rows are counted before extraction."""


@inlined
def _full_adder(a: Any, b: Any, c: Any) -> Any:
    half = a ^ b
    return half ^ c, (a & b) | (half & c)


@compiled
def count_ones(
    words: Any, base: int, stride: int, rows: Any, first: int, last: int, counts: Any, planes: Any
) -> None:
    """Set byte j of counts[8 * w ...] to how many of rows[first:last] have bit j of word w set.

    words[base + rows[i] + w]: `rows` holds offsets. At most ROWS_AT_ONCE rows. counts: uint64
    (8 * stride), one byte a column. planes: uint64 (8), scratch.
    """
    spread, low_byte = SPREAD, np.uint64(255)
    levels = 1
    while (1 << levels) <= last - first:
        levels += 1
    for w in range(stride):
        planes[:] = 0
        i = first
        while i + 7 <= last:
            at = base + w
            s1, c1 = _full_adder(
                words[at + rows[i]],
                words[at + rows[i + 1]],
                words[at + rows[i + 2]],
            )
            s2, c2 = _full_adder(
                words[at + rows[i + 3]],
                words[at + rows[i + 4]],
                words[at + rows[i + 5]],
            )
            ones, c3 = _full_adder(s1, s2, words[at + rows[i + 6]])
            twos, fours = _full_adder(c1, c2, c3)
            # planes += ones + 2 * twos + 4 * fours
            carry = planes[0] & ones
            planes[0] ^= ones
            planes[1], carry = _full_adder(planes[1], twos, carry)
            planes[2], carry = _full_adder(planes[2], fours, carry)
            for k in range(3, levels):
                kept = planes[k]
                planes[k] = kept ^ carry
                carry &= kept
            i += 7
        while i < last:
            carry = words[base + w + rows[i]]
            for k in range(levels):
                kept = planes[k]
                planes[k] = kept ^ carry
                carry &= kept
            i += 1
        for byte in range(8):
            total = np.uint64(0)
            for k in range(levels):
                index = (planes[k] >> np.uint64(8 * byte)) & low_byte
                total += spread[index] << np.uint64(k)
            counts[8 * w + byte] = total


@compiled
def add_rows(
    words: Any, bank: Any, rows: Any, n_rows: int, sums: Any, counts: Any, planes: Any
) -> None:
    """Add rows of a dense bank, given by their offsets in words, to `sums` (int32)."""
    stride, present = bank[WORDS], bank[PRESENT]
    bytes_of = counts.view(np.uint8)
    first = 0
    while first < n_rows:
        last = min(first + ROWS_AT_ONCE, n_rows)
        count_ones(words, bank[SIGNS], stride, rows, first, last, counts, planes)
        missing = np.int32(last - first) if present < 0 else np.int32(0)
        for n in range(sums.size):
            sums[n] += np.int32(2) * np.int32(bytes_of[n]) - missing
        if present >= 0:
            count_ones(words, present, stride, rows, first, last, counts, planes)
            for n in range(sums.size):
                sums[n] -= np.int32(bytes_of[n])
        first = last


@compiled
def add_taps(
    table: Any, kernel: Any, bank: Any, c: int, y: int, x: int, sums: Any
) -> tuple[int, int, int]:
    """Add what one event at (c, y, x) contributes through a convolution.

    Returns (taps, synapses, synapses that are not absent); a tap is one kernel position that
    meets one output position of the core.
    """
    fanout = bank[FANOUT] + 3 * c
    first, outputs = table[fanout], table[fanout + 1]
    if outputs == 0:
        return 0, 0, 0
    signs = bank[SIGNS] + table[fanout + 2]
    present = bank[EFFECTIVE] + c * bank[KERNEL_ROWS] * bank[KERNEL_COLUMNS]
    ys, xs = bank[ROW_TAPS], bank[COLUMN_TAPS]
    taps = effective = 0
    for i in range(ys + table[ys + y], ys + table[ys + y + 1], 2):
        for j in range(xs + table[xs + x], xs + table[xs + x + 1], 2):
            position = table[i] * bank[KERNEL_COLUMNS] + table[j]
            weights = signs + position * outputs
            out = (table[i + 1] * bank[COLUMNS] + table[j + 1]) * bank[CHANNELS] + first
            for o in range(outputs):
                sums[out + o] += kernel[weights + o]
            effective += table[present + position]
            taps += 1
    return taps, taps * outputs, effective
