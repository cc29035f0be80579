"""Folders of images by class: ImageNet, Tiny-ImageNet and one's own, read when needed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._files import open_regular
from ..config import DataConfig
from ..errors import DataError
from ._split import LazyImages, RawDataset

_SUFFIXES = {".jpeg", ".jpg", ".png"}
_DEFAULT_SIDE = 224
_MAX_BYTES = 1 << 28


def image_folder(config: DataConfig) -> RawDataset:
    """Read `train/CLASS/...` and `val/CLASS/...` (or `test/`) below data.path.

    Tiny-ImageNet's layout is known too: `train/CLASS/images/` and `val/val_annotations.txt`.
    Images are cut to the square in their middle and scaled to data.side (224 if 0), in colour.
    """
    root, side = Path(config.path), config.side or _DEFAULT_SIDE
    train_root = _folder(root, "train")
    classes = sorted(path.name for path in train_root.iterdir() if path.is_dir())
    numbers = {name: number for number, name in enumerate(classes)}
    held_out = _folder(root, "val", "test")
    annotations = held_out / "val_annotations.txt"
    train = _by_class(train_root, numbers)
    test = (
        _annotated(annotations, numbers) if annotations.is_file() else _by_class(held_out, numbers)
    )
    return RawDataset(len(classes), _lazy(train, side), _lazy(test, side))


def _folder(root: Path, *names: str) -> Path:
    for name in names:
        if (path := root / name).is_dir():
            return path
    raise DataError(
        "data set image-folder",
        got=f"no folder {' or '.join(names)} in {root}",
        expected="train/ and val/ with one folder a class",
        remedy="set data.path to the folder that holds both",
    )


def _by_class(root: Path, numbers: dict[str, int]) -> list[tuple[Path, int]]:
    samples: list[tuple[Path, int]] = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if folder.name not in numbers:
            raise DataError(
                f"data set image-folder, {folder}",
                got=f"the class {folder.name!r}",
                expected="the classes of train/",
                remedy="remove the folder, or add the class to train/",
            )
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
        samples.extend((file, numbers[folder.name]) for file in files)
    if not samples:
        raise DataError(
            f"data set image-folder, {root}",
            got="no images",
            expected=f"files ending in {', '.join(sorted(_SUFFIXES))}",
            remedy="check data.path",
        )
    return samples


def _annotated(file: Path, numbers: dict[str, int]) -> list[tuple[Path, int]]:
    """Read Tiny-ImageNet's table: image name, class and a box on each line."""
    samples = []
    for number, line in enumerate(_lines(file), start=1):
        fields = line.split("\t")
        if len(fields) < 2 or fields[1] not in numbers:
            raise DataError(
                f"file {file}, line {number}",
                got=repr(line[:60]),
                expected="an image name and a class of train/, separated by a tab",
                remedy="get Tiny-ImageNet again",
            )
        samples.append((file.parent / "images" / fields[0], numbers[fields[1]]))
    return samples


def _lines(file: Path) -> list[str]:
    try:
        with open_regular(file, _MAX_BYTES) as opened:
            return opened.read().decode(errors="replace").splitlines()
    except OSError as error:
        raise DataError(
            f"file {file}",
            got=str(error),
            expected="a table of images and classes",
            remedy="get Tiny-ImageNet again",
        ) from error


def _lazy(samples: list[tuple[Path, int]], side: int) -> tuple[LazyImages, NDArray[np.int64]]:
    files, labels = [file for file, _ in samples], [label for _, label in samples]
    images = LazyImages(files, (3, side, side), partial(read_image, side=side))
    return images, np.array(labels, np.int64)


def read_image(path: Path, side: int) -> NDArray[np.uint8]:
    """Read an image file as colour planes (3, side, side), its middle square scaled."""
    from PIL import Image, ImageOps

    try:
        with open_regular(path, _MAX_BYTES) as file, Image.open(file) as image:
            square = ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.BILINEAR)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"image {path}",
            got=str(error),
            expected="a readable image",
            remedy="remove the file or get it again",
        ) from error
    return np.asarray(square, np.uint8).transpose(2, 0, 1)
