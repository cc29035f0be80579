"""Folders of images by class: ImageNet, Tiny-ImageNet and one's own, read when needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._files import open_regular
from ..config import DataConfig
from ..errors import DataError
from ._split import LazyImages, RawDataset

_SUFFIXES = {".jpeg", ".jpg", ".png"}
_DEFAULT_SIDE = 224
_MAX_BYTES = 1 << 28
_GREY = {"1", "L", "LA"}  # the modes of Pillow

Shape = tuple[int, int, int]


def image_folder(config: DataConfig) -> RawDataset:
    """Read `train/CLASS/...` and `val/CLASS/...` (or `test/`) below data.path.

    Tiny-ImageNet's layout is known too: `train/CLASS/images/` and `val/val_annotations.txt`.
    What begins with a dot is left alone: other programs keep copies in such folders.

    Images are cut to the square in their middle and scaled to data.side (224 if 0), in colour; one
    channel where all of them are grey. Grey images without a data.side keep the size that all of
    them have.
    """
    root = Path(config.path)
    train_root = _folder(root, "train")
    classes = sorted(path.name for path in _folders(train_root))
    numbers = {name: number for number, name in enumerate(classes)}
    held_out = _folder(root, "val", "test")
    annotations = held_out / "val_annotations.txt"
    train = _by_class(train_root, numbers)
    test = (
        _annotated(annotations, numbers) if annotations.is_file() else _by_class(held_out, numbers)
    )
    shape = _shape([file for file, _ in train + test], config.side)
    return RawDataset(len(classes), _lazy(train, shape), _lazy(test, shape))


def _folders(root: Path) -> Iterator[Path]:
    return (path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")


def _shape(files: list[Path], side: int) -> Shape:
    """Return the shape of every image; the search for one in colour ends at the first."""
    sizes: dict[tuple[int, int], Path] = {}
    for file in files:
        grey, size = _look(file)
        if not grey:
            return (3, side or _DEFAULT_SIDE, side or _DEFAULT_SIDE)
        sizes.setdefault(size, file)
    if side:
        return (1, side, side)
    if len(sizes) > 1:
        (one, file), (two, other) = list(sizes.items())[:2]
        raise DataError(
            "data set image-folder",
            got=f"grey images of several sizes ({one[0]}x{one[1]} {file.name}, "
            f"{two[0]}x{two[1]} {other.name})",
            expected="one size, or a side to scale them to",
            remedy="set data.side",
        )
    width, height = next(iter(sizes))
    return (1, height, width)


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
    for folder in sorted(_folders(root)):
        if folder.name not in numbers:
            raise DataError(
                f"data set image-folder, {folder}",
                got=f"the class {folder.name!r}",
                expected="the classes of train/",
                remedy="remove the folder, or add the class to train/",
            )
        files = sorted(
            p
            for p in folder.rglob("*")
            if p.suffix.lower() in _SUFFIXES
            and not any(part[0] == "." for part in p.relative_to(folder).parts)
        )
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


def _lazy(samples: list[tuple[Path, int]], shape: Shape) -> tuple[LazyImages, NDArray[np.int64]]:
    files, labels = [file for file, _ in samples], [label for _, label in samples]
    images = LazyImages(files, shape, partial(read_image, shape=shape))
    return images, np.array(labels, np.int64)


def read_image(path: Path, shape: Shape) -> NDArray[np.uint8]:
    """Read an image file as planes (3 or 1, height, width), its middle scaled to that size."""
    from PIL import Image, ImageOps

    channels, height, width = shape
    with _opened(path) as image:
        planes = image.convert("L" if channels == 1 else "RGB")
        fitted = ImageOps.fit(planes, (width, height), Image.Resampling.BILINEAR)
    return np.asarray(fitted, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)


def _look(path: Path) -> tuple[bool, tuple[int, int]]:
    """Return whether an image is grey, and its width and height; its pixels stay unread."""
    with _opened(path) as image:
        return image.mode in _GREY, image.size


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from PIL import Image

    try:
        with open_regular(path, _MAX_BYTES) as file, Image.open(file) as image:
            yield image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"image {path}",
            got=str(error),
            expected="a readable image",
            remedy="remove the file or get it again",
        ) from error
