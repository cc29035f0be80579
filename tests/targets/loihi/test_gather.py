"""Spikes through synapses: the compiled kernels against the plain matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.targets.loihi import Kernel, Sign, SynapseGroup
from axonc.targets.loihi.gather import gather
from axonc.targets.loihi.projection import unrolled
from axonc.toolchain.ir import Window


def assert_equals_the_matrix(weight, kernel, exponent, delays, rng):
    delay = np.asarray(delays, np.int64)
    group = SynapseGroup(
        "s", "a", "b", weight.astype(np.int32), 8, Sign.EXCITATORY, exponent, delay, (), kernel
    )
    matrix = unrolled(group.weight.astype(np.int64), kernel)
    spikes = (rng.random((2, 7, matrix.shape[1])) < rng.uniform(0.1, 1)).astype(np.uint8)
    sums = rng.integers(-9, 9, (2, 3, matrix.shape[0])).astype(np.int32)
    expected = sums.astype(np.int64)
    operations = 0
    for step in range(3):
        when = 4 + step - np.broadcast_to(delay, matrix.shape[1:])
        arrived = spikes[:, when, np.arange(len(when))].astype(np.int64)
        total = arrived @ matrix.T
        expected[:, step] += total << exponent if exponent >= 0 else total >> -exponent
        operations += int((arrived @ (matrix != 0).T).sum())
    assert gather(group, delay)(spikes, 4, sums) == operations
    np.testing.assert_array_equal(sums, expected)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_convolutions_of_all_windows(data):
    draw = data.draw
    pair = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(2))  # noqa: E731
    taps, stride, dilation = pair(1, 5), pair(1, 3), pair(1, 3)
    size = tuple((k - 1) * d + draw(st.integers(1, 6)) for k, d in zip(taps, dilation, strict=True))
    window = Window(stride, (pair(0, 2), pair(0, 2)), dilation)
    groups, per_group, out = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 9)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    shape = (groups * per_group, *size)
    kernel = Kernel(shape, (groups * out, *window.output_size(size, taps)), window, groups)
    largest = draw(st.sampled_from([1, 2, 40, 255]))
    weight = rng.integers(-largest, largest + 1, (groups * out, per_group, *taps))
    delays = rng.integers(0, 4, (int(np.prod(shape)),)) if draw(st.booleans()) else [0]
    assert_equals_the_matrix(weight, kernel, draw(st.integers(-2, 2)), delays, rng)


@pytest.mark.parametrize("total", [126, 127, 128, 32766, 32767, 32768, 70000])
@pytest.mark.parametrize("sign", [-1, 1])
def test_sums_at_the_ends_of_a_lane(total, sign):
    """All inputs spike, so that neighbouring lanes hold +total and -total."""
    channels = 300
    magnitudes = np.full(channels, total // channels)
    magnitudes[: total % channels] += 1
    weight = sign * np.stack([magnitudes, -magnitudes, magnitudes]).reshape(3, channels, 1, 1)
    kernel = Kernel((channels, 1, 2), (3, 1, 2), Window((1, 1), ((0, 0), (0, 0)), (1, 1)), 1)
    group = SynapseGroup(
        "s", "a", "b", weight.astype(np.int32), 8, Sign.EXCITATORY, 0, np.zeros(1, int), (), kernel
    )
    sums = np.zeros((1, 1, 6), np.int32)
    operations = gather(group, np.zeros(1, np.int64))(np.ones((1, 1, 600), np.uint8), 0, sums)
    assert sums.reshape(3, 2).tolist() == [[sign * total] * 2, [-sign * total] * 2] + [
        [sign * total] * 2
    ]
    assert operations == np.count_nonzero(weight) * 2


@pytest.mark.parametrize("largest", [1, 255])
@pytest.mark.parametrize("delays", [[0], None])
def test_matrices(largest, delays):
    rng = np.random.default_rng(0)
    weight = rng.integers(-largest, largest + 1, (20, 301))
    delays = rng.integers(0, 5, 301) if delays is None else delays
    assert_equals_the_matrix(weight, None, -1, delays, rng)
