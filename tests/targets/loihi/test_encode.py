"""Weights and biases into registers: exact, in the fewest bits, or refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonc.targets.loihi import Sign, load_chip
from axonc.targets.loihi.encode import Encoding, encoded_bias, encoded_weights

CHIP = load_chip("loihi1")


def meant(encoding):
    """What one spike through each stored weight adds."""
    w, e = encoding.weight.astype(np.int64), encoding.exponent
    return w << e if e >= 0 else w >> -e


def lava_truncates(encoding):
    """What Lava's Dense makes of stored weights (lava-nc 0.10.0, weightutils.truncate_weights)."""
    shift = 8 - encoding.bits + (encoding.sign is Sign.MIXED)
    sign = -1 if encoding.sign is Sign.INHIBITORY else 1
    return sign * ((sign * encoding.weight >> shift) << shift)


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=8), st.integers(0, 6))
def test_what_is_stored_is_what_was_meant_and_lava_keeps_it(weights, shift):
    weight = np.array(weights)
    (encoding,) = encoded_weights(weight, shift, CHIP)
    assert isinstance(encoding, Encoding)
    np.testing.assert_array_equal(meant(encoding), weight << shift)
    np.testing.assert_array_equal(lava_truncates(encoding), encoding.weight)
    assert -256 <= encoding.weight.min() and encoding.weight.max() <= 255


@pytest.mark.parametrize(
    ("weights", "bits", "sign", "stored", "exponent"),
    [
        ([1, -1], 2, Sign.MIXED, [128, -128], -7),
        ([1, 0, -1], 2, Sign.MIXED, [128, 0, -128], -7),
        ([1, 0], 1, Sign.EXCITATORY, [128, 0], -7),
        ([-1, 0], 1, Sign.INHIBITORY, [-128, 0], -7),
        ([6, -6], 3, Sign.MIXED, [192, -192], -5),
        ([127, -128], 8, Sign.MIXED, [254, -256], -1),
        ([254, -256], 8, Sign.MIXED, [254, -256], 0),
        ([255, 0], 8, Sign.EXCITATORY, [255, 0], 0),
        ([0, 0], 1, Sign.EXCITATORY, [0, 0], 0),
    ],
)
def test_the_narrowest_format_is_taken(weights, bits, sign, stored, exponent):
    (encoding,) = encoded_weights(np.array(weights), 0, CHIP)
    assert (encoding.bits, encoding.sign, encoding.exponent) == (bits, sign, exponent)
    assert encoding.weight.tolist() == stored


def test_signed_weights_of_nine_bits_take_two_formats():
    weight = np.array([255, -255, 3, 0, -8])
    positive, negative = encoded_weights(weight, 2, CHIP)
    assert (positive.sign, negative.sign) == (Sign.EXCITATORY, Sign.INHIBITORY)
    np.testing.assert_array_equal(meant(positive) + meant(negative), weight << 2)
    for encoding in (positive, negative):
        assert encoding.bits == 8
        np.testing.assert_array_equal(lava_truncates(encoding), encoding.weight)


def test_what_takes_more_bits_or_another_exponent_is_told():
    assert encoded_weights(np.array([257, -3]), 0, CHIP) == (
        "weights from -3 to 257 take 10 bits, Intel Loihi has 8 for mixed signs; "
        "quantise them to fewer (--weight-bits)"
    )
    assert "need the exponent 8, it goes from -7 to 7" in encoded_weights(np.array([1]), 15, CHIP)


@given(st.lists(st.integers(-(4095 << 7), 4095 << 7), min_size=1, max_size=6))
def test_a_bias_is_off_by_half_a_unit_of_its_exponent_at_most(biases):
    bias = np.array(biases)
    mantissa, exponent, error = encoded_bias(bias, CHIP)
    np.testing.assert_array_equal((mantissa << exponent) - bias, error)
    assert np.all(np.abs(mantissa) <= 4095) and np.all(exponent <= 7)
    assert np.all(np.abs(error) <= (1 << exponent) >> 1)
    assert np.all(error[np.abs(bias) <= 4095] == 0)
    assert np.all(error[bias % 128 == 0] == 0)


def test_a_bias_out_of_reach_shows_what_is_missing():
    _, _, error = encoded_bias(np.array([600_000]), CHIP)
    assert error.tolist() == [(4095 << 7) - 600_000]
