"""The emulator's inner loops, compiled by numba and kept in its cache.

Rasters are uint8 of shape (batch, time, neurons), sums int32 of shape (batch, steps, neurons).
`first` is the step that sums[:, 0] belongs to. A spike of step t - delay counts in step t.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def events_at(raster, b, t, delay, found):  # type: ignore[no-untyped-def]
    """Write the indices of the neurons whose spikes arrive in step t; return how many there are."""
    count = 0
    neurons = raster.shape[2]
    if delay.size == 1:
        s = t - delay[0]
        if s >= 0:
            for j in range(neurons):
                found[count] = j
                count += raster[b, s, j]
    else:
        for j in range(neurons):
            s = t - delay[j]
            if s >= 0 and raster[b, s, j]:
                found[count] = j
                count += 1
    return count


@numba.njit(cache=True, nogil=True)
def add_shifted(row, sums, left, right):  # type: ignore[no-untyped-def]
    """Add row * 2^(left - right) to sums, rounding down."""
    for i in range(row.size):
        sums[i] += (np.int32(row[i]) >> right) << left


@numba.njit(cache=True, nogil=True)
def add_dense(raster, first, delay, rows, fan_out, left, right, row, sums):  # type: ignore[no-untyped-def]
    """Add the weights of all spikes that arrive, row by row; return the synaptic operations.

    rows: (inputs, outputs), one row a source neuron; row: scratch of the accumulator's type.
    """
    operations = 0
    found = np.empty(rows.shape[0] + 1, np.int32)
    outputs = rows.shape[1]
    for b in range(sums.shape[0]):
        for step in range(sums.shape[1]):
            count = events_at(raster, b, first + step, delay, found)
            if count == 0:
                continue
            row[:] = 0
            k = 0
            while k + 4 <= count:  # four rows a pass: a quarter of the traffic on `row`
                j0, j1, j2, j3 = found[k], found[k + 1], found[k + 2], found[k + 3]
                for i in range(outputs):
                    row[i] += rows[j0, i] + rows[j1, i] + rows[j2, i] + rows[j3, i]
                k += 4
            while k < count:
                for i in range(outputs):
                    row[i] += rows[found[k], i]
                k += 1
            for k in range(count):
                operations += fan_out[found[k]]
            add_shifted(row, sums[b, step], left, right)
    return operations


@numba.njit(cache=True, nogil=True)
def reach(at, taps, stride, dilation, outputs):  # type: ignore[no-untyped-def]
    """Return the range of output positions whose taps can lie on padded input position `at`."""
    first = max(0, -((dilation * (taps - 1) - at) // stride))
    return first, min(outputs, at // stride + 1)


@numba.njit(cache=True, nogil=True)
def add_conv(raster, first, delay, kernel, present, size, window, left, right, image, sums):  # type: ignore[no-untyped-def]
    """Lay the kernel around every spike that arrives; return the synaptic operations.

    kernel: (in channels, rows, columns, out channels of the group), present: its non-zeros by
    (in channel, row, column); size: (height, width) of the input; window: stride, padding before
    and dilation, (row, column) each; image: scratch (height, width, out channels).
    """
    operations = 0
    channels, rows, columns, width_out = kernel.shape
    height, width = size
    stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x = window
    out_height, out_width, out_channels = image.shape
    groups = out_channels // width_out
    in_group = channels // groups
    found = np.empty(channels * height * width + 1, np.int32)
    for b in range(sums.shape[0]):
        for step in range(sums.shape[1]):
            count = events_at(raster, b, first + step, delay, found)
            if count == 0:
                continue
            image[:] = 0
            for k in range(count):
                c, pixel = divmod(found[k], height * width)
                y, x = divmod(pixel, width)
                base = (c // in_group) * width_out
                first_y, last_y = reach(y + pad_y, rows, stride_y, dilation_y, out_height)
                first_x, last_x = reach(x + pad_x, columns, stride_x, dilation_x, out_width)
                for oy in range(first_y, last_y):
                    ky, off_y = divmod(y + pad_y - oy * stride_y, dilation_y)
                    if off_y:
                        continue
                    for ox in range(first_x, last_x):
                        kx, off_x = divmod(x + pad_x - ox * stride_x, dilation_x)
                        if off_x:
                            continue
                        operations += present[c, ky, kx]
                        target = image[oy, ox, base : base + width_out]
                        weights = kernel[c, ky, kx]
                        for o in range(width_out):
                            target[o] += weights[o]
            i = 0
            for o in range(out_channels):
                for oy in range(out_height):
                    for ox in range(out_width):
                        sums[b, step, i] += (np.int32(image[oy, ox, o]) >> right) << left
                        i += 1
    return operations


@numba.njit(cache=True, nogil=True)
def decayed(x, multiplier):  # type: ignore[no-untyped-def]
    """Return trunc(x * multiplier / 2^12) in 32 bits, for |x| <= 2^23 and multiplier <= 2^12."""
    size = abs(x)
    scaled = (size >> 12) * multiplier + (((size & 4095) * multiplier) >> 12)
    return np.int32(-scaled if x < 0 else scaled)


@numba.njit(cache=True, nogil=True)
def update(sums, first, u, v, decays, threshold, bias, raster, potential, counters):  # type: ignore[no-untyped-def]
    """Move all compartments on by sums.shape[1] steps: write their spikes, keep u and v.

    u, v: int32 (batch, neurons); decays: int32 (2, neurons), the multipliers of u and of v;
    threshold, bias: int32, in the membrane's unit; potential: int32, v before reset, written where
    its time axis is not empty; counters: int64, += spikes, active updates, wraps of u, clips of v.
    """
    batch, steps, neurons = sums.shape
    limit = np.int32(1 << 23)
    for b in range(batch):
        for step in range(steps):
            spikes = active = wraps = clips = np.int32(0)
            t = first + step
            keep = potential.shape[1] > t
            for i in range(neurons):
                a = sums[b, step, i]
                active += (a | u[b, i] | v[b, i] | bias[i]) != 0
                current = decayed(u[b, i], decays[0, i]) + np.int32(a << 6)
                if current > limit:
                    current -= 2 * limit
                    wraps += 1
                elif current <= -limit:
                    current += 2 * limit
                    wraps += 1
                u[b, i] = current
                membrane = decayed(v[b, i], decays[1, i]) + current + bias[i]
                if membrane >= limit:
                    membrane = limit - 1
                    clips += 1
                elif membrane <= -limit:
                    membrane = -limit + 1
                    clips += 1
                if keep:
                    potential[b, t, i] = membrane
                fired = membrane > threshold[i]
                spikes += fired
                raster[b, t, i] = fired
                v[b, i] = 0 if fired else membrane
            counters[0] += spikes
            counters[1] += active
            counters[2] += wraps
            counters[3] += clips
