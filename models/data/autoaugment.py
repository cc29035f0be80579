"""AutoAugment's policy for CIFAR-10 (Cubuk et al., CVPR 2019, table 7), on Pillow's operations.

A policy is 25 pairs of operations (name, probability, magnitude 0..9). Each image gets one pair,
drawn at random; each operation of it is applied with its probability, and those that have a
direction go either way half of the time. What comes in at a border is grey (128), as in the
authors' code. torchvision has the policy too, but its builds for the CPU and for CUDA do not load
beside a torch of the other kind; Pillow always does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

_GREY = 128
_Operation = tuple[str, float, int]

POLICY: tuple[tuple[_Operation, _Operation], ...] = (
    (("invert", 0.1, 7), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate-x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear-y", 0.5, 8), ("translate-y", 0.7, 9)),
    (("autocontrast", 0.5, 8), ("equalize", 0.9, 2)),
    (("shear-y", 0.2, 7), ("posterize", 0.3, 7)),
    (("color", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 5), ("equalize", 0.5, 1)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("color", 0.7, 7), ("translate-x", 0.5, 8)),
    (("equalize", 0.3, 7), ("autocontrast", 0.4, 8)),
    (("translate-y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("color", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 3)),
    (("equalize", 0.2, 0), ("autocontrast", 0.6, 0)),
    (("equalize", 0.2, 8), ("equalize", 0.6, 4)),
    (("color", 0.9, 9), ("equalize", 0.6, 6)),
    (("autocontrast", 0.8, 4), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("color", 0.7, 0)),
    (("solarize", 0.4, 5), ("autocontrast", 0.9, 3)),
    (("translate-y", 0.9, 9), ("translate-y", 0.7, 9)),
    (("autocontrast", 0.9, 2), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 8), ("invert", 0.1, 3)),
    (("translate-y", 0.7, 9), ("autocontrast", 0.9, 1)),
)


def autoaugment(images: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Change images (batch, 1 or 3, height, width), each by a pair of operations of its own."""
    changed = np.empty_like(images)
    for out, planes in zip(changed, images, strict=True):
        grey = len(planes) == 1
        image = Image.fromarray(planes[0] if grey else planes.transpose(1, 2, 0))
        pair = POLICY[random.integers(len(POLICY))]
        for (name, probability, magnitude), chance, direction in zip(
            pair, random.random(2), random.choice((-1, 1), 2), strict=True
        ):
            if chance < probability:
                image = apply(image, name, magnitude, int(direction))
        array = np.asarray(image, np.uint8)
        out[:] = array if grey else array.transpose(2, 0, 1)
    return changed


def apply(image: Image.Image, name: str, magnitude: int, direction: int = 1) -> Image.Image:
    """Apply one operation; direction (1 or -1) is for those that can go either way.

    Of magnitude 0 to 9: shears by up to 0.3, translations by up to 150/331 of a side, rotations by
    up to 30 degrees, enhancement factors 1 +- up to 0.9, solarising thresholds from 256 down to 0,
    posterising to 8 down to 4 bits.
    """
    share = magnitude / 9 * direction
    match name:
        case "invert":
            return ImageOps.invert(image)
        case "autocontrast":
            return ImageOps.autocontrast(image)
        case "equalize":
            return ImageOps.equalize(image)
        case "solarize":
            return ImageOps.solarize(image, round(256 * (1 - magnitude / 9)))
        case "posterize":
            return ImageOps.posterize(image, round(8 - 4 * magnitude / 9))
        case "color":
            return ImageEnhance.Color(image).enhance(1 + 0.9 * share)
        case "contrast":
            return ImageEnhance.Contrast(image).enhance(1 + 0.9 * share)
        case "brightness":
            return ImageEnhance.Brightness(image).enhance(1 + 0.9 * share)
        case "sharpness":
            return ImageEnhance.Sharpness(image).enhance(1 + 0.9 * share)
        case "rotate":
            return image.rotate(30 * share, fillcolor=_border(image))
        case "shear-y":
            return _affine(image, (1, 0, 0, 0.3 * share, 1, 0))
        case "translate-x":
            return _affine(image, (1, 0, 150 / 331 * share * image.width, 0, 1, 0))
        case "translate-y":
            return _affine(image, (1, 0, 0, 0, 1, 150 / 331 * share * image.height))
    raise ValueError(f"no operation {name!r}")


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, fillcolor=_border(image))


def _border(image: Image.Image) -> tuple[int, ...] | int:
    return _GREY if image.mode == "L" else (_GREY,) * 3
