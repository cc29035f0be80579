"""tonic's datasets for `axonc train`: N-MNIST, DVS-Gesture, CIFAR10-DVS. docs/training.md uses it.

    pip install tonic aedat
    axonc train --config my.toml --out runs/mine

where my.toml says

    [data]
    name = "python"
    path = "examples/tonic_data.py:nmnist"

tonic downloads what is not in the folder FOLDER yet. axonc never imports it, because its licence is
the GPL: this file, which is yours to change, does. A function returns (train, test); whatever has
a length, items (events, label) and the attribute sensor_size may stand there, with tonic's
transforms of events or without.
"""

import os

from torch.utils.data import Subset

FOLDER = os.environ.get("TONIC_DATA", "data")


def nmnist():
    """60,000 and 10,000 digits, 34x34."""
    from tonic.datasets import NMNIST

    return NMNIST(FOLDER, train=True), NMNIST(FOLDER, train=False)


def dvs_gesture():
    """1,077 and 264 gestures of eleven kinds, 128x128."""
    from tonic.datasets import DVSGesture

    parts = DVSGesture(FOLDER, train=True), DVSGesture(FOLDER, train=False)
    return tuple(Subset(part, _by_file(part)) for part in parts)


def cifar10_dvs():
    """9,000 and 1,000 pictures, 128x128: of each class the last tenth is to test.

    Neither its authors nor tonic split this set; axonc's own reader splits it in the same way.
    """
    from tonic.datasets import CIFAR10DVS

    whole = CIFAR10DVS(FOLDER)
    train, test = [], []
    for label in sorted(set(whole.targets)):
        recordings = [index for index in _by_file(whole) if whole.targets[index] == label]
        cut = len(recordings) * 9 // 10
        train += recordings[:cut]
        test += recordings[cut:]
    return Subset(whole, train), Subset(whole, test)


def _by_file(dataset):
    """Order recordings by file name: tonic's order is the disk's, and a run must be repeatable."""

    def key(index):
        folder, name = os.path.split(dataset.data[index])
        return folder, len(name), name

    return sorted(range(len(dataset)), key=key)
