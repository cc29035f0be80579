"""Files of every data set, lost, cut, emptied, overwritten or a pipe: each is told, or read.

AXONC_FUZZ_EXAMPLES is the number for all data sets together.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import event_files
import numpy as np
import pytest
from idx_files import made_mnist
from mutants import EXAMPLES
from PIL import Image

from axonc.models import TrainingInputError, data
from axonc.models.config import DataConfig

RANDOM = np.random.default_rng(0)
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def cifar(folder: Path) -> None:
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        put(folder / f"{name}.bin", RANDOM.integers(0, 10, (2, 3073), np.uint8).tobytes())


def images(folder: Path) -> None:
    for name in ("train/a/0.png", "train/b/0.jpeg", "val/images/0.png"):
        (folder / name).parent.mkdir(parents=True)
        Image.fromarray(RANDOM.integers(0, 256, (9, 12, 3), np.uint8)).save(folder / name)
    put(folder / "val" / "val_annotations.txt", b"0.png\tb\t0\t0\t9\t9\n")


def nmnist(folder: Path) -> None:
    for split in ("Train", "Test"):
        for seed in (0, 1):
            content = event_files.nmnist(event_files.random_events(seed, 34))
            put(folder / split / str(seed) / "00001.bin", content)


def gestures(folder: Path) -> None:
    for split, name in (("train", "user01_led"), ("test", "user24_lab")):
        put(folder / f"{name}.aedat", event_files.aedat3(event_files.random_events(1, 128)))
        put(folder / f"{name}_labels.csv", b"class,start,end\n11,0,1000\n1,1000,300000\n")
        put(folder / f"trials_to_{split}.txt", f"{name}.aedat\n".encode())


def tonics_gestures(folder: Path) -> None:
    for split in ("ibmGestureTrain", "ibmGestureTest"):
        (folder / split / "user01_led").mkdir(parents=True)
        for label in (0, 10):
            rows = event_files.random_events(label, 128)[:, [0, 1, 3, 2]] / [1, 1, 1, 1000]
            np.save(folder / split / "user01_led" / f"{label}.npy", rows)


def dvs(folder: Path, suffix: str) -> None:
    write = {"aedat": event_files.aedat2, "aedat4": event_files.aedat4}[suffix]
    for name in CLASSES:
        for seed in (0, 1):
            content = write(event_files.random_events(seed, 128))
            put(folder / name / f"cifar10_{name}_{seed}.{suffix}", content)


def npz(folder: Path) -> None:
    pixels, labels = RANDOM.integers(0, 256, (4, 5, 6), np.uint8), np.arange(4)
    arrays = {"x_train": pixels, "y_train": labels, "x_test": pixels, "y_test": labels}
    np.savez(folder / "set.npz", **arrays)


SETS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "packed mnist": ("mnist", made_mnist),
    "mnist": ("mnist", lambda folder: made_mnist(folder, "")),
    "cifar10": ("cifar10", cifar),
    "image-folder": ("image-folder", images),
    "nmnist": ("nmnist", nmnist),
    "dvs-gesture": ("dvs-gesture", gestures),
    "tonic's dvs-gesture": ("dvs-gesture", tonics_gestures),
    "cifar10-dvs": ("cifar10-dvs", lambda folder: dvs(folder, "aedat")),
    "tonic's cifar10-dvs": ("cifar10-dvs", lambda folder: dvs(folder, "aedat4")),
    "npz": ("npz/set.npz", npz),
}


def damage(path: Path, random: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    match random.integers(6):
        case 0:
            path.unlink()
            return
        case 5:  # would be waited for without an end
            path.unlink()
            os.mkfifo(path)
            return
        case 1:
            del content[random.integers(len(content)) :]
        case 2:
            content = bytearray(random.bytes(int(random.integers(200))))
        case kind:  # bytes near the beginning, or anywhere
            end = len(content) if kind == 3 else min(len(content), 60)
            for place in random.integers(0, end, 5):
                content[place] = random.integers(256)
    path.write_bytes(content)


@pytest.mark.parametrize("name", SETS)
def test_damage_is_told(name: str, tmp_path: Path) -> None:
    loader, make = SETS[name]
    whole, folder = tmp_path / "whole", tmp_path / "damaged"
    whole.mkdir()
    make(whole)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    loader, _, file = loader.partition("/")
    told = 0
    for seed in range(EXAMPLES // 10):
        random = np.random.default_rng(seed)
        shutil.copytree(whole, folder)
        damage(folder / random.choice(np.array(files, object)), random)
        try:
            found = data.load(DataConfig(loader, str(folder / file), 1, side=8, bins=3))
            found.train.images[:], found.validation.images[:], found.test.images[:]
        except TrainingInputError as error:
            assert error.remedy
            told += 1
        shutil.rmtree(folder)
    assert told > EXAMPLES // 40
