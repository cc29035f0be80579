import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonc.models import TrainingConfig, TrainingInputError, encode
from axonc.models.config import EncoderConfig, Encoding, NetworkConfig
from axonc.models.data.encoders import encode_images, encode_keyed

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 1, 4, 5), dtype=np.uint8)


def config(kind: Encoding, steps: int = 8) -> TrainingConfig:
    return TrainingConfig(encoder=EncoderConfig(kind=kind, steps=steps))


@pytest.mark.parametrize("kind", [Encoding.BERNOULLI, Encoding.LATENCY, Encoding.DELTA])
def test_spikes_do_not_depend_on_the_batch(kind: Encoding) -> None:
    whole = encode(config(kind), IMAGES, "test")
    assert whole.shape == (6, 8, 20)
    assert whole.dtype == np.bool_
    assert np.array_equal(whole[[4, 1]], encode(config(kind), IMAGES[[4, 1]], "test"))
    assert np.array_equal(whole, encode(config(kind), IMAGES, "test"))


def test_seed_and_split_change_bernoulli_spikes() -> None:
    settings = config(Encoding.BERNOULLI)
    spikes = encode(settings, IMAGES, "test")
    assert not np.array_equal(spikes, encode(settings, IMAGES, "validation"))
    other = dataclasses.replace(settings, seed=1)
    assert not np.array_equal(spikes, encode(other, IMAGES, "test"))


def test_bernoulli_rate_is_the_intensity() -> None:
    images = np.array([0, 51, 128, 255], dtype=np.uint8).reshape(1, 4)
    spikes = encode_keyed(EncoderConfig(steps=20_000), images, "key")
    rates = spikes.mean(1)[0]
    assert rates[0] == 0
    assert rates[3] == 1
    # Four standard deviations of a mean of 20,000 draws are below 0.015.
    assert rates == pytest.approx(images[0] / 255, abs=0.015)


@given(st.integers(0, 255), st.integers(1, 30))
def test_latency_is_one_spike_at_the_rounded_step(pixel: int, steps: int) -> None:
    spikes = encode_images(
        EncoderConfig(Encoding.LATENCY, steps),
        np.array([[pixel]], dtype=np.uint8),
        np.random.default_rng(),
    )
    expected = [] if pixel == 0 else [int((1 - pixel / 255) * (steps - 1) + 0.5)]
    assert np.flatnonzero(spikes).tolist() == expected


@given(st.integers(0, 255))
def test_delta_sends_as_much_as_the_threshold_allows(pixel: int) -> None:
    settings = EncoderConfig(Encoding.DELTA, steps=50, threshold=0.25)
    image = np.array([[pixel]], dtype=np.uint8)
    sent = encode_images(settings, image, np.random.default_rng()).sum() * 0.25
    assert sent <= pixel / 255 < sent + 0.25


def test_direct_repeats_the_intensity() -> None:
    settings = TrainingConfig(
        encoder=EncoderConfig(Encoding.DIRECT, 2), network=NetworkConfig(architecture="mlp")
    )
    values = encode(settings, IMAGES, "test")
    assert values.dtype == np.float32
    assert np.array_equal(values[:, 1].reshape(IMAGES.shape), IMAGES / np.float32(255))


def test_event_frames_are_no_images() -> None:
    frames = np.ones((2, 10, 2, 5, 5), np.uint8)
    with pytest.raises(TrainingInputError) as error:
        encode_keyed(EncoderConfig(Encoding.BERNOULLI, 8), frames, "")
    assert str(error.value) == (
        "encoder bernoulli: got event frames of shape (10, 2, 5, 5), expected images of shape "
        '(channels, height, width). Set encoder.kind to "events" and encoder.steps to 10.'
    )


def test_events_must_have_the_right_number_of_steps() -> None:
    with pytest.raises(TrainingInputError) as error:
        encode_keyed(EncoderConfig(Encoding.EVENTS, 8), np.ones((2, 10, 3), np.uint8), "")
    assert str(error.value) == (
        "encoder events: got data of shape (2, 10, 3), expected (batch, 8, *shape), spikes "
        "already. Choose an image encoder, or set encoder.steps to 10."
    )
