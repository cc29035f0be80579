"""Prepare synapse groups for the kernels: the narrowest weights, and taps from tables.

A convolution is laid out so that all taps of one spike in one row of the image are neighbours: for
each input channel and kernel row the columns are sorted by their phase under the stride, from right
to left, each with its output channels, and an image has its channels last. What one spike adds to a
row is then one run of numbers, several to a 64-bit word.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from axonc.toolchain.ir import SPIKES, Shape, Taps

from .network import Kernel, SynapseGroup, weighted_sum

Gather = Callable[[np.ndarray, int, np.ndarray], int]
"""(raster, first step, sums) -> synaptic operations: adds what arrives to the sums."""

WORD_BYTES = 8

Runs = tuple[tuple[np.ndarray, np.ndarray], np.ndarray]
"""(starts, runs) of one axis, and the order of its taps; see `_runs`."""


def gather(group: SynapseGroup, delay: np.ndarray) -> Gather:
    """Return the function that adds a group's weights.

    Weights are divided by their common step, so that most fit a byte; a shift multiplies by it.
    """
    shift = group.exponent + group.step.bit_length() - 1
    left, right = max(shift, 0), max(-shift, 0)
    units = group.weight // group.step
    sums = weighted_sum(units, group.kernel).sum_range(SPIKES, group.input_shape)
    largest_sum = max(int(sums.high.max()), -int(sums.low.min()))
    fan_out = group.fan_out().astype(np.int64)
    if group.kernel is None:
        narrow = np.int8 if -128 <= units.min() and units.max() <= 127 else np.int16
        rows = np.ascontiguousarray(units.T, dtype=narrow)
        row = np.zeros(rows.shape[1], np.int32 if largest_sum > 32767 else np.int16)

        def dense(raster: np.ndarray, first: int, sums: np.ndarray) -> int:
            from ._kernels import add_dense

            return int(add_dense(raster, first, delay, rows, fan_out, left, right, row, sums))

        return dense

    return _convolution(units, group.kernel, delay, fan_out, largest_sum, (left, right))


def _convolution(
    units: np.ndarray,
    kernel: Kernel,
    delay: np.ndarray,
    fan_out: np.ndarray,
    largest_sum: int,
    shift: tuple[int, int],
) -> Gather:
    # The narrowest lanes that hold every sum: all lanes of a word are added at once.
    lane = next(t for t in (np.uint8, np.uint16, np.uint32) if largest_sum < np.iinfo(t).max // 2)
    _, out_height, out_width = kernel.output_shape
    (rows, row_order), (columns, column_order) = _runs_of(kernel, units.shape[2:])
    out, per_group = units.shape[:2]
    by_input = (
        units[:, :, row_order][:, :, :, column_order]
        .reshape(kernel.groups, out // kernel.groups, per_group, *units.shape[2:])
        .transpose(0, 2, 3, 4, 1)
    )
    words = _words(by_input, lane)  # (groups, channels of a group, rows, columns, words)
    lanes = np.empty(
        (kernel.groups, out_height, out_width, words.shape[-1] * WORD_BYTES // lane().nbytes), lane
    )
    image = lanes.reshape(-1).view(np.uint64)
    place = _places(kernel, words[0, 0].size, image.size)

    def conv(raster: np.ndarray, first: int, sums: np.ndarray) -> int:
        from ._kernels import add_conv

        return int(
            add_conv(
                raster,
                first,
                delay,
                words.reshape(-1),
                words.shape[2:],
                place,
                rows,
                columns,
                fan_out,
                *shift,
                image,
                lanes,
                out // kernel.groups,
                sums,
            )
        )

    return conv


def _words(weight: np.ndarray, lane: type[np.unsignedinteger]) -> np.ndarray:
    """Return words whose sum is that of all lanes: sum over k of weight[..., k] * 2^(bits * k)."""
    bits = 8 * lane().nbytes
    lanes = 64 // bits
    short = -weight.shape[-1] % lanes
    padded = np.pad(weight, [(0, 0)] * (weight.ndim - 1) + [(0, short)])
    digits = padded.astype(np.int64).astype(np.uint64).reshape(*weight.shape[:-1], -1, lanes)
    places = np.arange(lanes, dtype=np.uint64) * np.uint64(bits)
    return np.ascontiguousarray((digits << places).sum(-1, dtype=np.uint64))


def _places(kernel: Kernel, kernel_words: int, image_words: int) -> np.ndarray:
    """Return by source neuron its first words in the kernel and in the image, its row and column.

    kernel_words: of one input channel. image_words: of all groups.
    """
    channels, height, width = kernel.input_shape
    channel, y, x = np.indices((channels, height, width)).reshape(3, -1)
    group = channel // (channels // kernel.groups)
    first_words = [channel * kernel_words, group * (image_words // kernel.groups)]
    return np.stack([*first_words, y, x], axis=1).astype(np.int32)


def _runs_of(kernel: Kernel, size: Shape) -> tuple[Runs, Runs]:
    """Return `_runs` of the rows and of the columns of a kernel of `size`."""
    window = kernel.window
    taps = window.taps(kernel.input_shape[1:], size)
    rows, columns = (
        _runs(*axis) for axis in zip(taps, window.stride, window.dilation, strict=True)
    )
    return rows, columns


def _runs(taps: Taps, stride: int, dilation: int) -> Runs:
    """Return where each input position counts along one axis, and the order of taps for that.

    The runs of position i are those from starts[i] to starts[i + 1]; each is (first output, first
    tap in the order, how many of both): output first + k gets tap first + k.
    """
    indices = np.arange(taps.kernel_size)
    order = np.lexsort((-indices, indices * dilation % stride))
    place = np.argsort(order)
    by_source = np.lexsort((place[taps.kernel], taps.source))
    source, out, tap = taps.source[by_source], taps.out[by_source], place[taps.kernel[by_source]]
    goes_on = (np.diff(source) == 0) & (np.diff(out) == 1) & (np.diff(tap) == 1)
    first = np.flatnonzero(np.concatenate([[True], ~goes_on])[: len(out)])
    lengths = np.diff(np.append(first, len(out)))
    runs = np.stack([out[first], tap[first], lengths], axis=1)
    starts = np.searchsorted(source[first], np.arange(len(taps.start)))
    return (starts.astype(np.int32), runs.astype(np.int32)), order
