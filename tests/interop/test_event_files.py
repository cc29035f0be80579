"""Event recordings in their true formats, read by us, by spikingjelly and by tonic."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import event_files
import numpy as np
import pytest

from axonc.models.data.aedat4 import read_aedat4
from axonc.models.data.cifar10_dvs import read_aedat2
from axonc.models.data.events import Events, read_nmnist
from axonc.models.data.gesture import read_aedat3, read_tonic

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

READERS: list[tuple[Callable[..., bytes], Callable[[Path], Events], int]] = [
    (event_files.nmnist, read_nmnist, 34),
    (event_files.aedat2, read_aedat2, 128),
    (event_files.aedat3, read_aedat3, 128),
]
AEDAT4 = [
    (partial(event_files.aedat4, compression=compression), read_aedat4, 128)
    for compression in ("none", "lz4", "zstd")
]


@pytest.mark.parametrize(("write", "read", "side"), [*READERS, *AEDAT4])
def test_what_was_written_is_read(
    write: Callable[..., bytes], read: Callable[[Path], Events], side: int, tmp_path: Path
) -> None:
    events = event_files.random_events(1, side)
    (tmp_path / "file").write_bytes(write(events))
    assert np.array_equal(np.array(read(tmp_path / "file")).T, events)


def _without_foreign_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let spikingjelly's readers be imported beside libraries built for another torch."""

    class Absent(ModuleType):
        __path__: list[str] = []

        def __getattr__(self, name: str) -> type:
            return object

    for package, parts in (
        ("torchvision", ("transforms", "transforms.functional", "datasets", "datasets.utils")),
        ("torchaudio", ("datasets", "datasets.utils", "transforms")),
    ):
        try:
            importlib.import_module(package)
        except Exception:
            for name in (package, *(f"{package}.{part}" for part in parts)):
                monkeypatch.setitem(sys.modules, name, Absent(name))


@pytest.mark.parametrize(("write", "read", "side"), READERS)
def test_spikingjelly_reads_the_same(
    write: Callable[..., bytes],
    read: Callable[[Path], Events],
    side: int,
    tmp_path: Path,
    peer: Callable[..., ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _without_foreign_builds(monkeypatch)
    files = peer("spikingjelly.datasets.utils")
    readers: dict[Any, Callable[[Path], dict[str, np.ndarray]]] = {
        read_nmnist: files.load_ATIS_bin,
        read_aedat2: peer("spikingjelly.datasets.cifar10_dvs")._load_origin_data,
        read_aedat3: files.load_aedat_v3,
    }
    path = tmp_path / "file"
    path.write_bytes(write(event_files.random_events(2, side)))
    ours, theirs = read(path), readers[read](path)
    for values, key in zip(ours, "xytp", strict=True):
        assert np.array_equal(values, theirs[key].astype(np.int64)), key


def test_tonic_reads_the_same(tmp_path: Path, peer: Callable[..., ModuleType]) -> None:
    tonic = peer("tonic.io")
    path = tmp_path / "file"
    path.write_bytes(
        event_files.nmnist(event_files.random_events(3, 34))
        + bytes([0, 240, 0, 0, 0])  # time overflows here
        + event_files.nmnist(event_files.random_events(4, 34))
    )
    dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    theirs = tonic.read_mnist_file(str(path), dtype)
    for values, key in zip(read_nmnist(path), "xytp", strict=True):
        assert np.array_equal(values, theirs[key]), key


@pytest.mark.parametrize("write", [write for write, _, _ in AEDAT4])
def test_tonic_reads_the_same_from_aedat4(
    write: Callable[..., bytes], tmp_path: Path, peer: Callable[..., ModuleType]
) -> None:
    peer("aedat")  # tonic reads with it
    path = tmp_path / "one.aedat4"
    path.write_bytes(write(event_files.random_events(6, 128)))
    theirs = peer("tonic.io").read_aedat4(str(path))
    for values, key in zip(read_aedat4(path), ("x", "y", "t", "on"), strict=True):
        assert np.array_equal(values, theirs[key].astype(np.int64)), key


@pytest.mark.parametrize("compression", ["NONE", "LZ4", "LZ4_HIGH", "ZSTD", "ZSTD_HIGH"])
def test_what_the_cameras_makers_write_is_read(
    compression: str, tmp_path: Path, peer: Callable[..., ModuleType]
) -> None:
    dv = peer("dv_processing")
    path = tmp_path / "one.aedat4"
    events = event_files.random_events(7, 128)
    config = dv.io.MonoCameraWriter.EventOnlyConfig("DVS128", (128, 128))
    config.compression = getattr(dv.CompressionType, compression)
    writer = dv.io.MonoCameraWriter(str(path), config)
    for part in np.array_split(events, 3):
        store = dv.EventStore()
        for x, y, t, polarity in part.tolist():
            store.push_back(t, x, y, bool(polarity))
        writer.writeEvents(store)
    del writer  # it ends the file
    assert np.array_equal(np.array(read_aedat4(path)).T, events)


def test_tonic_reads_gestures_the_same(tmp_path: Path, peer: Callable[..., ModuleType]) -> None:
    gesture = peer("tonic.datasets")
    rows = event_files.random_events(5, 128)[:, [0, 1, 3, 2]] / [1, 1, 1, 1000]
    np.save(tmp_path / "4.npy", rows)
    # tonic's class insists on the whole set and downloads what is not there: go round that.
    dataset = gesture.DVSGesture.__new__(gesture.DVSGesture)
    dataset.data, dataset.targets = [str(tmp_path / "4.npy")], [4]
    dataset.transform = dataset.target_transform = dataset.transforms = None
    theirs, label = dataset[0]
    assert label == 4
    ours = read_tonic(tmp_path / "4.npy")
    for values, key in ((ours.x, "x"), (ours.y, "y"), (ours.polarity, "p")):
        assert np.array_equal(values, theirs[key]), key
    # tonic cuts microseconds off where rounding errors are; we round them.
    assert np.abs(ours.t - theirs["t"]).max() <= 1
