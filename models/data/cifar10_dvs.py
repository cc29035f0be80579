"""CIFAR10-DVS (Li et al. 2017): as its authors ship it, or as tonic has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..config import DataConfig
from ..errors import DataError
from ._split import RawDataset
from .aedat4 import read_aedat4
from .events import Events, corrupt, in_order, lazy_frames, read_bytes

_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
_SIDE = 128
_REMEDY = (
    "get CIFAR10-DVS from https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671, or use "
    "tonic.datasets.CIFAR10DVS(save_to=...), and set data.path to the folder of the ten classes"
)


def cifar10_dvs(config: DataConfig) -> RawDataset:
    """Read CLASS/*.aedat, or else CLASS/*.aedat4; the last tenth of each class is to test.

    The two may be turned differently: the originals come out upright, with 1 for brighter, as
    spikingjelly has them; tonic's copy as it is written, as tonic has it.
    """
    train: tuple[list[Path], list[int]] = ([], [])
    test: tuple[list[Path], list[int]] = ([], [])
    for label, name in enumerate(_CLASSES):
        folder = Path(config.path) / name
        files = in_order(folder.glob("*.aedat")) or in_order(folder.glob("*.aedat4"))
        if not files:
            raise DataError(
                "data set cifar10-dvs",
                got=f"no recordings in {folder}",
                expected="files ending in .aedat or .aedat4",
                remedy=_REMEDY,
            )
        cut = len(files) * 9 // 10
        for (part, labels), chosen in ((train, files[:cut]), (test, files[cut:])):
            part.extend(chosen)
            labels.extend([label] * len(chosen))
    return RawDataset(
        len(_CLASSES),
        *(
            lazy_frames("cifar10-dvs", config, *part, _read, (_SIDE, _SIDE), _REMEDY)
            for part in (train, test)
        ),
    )


def _read(path: Path) -> Events:
    return (read_aedat2 if path.suffix == ".aedat" else read_aedat4)(path)


def read_aedat2(path: Path) -> Events:
    """Read AER-DAT 2.0 of a DVS128: lines of comment, then big-endian (address, microseconds).

    Bits 8 to 14 of an address are the column and 1 to 7 the row, both counted from the far corner;
    bit 0 is 1 for darker. Pictures come out upright, as spikingjelly's reader has them.
    """
    data = read_bytes(path).tobytes()
    while data.startswith(b"#"):
        _, _, data = data.partition(b"\n")
    if len(data) % 8:
        raise corrupt(path, f"{len(data)} bytes behind the comments", "a multiple of 8")
    address, t = np.frombuffer(data, ">u4").reshape(-1, 2).T.astype(np.int64)
    return Events(127 - (address >> 8 & 0x7F), 127 - (address >> 1 & 0x7F), t, 1 - (address & 1))
