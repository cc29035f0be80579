"""Changes to training images that leave their label as it is.

All of it is drawn from the batch's own generator, so that a run that goes on from a checkpoint
sees the images of an unbroken one. The papers' order: crop and flip, AutoAugment, Cutout.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..config import Augmentation
from ..errors import TrainingInputError

Images = NDArray[np.uint8]


def augment(images: Images, kind: Augmentation, random: np.random.Generator) -> Images:
    """Change images (batch, channels, height, width) at random; the shape stays.

    Event frames (batch, steps, channels, height, width) are changed alike in all their steps.
    """
    match kind:
        case Augmentation.NONE:
            return images
        case Augmentation.SHIFT:
            return _shift(images, 2, random)
        case Augmentation.CROP_FLIP:
            return _flip(_shift(images, 4, random), random)
        case Augmentation.ROLL_FLIP:
            return _roll(_flip(images.copy(), random), 5, random)
        case Augmentation.RESIZED_CROP_FLIP:
            _refuse_events(images, kind)
            return _flip(_resized_crop(images, random), random)
        case Augmentation.CUTOUT:
            return _cutout(_flip(_shift(images, 4, random), random), random)
        case Augmentation.AUTOAUGMENT:
            return _autoaugment(_flip(_shift(images, 4, random), random), random)
        case Augmentation.AUTOAUGMENT_CUTOUT:
            changed = _autoaugment(_flip(_shift(images, 4, random), random), random)
            return _cutout(changed, random)


def _shift(images: Images, most: int, random: np.random.Generator) -> Images:
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


def _flip(images: Images, random: np.random.Generator) -> Images:
    """Mirror half of the images, left to right, in place."""
    flip = random.random(len(images)) < 0.5
    images[flip] = images[flip, ..., ::-1]
    return images


def _roll(images: Images, most: int, random: np.random.Generator) -> Images:
    """Move each image by up to `most` pixels each way; what leaves comes in on the other side."""
    moves = random.integers(-most, most + 1, (len(images), 2))
    return np.stack(
        [
            np.roll(image, (int(y), int(x)), (-2, -1))
            for image, (y, x) in zip(images, moves, strict=True)
        ]
    )


def _resized_crop(images: Images, random: np.random.Generator) -> Images:
    """Cut out a part and scale it back to the image's size (Szegedy et al. 2015, section 6).

    The part has 8 to 100 % of the area and sides between 3:4 and 4:3; ten tries, then all of it.
    """
    from PIL import Image

    height, width = images.shape[-2:]
    scaled = np.empty_like(images)
    for out, image in zip(scaled, images, strict=True):
        rows, columns = height, width
        for _ in range(10):
            area = height * width * random.uniform(0.08, 1)
            ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
            tried = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < tried[0] <= height and 0 < tried[1] <= width:
                rows, columns = tried
                break
        top = int(random.integers(height - rows + 1))
        left = int(random.integers(width - columns + 1))
        box = (left, top, left + columns, top + rows)
        for plane_out, plane in zip(out, image, strict=True):
            part = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR, box)
            plane_out[:] = np.asarray(part)
    return scaled


def _cutout(images: Images, random: np.random.Generator) -> Images:
    """Blank a square of half the image's side, its centre anywhere (DeVries and Taylor 2017).

    In the papers the square is 0 after normalisation: the mean colour. Here it is the batch's.
    """
    height, width = images.shape[-2:]
    mean = np.rint(images.mean((0, -2, -1))).astype(np.uint8)
    side = width // 2
    centres = random.integers(0, (height, width), (len(images), 2))
    for image, (y, x) in zip(images, centres, strict=True):
        top, left = max(0, y - side // 2), max(0, x - side // 2)
        image[..., top : y - side // 2 + side, left : x - side // 2 + side] = mean[..., None, None]
    return images


def _autoaugment(images: Images, random: np.random.Generator) -> Images:
    _refuse_events(images, Augmentation.AUTOAUGMENT)
    from .autoaugment import autoaugment

    return autoaugment(images, random)


def _refuse_events(images: Images, kind: Augmentation) -> None:
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise TrainingInputError(
            "data.augmentation",
            got=f"{kind} for samples of shape {images.shape[1:]}",
            expected="images of one or three channels",
            remedy="choose crop-flip, or roll-flip for event frames",
        )
