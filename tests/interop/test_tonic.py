"""tonic's own dataset classes, opened on made sets in the layout that they unpack theirs to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import event_files
import h5py
import numpy as np
import pytest

from axonc.models import TrainingConfig, data, train
from axonc.models.config import Augmentation, DataConfig, EncoderConfig, Encoding, NetworkConfig

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

EXAMPLE = Path(__file__).parents[2] / "examples" / "tonic_data.py"
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
BINS = 5
DIFFERENT = 3
"""Different recordings a class; the others, which tonic counts, are links to these."""


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peer: Callable[..., ModuleType]
) -> Path:
    """A folder that tonic looks for sets in. It downloads nothing where the archive lies there."""
    peer("tonic.datasets")
    monkeypatch.setenv("TONIC_DATA", str(tmp_path))
    return tmp_path


def fill(folder: Path, name: str, count: int, contents: list[bytes]) -> None:
    """Make `count` recordings of one class, by the name that their number makes."""
    folder.mkdir(parents=True)
    for number in range(count):
        path = folder / name.format(number)
        if number < len(contents):
            path.write_bytes(contents[number])
        else:
            os.link(folder / name.format(number % len(contents)), path)


def recordings(side: int) -> Iterator[np.ndarray]:
    """Draw events, every time others."""
    for seed in range(10_000):
        yield event_files.random_events(seed, side)


def through_tonic_and_directly(function: str, name: str, path: Path) -> Iterator[data.Dataset]:
    for config in (
        DataConfig("python", f"{EXAMPLE}:{function}", validation=1, bins=BINS),
        DataConfig(name, str(path), validation=1, bins=BINS),
    ):
        yield data.load(config)


def assert_equal(one: data.Split, two: data.Split, every: int) -> None:
    assert np.array_equal(one.labels, two.labels)
    chosen = slice(None, None, every)
    assert np.array_equal(one.images[chosen], two.images[chosen])
    assert one.images[:1].any()


def test_nmnist(folder: Path) -> None:
    drawn = recordings(34)
    for split in ("Train", "Test"):
        for digit in range(10):
            contents = [event_files.nmnist(next(drawn)) for _ in range(DIFFERENT)]
            fill(folder / "NMNIST" / split / str(digit), "{:05}.bin", 1000, contents)
        (folder / "NMNIST" / f"{split.lower()}.zip").touch()
    tonic, ours = through_tonic_and_directly("nmnist", "nmnist", folder / "NMNIST")
    assert (tonic.classes, len(tonic.train), len(tonic.test)) == (10, 9999, 10_000)
    assert_equal(tonic.train, ours.train, every=331)
    assert_equal(tonic.test, ours.test, every=331)


def test_cifar10_dvs(folder: Path) -> None:
    drawn = recordings(128)
    for name in CLASSES:
        contents = [event_files.aedat4(next(drawn)) for _ in range(DIFFERENT)]
        fill(folder / "CIFAR10DVS" / name, "cifar10_{}.aedat4", 100, contents)
    (folder / "CIFAR10DVS" / "CIFAR10DVS.zip").touch()
    tonic, ours = through_tonic_and_directly("cifar10_dvs", "cifar10-dvs", folder / "CIFAR10DVS")
    assert (tonic.classes, len(tonic.train), len(tonic.test)) == (10, 899, 100)
    assert_equal(tonic.train, ours.train, every=41)
    assert_equal(tonic.test, ours.test, every=7)


@pytest.fixture
def gestures(folder: Path) -> Path:
    drawn = recordings(128)
    for split in ("ibmGestureTrain", "ibmGestureTest"):
        for user in range(1, 11):
            session = folder / "DVSGesture" / split / f"user{user:02}_led"
            session.mkdir(parents=True)
            for label in range(11):
                rows = next(drawn)[:, [0, 1, 3, 2]] / [1, 1, 1, 1000]
                np.save(session / f"{label}.npy", rows)
        (folder / "DVSGesture" / f"{split}.tar.gz").touch()
    return folder / "DVSGesture"


def test_dvs_gesture(gestures: Path) -> None:
    tonic, ours = through_tonic_and_directly("dvs_gesture", "dvs-gesture", gestures)
    assert (tonic.classes, len(tonic.train), len(tonic.test)) == (11, 109, 110)
    assert np.array_equal(tonic.train.labels, ours.train.labels)
    assert np.array_equal(tonic.test.labels, ours.test.labels)
    # tonic cuts microseconds off where rounding errors are, and we round them: an event may move
    # over the edge of a bin, out of one pixel into another.
    differ = tonic.test.images[:] != ours.test.images[:]
    assert differ.sum((1, 2, 3, 4)).max() <= 2 * (BINS - 1)
    assert differ.any((1, 2, 3, 4)).mean() < 0.1


WRAPPED = """
import tonic
from tonic.datasets import DVSGesture
from torch.utils.data import Subset

