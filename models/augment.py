"""Changes to training images that leave their label as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .config import Augmentation


def augment(
    images: NDArray[np.uint8], kind: Augmentation, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Change images (batch, channels, height, width) at random; the shape stays."""
    match kind:
        case Augmentation.NONE:
            return images
        case Augmentation.SHIFT:
            return _shift(images, 2, random)
        case Augmentation.CROP_FLIP:
            shifted = _shift(images, 4, random)
            flip = random.random(len(images)) < 0.5
            shifted[flip] = shifted[flip, ..., ::-1]
            return shifted


def _shift(images: NDArray[np.uint8], most: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Move each image by up to `most` pixels each way; 0 comes in at the border."""
    height, width = images.shape[-2:]
    border = ((0, 0),) * (images.ndim - 2) + ((most, most),) * 2
    padded = np.pad(images, border)
    shifted = np.empty_like(images)
    for out, image, (y, x) in zip(
        shifted, padded, random.integers(0, 2 * most + 1, (len(images), 2)), strict=True
    ):
        out[:] = image[..., y : y + height, x : x + width]
    return shifted
