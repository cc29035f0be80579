"""Augmentations: what they may change, what they may not, and that a generator fixes them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from axonc.models.config import Augmentation
from axonc.models.data.augment import augment
from axonc.models.data.autoaugment import POLICY, apply
from axonc.models.errors import TrainingInputError

IMAGES = np.random.default_rng(0).integers(1, 256, (40, 3, 32, 32), dtype=np.uint8)


@pytest.mark.parametrize("kind", list(Augmentation))
def test_equal_generators_give_equal_images_and_the_originals_stay(kind: Augmentation) -> None:
    before = IMAGES.copy()
    one = augment(IMAGES, kind, np.random.default_rng(7))
    assert one.shape == IMAGES.shape
    assert one.dtype == np.uint8
    assert np.array_equal(one, augment(IMAGES, kind, np.random.default_rng(7)))
    assert np.array_equal(IMAGES, before)
    same = np.array_equal(one, augment(IMAGES, kind, np.random.default_rng(8)))
    assert same == (kind is Augmentation.NONE)


def test_cutout_blanks_one_square_of_half_the_side() -> None:
    images = IMAGES.copy()
    images[:, :, ::2] //= 4  # so that no pixel of a square is the mean by chance in all channels
    changed = augment(images, Augmentation.CUTOUT, np.random.default_rng(1))
    without = augment(images, Augmentation.CROP_FLIP, np.random.default_rng(1))
    largest = 0
    for one, other in zip(changed, without, strict=True):
        rows, columns = np.nonzero((one != other).any(0))
        square = one[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (square == square[:, :1, :1]).all()
        assert max(square.shape) <= 16
        largest = max(largest, square.shape[1] * square.shape[2])
    assert largest == 16 * 16


def test_resized_crops_show_parts_of_all_sizes_at_full_size() -> None:
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (500, 1, 32, 1))
    both = np.concatenate([ramp, ramp.swapaxes(2, 3)], axis=1)[:, [0, 1, 1]]
    changed = augment(both, Augmentation.RESIZED_CROP_FLIP, np.random.default_rng(0)).astype(int)
    # The range of a ramp's values that is left is the share of the side that was cut out.
    width = np.ptp(changed[:, 0], axis=(1, 2)) / 248
    height = np.ptp(changed[:, 1], axis=(1, 2)) / 248
    area, ratio = width * height, width / height
    assert 0.05 < area.min() < 0.12 and area.max() > 0.9
    assert abs(area.mean() - 0.5) < 0.05  # less than (0.08 + 1) / 2: long parts do not fit
    assert 0.65 < ratio.min() < 0.8 and 1.25 < ratio.max() < 1.55  # a pixel of 8 is 10 %
    mirrored = changed[:, 0, 0, 0] > changed[:, 0, 0, -1]
    assert 0.4 < mirrored.mean() < 0.6


def test_rolled_event_frames_keep_their_events_and_move_together() -> None:
    frames = np.zeros((300, 4, 2, 48, 48), np.uint8)
    frames[:, :, :, 20, 10] = 1
    changed = augment(frames, Augmentation.ROLL_FLIP, np.random.default_rng(0))
    assert (changed.sum((-2, -1)) == 1).all()
    assert (changed == changed[:, :1, :1]).all()
    _, rows, columns = np.nonzero(changed[:, 0, 0])
    assert set(rows) == set(range(15, 26))
    assert set(columns) == {*range(5, 16), *range(32, 43)}  # 10 or 37, moved by up to 5


def test_autoaugment_has_25_pairs_and_changes_most_images() -> None:
    assert len(POLICY) == 25
    changed = augment(IMAGES, Augmentation.AUTOAUGMENT, np.random.default_rng(3))
    plain = augment(IMAGES, Augmentation.CROP_FLIP, np.random.default_rng(3))
    assert (changed != plain).any((1, 2, 3)).mean() > 0.5
    grey = augment(IMAGES[:, :1], Augmentation.AUTOAUGMENT, np.random.default_rng(3))
    assert grey.shape == (40, 1, 32, 32)


def test_operations_equal_their_definitions() -> None:
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    image = Image.fromarray(ramp)

    def array(name: str, magnitude: int, direction: int = 1) -> np.ndarray:
        return np.asarray(apply(image, name, magnitude, direction)).astype(int)

    assert np.array_equal(array("invert", 5), 255 - ramp.astype(int))
    # Thresholds 256, 228, ... 0: above it, colours turn round.
    assert np.array_equal(array("solarize", 3), np.where(ramp < 171, ramp, 255 - ramp.astype(int)))
    assert np.array_equal(array("solarize", 9), 255 - ramp.astype(int))
    assert np.array_equal(array("posterize", 9), ramp & 0xF0)
    assert np.array_equal(array("posterize", 0), ramp)
    assert np.abs(array("brightness", 9, -1) - 0.1 * ramp).max() <= 1
    moved = array("translate-x", 9)  # 150/331 of 32 pixels
    assert np.array_equal(moved[:, :17], ramp[:, 15:])
    assert (moved[:, 18:] == 128).all()
    assert np.array_equal(array("translate-y", 9, -1)[15:], ramp[15:])
    assert (array("translate-y", 9, -1)[:14] == 128).all()
    assert np.array_equal(array("rotate", 0), ramp)
    assert np.array_equal(array("shear-y", 0), ramp)
    assert np.abs(array("autocontrast", 0) - ramp * (255 / 248)).max() < 1
    with pytest.raises(ValueError, match="no operation 'blur'"):
        apply(image, "blur", 1)


def test_autoaugment_refuses_event_frames() -> None:
    with pytest.raises(TrainingInputError) as error:
        augment(
            np.zeros((2, 10, 2, 34, 34), np.uint8),
            Augmentation.AUTOAUGMENT,
            np.random.default_rng(0),
        )
    assert str(error.value) == (
        "data.augmentation: got autoaugment for samples of shape (10, 2, 34, 34), expected images "
        "of one or three channels. Choose crop-flip, or roll-flip for event frames."
    )