late = tonic.transforms.DropEvent(p=0.0)

def parts(**options):
    return [DVSGesture("{folder}", train=train, **options) for train in (True, False)]

def plain():
    return parts()

def transformed():
    return parts(transform=tonic.transforms.Compose([tonic.transforms.TimeAlignment(), late]))

def kept():
    return [tonic.MemoryCachedDataset(part) for part in parts()]

def on_disk():
    train, test = parts()
    return (
        tonic.DiskCachedDataset(train, cache_path="{folder}/train"),
        tonic.DiskCachedDataset(test, cache_path="{folder}/test"),
    )

def smaller():
    train, test = parts()
    return Subset(tonic.MemoryCachedDataset(train), range(20)), Subset(test, range(20))
"""


@pytest.mark.parametrize("name", ["transformed", "kept", "on_disk", "smaller"])
def test_transforms_and_wrappers(name: str, gestures: Path, tmp_path: Path) -> None:
    file = tmp_path / "wrapped.py"
    file.write_text(WRAPPED.replace("{folder}", str(tmp_path)))
    plain, wrapped = (
        data.load(DataConfig("python", f"{file}:{function}", validation=1, bins=BINS))
        for function in ("plain", name)
    )
    assert (wrapped.classes, wrapped.image_shape) == (11, (BINS, 2, 128, 128))
    count = len(wrapped.test)
    assert count == (20 if name == "smaller" else 110)
    assert np.array_equal(wrapped.test.labels, plain.test.labels[:count])
    for _ in range(2):  # a cache is filled, then read
        assert np.array_equal(wrapped.test.images[::9], plain.test.images[:count:9])


def test_spoken_digits(folder: Path) -> None:
    """SHD has one row, no y, a polarity that says nothing, and no list of its labels."""
    random = np.random.default_rng(0)
    (folder / "SHD").mkdir()
    units, labels = random.integers(0, 700, (12, 50)), random.integers(0, 20, 12)
    times = np.sort(random.random((12, 50)).astype(np.float16))
    for split in ("train", "test"):
        with h5py.File(folder / "SHD" / f"shd_{split}.h5", "w") as file:
            file["labels"] = labels
            file["extra/keys"] = [f"digit {number}".encode() for number in range(20)]
            file["extra/speaker"] = np.zeros(12)
            for name, values in (("times", times), ("units", units)):
                kind = h5py.vlen_dtype(values.dtype)
                rows = file.create_dataset(f"spikes/{name}", (12,), kind)
                for row, value in enumerate(values):
                    rows[row] = value
        (folder / "SHD" / f"shd_{split}.h5.zip").touch()
    file = folder / "sound.py"
    file.write_text(
        "from tonic.datasets import SHD\n"
        f"def make():\n    return [SHD({str(folder)!r}, train=part) for part in (True, False)]\n"
    )
    found = data.load(DataConfig("python", f"{file}:make", validation=1, bins=1))
    assert (found.classes, found.image_shape) == (20, (1, 1, 1, 700))
    assert np.array_equal(found.test.labels, labels)
    for image, unit in zip(found.test.images[:], units, strict=True):
        assert np.array_equal(np.flatnonzero(image), np.unique(unit))


def test_training_on_a_dataset_of_tonics(gestures: Path, tmp_path: Path) -> None:
    config = TrainingConfig(
        epochs=1,
        data=DataConfig(
            "python",
            f"{EXAMPLE}:dvs_gesture",
            validation=9,
            side=16,
            bins=BINS,
            augmentation=Augmentation.ROLL_FLIP,
        ),
        encoder=EncoderConfig(Encoding.EVENTS, steps=BINS),
        network=NetworkConfig(hidden=(16,)),
    )
    result = train(config, tmp_path / "out", workers=1, threads=1)
    assert len(result.history) == 1
    assert 0 <= result.test_accuracy <= 1
