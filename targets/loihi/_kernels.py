"""The emulator's inner loops, compiled by numba and kept in its cache.

Rasters are uint8 of shape (batch, time, neurons), sums int32 of shape (batch, steps, neurons).
`first` is the step that sums[:, 0] belongs to. A spike of step t - delay counts in step t.
"""

from __future__ import annotations

import numpy as np

from .._kernel_cache import jit


@jit
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


@jit
def add_shifted(row, sums, left, right):  # type: ignore[no-untyped-def]
    """Add row * 2^(left - right) to sums, rounding down."""
    for i in range(row.size):
        sums[i] += (np.int32(row[i]) >> right) << left


@jit
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


@jit
def add_conv(  # type: ignore[no-untyped-def]
    raster,
    first,
    delay,
    kernel,
    size,
    place,
    rows,
    columns,
    fan_out,
    left,
    right,
    image,
    lanes,
    channels,
    sums,
):
    """Lay the kernel around every spike that arrives; return the synaptic operations.

    All numbers as `gather` lays them out. kernel: words, of `size` (rows, columns, words a tap) for
    each input channel; place: by source neuron its first words in `kernel` and in `image`, its row
    and column; rows, columns: (starts, runs) of each row and column of the input; image: scratch
    words, `lanes` the same memory as (groups, height, width, lanes), of which `channels` are used.

    A lane starts at half of its range, so that no sum borrows from the lane above it.
    """
    operations = 0
    row_starts, row_runs = rows
    column_starts, column_runs = columns
    _, taps_across, tap_words = size
    width = lanes.shape[2]
    half = 1 << (8 * lanes.itemsize - 1)
    found = np.empty(place.shape[0] + 1, np.int32)
    for b in range(sums.shape[0]):
        for step in range(sums.shape[1]):
            count = events_at(raster, b, first + step, delay, found)
            if count == 0:
                continue
            lanes[:] = half
            for k in range(count):
                j = found[k]
                operations += fan_out[j]
                weights_at, image_at, y, x = place[j, 0], place[j, 1], place[j, 2], place[j, 3]
                for i in range(row_starts[y], row_starts[y + 1]):
                    for down in range(row_runs[i, 2]):
                        line = image_at + (row_runs[i, 0] + down) * width * tap_words
                        taps = weights_at + (row_runs[i, 1] + down) * taps_across * tap_words
                        for n in range(column_starts[x], column_starts[x + 1]):
                            start = line + column_runs[n, 0] * tap_words
                            from_tap = taps + column_runs[n, 1] * tap_words
                            words = column_runs[n, 2] * tap_words
                            target = image[start : start + words]
                            weights = kernel[from_tap : from_tap + words]
                            for w in range(words):
                                target[w] += weights[w]
            add_lanes(lanes, channels, left, right, sums[b, step])
    return operations


@jit
def add_lanes(lanes, channels, left, right, sums):  # type: ignore[no-untyped-def]
    """Add each lane of an image, less half of its range and shifted, to the flat sums."""
    groups, height, width, _ = lanes.shape
    half = 1 << (8 * lanes.itemsize - 1)
    i = 0
    for g in range(groups):
        for o in range(channels):
            for y in range(height):
                for x in range(width):
                    lane = np.int32(np.int64(lanes[g, y, x, o]) - half)
                    sums[i] += (lane >> right) << left
                    i += 1


@jit
def decayed(x, multiplier):  # type: ignore[no-untyped-def]
    """Return trunc(x * multiplier / 2^12) in 32 bits, for |x| <= 2^23 and multiplier <= 2^12."""
    size = abs(x)
    scaled = (size >> 12) * multiplier + (((size & 4095) * multiplier) >> 12)
    return np.int32(-scaled if x < 0 else scaled)


@jit
def update(sums, first, u, v, decays, threshold, bias, raster, potential, counters):  # type: ignore[no-untyped-def]
    """Advance all compartments by sums.shape[1] steps: write their spikes, update u and v.

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
