"""Images to spikes, the same spikes for the same image whatever batch it comes in.

Pixels are in 0..255 and stand for intensities p = pixel/255. Each encoder turns images
(batch, *shape) into spikes (batch, steps, *shape):

    bernoulli   s[t] = 1 with probability p, independently in each step
    latency     one spike, at step round((1 - p) * (steps - 1)); none where p = 0
    delta       s[t] = 1 where the image, faded in over the steps, rose by a threshold
    direct      the intensity itself in every step: real-valued, for a first layer off the chip
    events      the data are spikes already, (batch, steps, *shape)

Randomness is keyed by the image itself and the seed, not by its place in a batch: two equal
images get equal spikes, and every engine sees what every other one sees.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from ..config import EncoderConfig, Encoding
from ..errors import TrainingInputError


def encode_images(
    config: EncoderConfig, images: NDArray[np.uint8], random: np.random.Generator
) -> NDArray[np.bool_] | NDArray[np.float32]:
    """Encode images, drawing what is random from `random`: for training, where it may vary."""
    _refuse_frames(config, images)
    if config.kind is Encoding.BERNOULLI:
        return _bernoulli(images, config.steps, random)
    return _deterministic(config, images)


def encode_keyed(
    config: EncoderConfig, images: NDArray[np.uint8], key: str
) -> NDArray[np.bool_] | NDArray[np.float32]:
    """Encode images, each with a generator keyed by `key` and its own pixels: for evaluation."""
    _refuse_frames(config, images)
    if config.kind is not Encoding.BERNOULLI:
        return _deterministic(config, images)
    spikes = np.empty((len(images), config.steps, *images.shape[1:]), dtype=np.bool_)
    for image, out in zip(images, spikes, strict=True):
        digest = hashlib.blake2b(image.tobytes(), digest_size=16, key=key.encode()).digest()
        random = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
        out[:] = _bernoulli(image[None], config.steps, random)[0]
    return spikes


def _refuse_frames(config: EncoderConfig, images: NDArray[np.uint8]) -> None:
    """Refuse to take an event camera's zeros and ones for pixels of 0 to 255."""
    if images.ndim == 5 and config.kind is not Encoding.EVENTS:
        raise TrainingInputError(
            f"encoder {config.kind}",
            got=f"event frames of shape {images.shape[1:]}",
            expected="images of shape (channels, height, width)",
            remedy=f'set encoder.kind to "events" and encoder.steps to {images.shape[1]}',
        )


def _bernoulli(
    images: NDArray[np.uint8], steps: int, random: np.random.Generator
) -> NDArray[np.bool_]:
    # An integer draw below 255 makes the probability exactly pixel/255: never at 0, always at 255.
    draws = random.integers(0, 255, (len(images), steps, *images.shape[1:]), dtype=np.uint8)
    return images[:, None] > draws


def _deterministic(
    config: EncoderConfig, images: NDArray[np.uint8]
) -> NDArray[np.bool_] | NDArray[np.float32]:
    match config.kind:
        case Encoding.LATENCY:
            return _latency(images, config.steps)
        case Encoding.DELTA:
            return _delta(images, config.steps, config.threshold)
        case Encoding.DIRECT:
            intensity = images.astype(np.float32) / np.float32(255)
            return np.repeat(intensity[:, None], config.steps, axis=1)
        case _:
            return _events(images, config.steps)


def _latency(images: NDArray[np.uint8], steps: int) -> NDArray[np.bool_]:
    # Rounded half up in integers: (255 - p) * (steps - 1) / 255 with no floating-point tie.
    step = ((255 - images.astype(np.int64)) * (steps - 1) * 2 + 255) // 510
    time = np.arange(steps).reshape((1, steps) + (1,) * (images.ndim - 1))
    return (time == step[:, None]) & (images[:, None] > 0)


def _delta(images: NDArray[np.uint8], steps: int, threshold: float) -> NDArray[np.bool_]:
    """Fade the image in, p * (t+1)/steps in step t; a spike is sent for a rise by `threshold`.

    At most one spike a step, and the rise is counted from the last one sent: the send-on-delta
    rule of event cameras.
    """
    intensity = images.astype(np.float64) / 255
    sent = np.zeros_like(intensity)
    spikes = np.empty((len(images), steps, *images.shape[1:]), dtype=np.bool_)
    for t in range(steps):
        rise = intensity * ((t + 1) / steps) - sent
        spikes[:, t] = rise >= threshold
        sent = np.where(spikes[:, t], sent + threshold, sent)
    return spikes


def _events(frames: NDArray[np.uint8], steps: int) -> NDArray[np.bool_]:
    if frames.ndim < 3 or frames.shape[1] != steps:
        raise TrainingInputError(
            "encoder events",
            got=f"data of shape {frames.shape}",
            expected=f"(batch, {steps}, *shape), spikes already",
            remedy=f"set encoder.steps to {frames.shape[1]}, or data.bins to {steps}"
            if frames.ndim == 5
            else f"choose an image encoder, or set encoder.steps to {frames.shape[1]}",
        )
    return frames != 0
