"""Synaptic sums: how the sign bits that events select become integer counts.

Sixty-four neurons are summed at a time. Bit k of 64 counters lies in one word ("plane" k), so that
adding a row of sign bits is a ripple of half adders on words; seven rows at once go through a tree
of four full adders first. The sum of a bipolar neuron is 2 * (ones it saw) - (rows it saw).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiled import inlined, uncounted
from .image import WORDS_AT_ONCE

# Byte b -> 8 bytes, byte j of them holding bit j of b.
SPREAD = np.array([sum(((b >> j) & 1) << (8 * j) for j in range(8)) for b in range(256)], np.uint64)
ROWS_AT_ONCE = 255
"""Counters are extracted into bytes, so at most 255 rows are counted before extraction."""
PLANES = 8
_ONE_ROW = np.uint64(WORDS_AT_ONCE)


@inlined
def _full_adder(a: Any, b: Any, c: Any) -> Any:
    half = a ^ b
    return half ^ c, (a & b) | (half & c)


@inlined
def _place(rows: np.ndarray, i: Any, last: Any, base: Any, nothing: Any) -> Any:
    return np.uint64(base + rows[i] if i < last else nothing)


@uncounted
def count_ones(
    words: np.ndarray,
    base: int,
    stride: int,
    rows: np.ndarray,
    first: int,
    last: int,
    counts: np.ndarray,
    planes: np.ndarray,
) -> None:
    """Set byte j of counts[8 * w ...] to how many of rows[first:last] have bit j of word w set.

    words[base + rows[i] + w]: `rows` holds offsets. At most ROWS_AT_ONCE rows. counts: uint64
    (8 * stride), one byte a column. planes: uint64, PLANES x WORDS_AT_ONCE, scratch.
    """
    # Unsigned indices: signed ones may count from the end, for which loops become no vectors.
    spread, low_byte, nothing = SPREAD, np.uint64(255), words.size - 2 * WORDS_AT_ONCE
    levels = 1
    while (1 << levels) <= last - first:
        levels += 1
    for left in range(0, stride, WORDS_AT_ONCE):
        wanted = min(WORDS_AT_ONCE, stride - left)
        width = WORDS_AT_ONCE if wanted > 4 else wanted  # a few garbage columns are cheaper
        planes[:] = 0
        for i in range(first, last, 7):
            a = np.uint64(base + left + rows[i])
            b = _place(rows, i + 1, last, base + left, nothing)
            c = _place(rows, i + 2, last, base + left, nothing)
            d = _place(rows, i + 3, last, base + left, nothing)
            e = _place(rows, i + 4, last, base + left, nothing)
            f = _place(rows, i + 5, last, base + left, nothing)
            g = _place(rows, i + 6, last, base + left, nothing)
            for w in range(width):
                u = np.uint64(w)
                s1, c1 = _full_adder(words[a + u], words[b + u], words[c + u])
                s2, c2 = _full_adder(words[d + u], words[e + u], words[f + u])
                ones, c3 = _full_adder(s1, s2, words[g + u])
                twos, fours = _full_adder(c1, c2, c3)
                # planes += ones + 2 * twos + 4 * fours
                p0, p1, p2 = u, u + _ONE_ROW, u + _ONE_ROW + _ONE_ROW
                carry = planes[p0] & ones
                planes[p0] ^= ones
                planes[p1], carry = _full_adder(planes[p1], twos, carry)
                planes[p2], carry = _full_adder(planes[p2], fours, carry)
                for k in range(3, PLANES):
                    p = u + np.uint64(k) * _ONE_ROW
                    kept = planes[p]
                    planes[p] = kept ^ carry
                    carry &= kept
        for w in range(wanted):
            for byte in range(8):
                total = np.uint64(0)
                for k in range(levels):
                    index = planes[np.uint64(k * WORDS_AT_ONCE + w)] >> np.uint64(8 * byte)
                    total += spread[index & low_byte] << np.uint64(k)
                counts[8 * (left + w) + byte] = total


@uncounted
def add_rows(
    words: np.ndarray,
    bank: Any,
    rows: np.ndarray,
    n_rows: int,
    sums: np.ndarray,
    counts: np.ndarray,
    planes: np.ndarray,
) -> None:
    """Add rows of a dense bank, given by their offsets in words, to `sums` (int32)."""
    stride, present = bank.words, bank.presence
    bytes_of = counts.view(np.uint8)
    first: Any = np.int64(0)  # not a literal, of which the compiler would make a version
    while first < n_rows:
        last = min(first + ROWS_AT_ONCE, n_rows)
        count_ones(words, bank.signs, stride, rows, first, last, counts, planes)
        missing = np.int32(last - first) if present < 0 else np.int32(0)
        for n in range(sums.size):
            sums[n] += np.int32(2) * np.int32(bytes_of[n]) - missing
        if present >= 0:
            count_ones(words, present, stride, rows, first, last, counts, planes)
            for n in range(sums.size):
                sums[n] -= np.int32(bytes_of[n])
        first = last


@uncounted
def add_taps(
    table: np.ndarray, kernel: np.ndarray, bank: Any, c: int, y: int, x: int, sums: np.ndarray
) -> tuple[int, int, int]:
    """Add what one event at (c, y, x) contributes through a convolution.

    Returns (taps, synapses, synapses that are not absent); a tap is one kernel position that
    meets one output position of the core.
    """
    fanout = bank.fan_out + 3 * c
    first, outputs = table[fanout], table[fanout + 1]
    if outputs == 0:
        return 0, 0, 0
    signs = bank.signs + table[fanout + 2]
    present = bank.effective + c * bank.kernel_rows * bank.kernel_columns
    ys, xs = bank.row_taps, bank.column_taps
    taps = effective = 0
    for i in range(ys + table[ys + y], ys + table[ys + y + 1], 2):
        for j in range(xs + table[xs + x], xs + table[xs + x + 1], 2):
            position = table[i] * bank.kernel_columns + table[j]
            weights = signs + position * outputs
            out = (table[i + 1] * bank.columns + table[j + 1]) * bank.channels + first
            # Slices: their indices cannot count from the end, so the loop becomes vectors.
            arriving, word = sums[out : out + outputs], kernel[weights : weights + outputs]
            for o in range(outputs):
                arriving[o] += word[o]
            effective += table[present + position]
            taps += 1
    return taps, taps * outputs, effective
