"""Datasets out of a Python file of the user's own."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_training import assert_equal, weights

from axonc.models import TrainingConfig, TrainingInputError, data, train
from axonc.models.config import Augmentation, DataConfig, EncoderConfig, Encoding, NetworkConfig
from axonc.models.data.events import Events, frames
from axonc.models.errors import DataError

FILE = """
import numpy as np
from torch.utils.data import Subset
from recordings import Recordings

def make():
    return Recordings(60, seed=1), Recordings(20, seed=2)

def subsets():
    whole = Recordings(60, seed=1)
    return Subset(whole, range(10, 60)), Subset(whole, list(range(10)))

pair = make()
"""
RECORDINGS = """
import numpy as np

class Recordings:
    sensor_size = 16, 12, 2
    classes = ["left", "right", "none of them"]
    dtype = np.dtype([("t", np.uint64), ("x", np.uint16), ("y", np.int16), ("p", bool)])

    def __init__(self, count, seed):
        self.random = np.random.default_rng(seed)
        self.targets = self.random.integers(0, 2, count).tolist()
        self.data = [self.record(label) for label in self.targets]
        self.read = []

    def record(self, label):
        events = np.zeros(100, self.dtype)
        events["x"] = self.random.integers(0, 8, 100) + 8 * label
        events["y"] = self.random.integers(0, 12, 100)
        events["t"] = np.sort(self.random.integers(0, 10**6, 100))
        events["p"] = self.random.integers(0, 2, 100)
        return events

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        self.read.append(index)
        return self.data[index], self.targets[index]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "recordings.py").write_text(RECORDINGS)
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


@pytest.fixture(autouse=True)
def _forget_what_files_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "recordings", raising=False)


def load(path: str, **options: int) -> data.Dataset:
    return data.load(DataConfig("python", path, **{"validation": 5, "bins": 4, **options}))


@pytest.mark.parametrize("name", ["make", "pair"])
def test_recordings_become_frames(file: Path, name: str) -> None:
    found = load(f"{file}:{name}")
    assert (found.classes, found.image_shape) == (3, (4, 2, 12, 16))
    assert [len(found.train), len(found.validation), len(found.test)] == [55, 5, 20]
    module = sys.modules["axonc_user_mine"]
    expected = module.make()[1]
    for image, events in zip(found.test.images[:], expected.data, strict=True):
        columns = Events(*(events[key].astype(np.int64) for key in "xytp"))
        assert np.array_equal(image, frames(columns, (16, 12), (16, 12), 4))
    assert found.test.labels.tolist() == expected.targets


def test_recordings_are_read_when_they_are_asked_for(file: Path) -> None:
    found = load(f"{file}:pair", side=6)
    test = sys.modules["axonc_user_mine"].pair[1]
    assert test.read == []
    assert found.test.images[3:5].shape == (2, 4, 2, 6, 6)
    assert test.read == [3, 4]


def test_parts_of_one_dataset(file: Path) -> None:
    whole, parts = load(f"{file}:make"), load(f"{file}:subsets")
    assert (parts.classes, len(parts.train), len(parts.test)) == (3, 45, 10)
    module = sys.modules["axonc_user_mine"]
    assert parts.test.labels.tolist() == module.make()[0].targets[:10]
    assert parts.test.images[:].shape[1:] == whole.image_shape


def test_labels_are_read_where_there_are_no_targets(file: Path) -> None:
    text = "class Read(list):\n    sensor_size = 16, 12, 2\n"
    text += "def read():\n    return [Read(part[i] for i in range(len(part))) for part in make()]\n"
    file.write_text(FILE + text)
    with_targets, without = load(f"{file}:make"), load(f"{file}:read")
    assert np.array_equal(with_targets.train.labels, without.train.labels)
    assert without.classes == 2


def test_sound_has_one_row_and_one_polarity(file: Path) -> None:
    file.write_text(
        FILE
        + """
kind = [("t", int), ("x", int), ("p", int)]
def sound():
    parts = make()
    for part in parts:
        part.sensor_size = 700, 1, 1
        part.data = [np.array([(0, 3, 1), (99, 699, 1)], kind)] * len(part)
    return parts
"""
    )
    found = load(f"{file}:sound", bins=2)
    assert found.image_shape == (2, 1, 1, 700)
    assert np.argwhere(found.test.images[:1][0]).tolist() == [[0, 0, 0, 3], [1, 0, 0, 699]]
    assert load(f"{file}:sound", bins=2, side=70).image_shape == (2, 1, 1, 70)


def settings(file: Path) -> TrainingConfig:
    return TrainingConfig(
        epochs=3,
        batch_size=11,
        data=DataConfig("python", f"{file}:make", 5, bins=4, augmentation=Augmentation.ROLL_FLIP),
        encoder=EncoderConfig(Encoding.EVENTS, steps=4),
        network=NetworkConfig(hidden=(16,)),
    )


def test_training_with_workers_and_resuming(file: Path, tmp_path: Path) -> None:
    config = settings(file)
    result = train(config, tmp_path / "unbroken")
    assert 0 <= result.test_accuracy <= 1

    def stop(progress: object) -> None:
        if getattr(progress, "epoch", 0) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "broken", progress=stop, workers=2)
    train(config, tmp_path / "broken", resume=True, workers=1)
    assert_equal(weights(tmp_path / "unbroken"), weights(tmp_path / "broken"))


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_recording_lacks_is_told_also_by_workers(
    file: Path, tmp_path: Path, workers: int
) -> None:
    file.write_text(FILE + BAD_FILE)
    config = replace(settings(file), data=DataConfig("python", f"{file}:signs", 5, bins=4))
    with pytest.raises(DataError) as error:
        train(config, tmp_path / "out", workers=workers)
    assert re.sub("recording [0-9]+", "recording 0", str(error.value)) == (
        f"recording 0 of {file}:signs, train: got polarity from -1 to 0, expected 0 to 1. "
        "Correct sensor_size, or the transforms of the dataset."
    )


def test_settings_that_do_not_go_together_leave_nothing_behind(file: Path, tmp_path: Path) -> None:
    config = replace(settings(file), encoder=EncoderConfig(Encoding.EVENTS, steps=8))
    with pytest.raises(TrainingInputError, match="Set encoder.steps to 4, or data.bins to 8"):
        train(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


BAD = [
    ("mine.py", "data.path: got '{folder}/mine.py', expected FILE.py:NAME. Give the file, and the"),
    ("none.py:make", "none.py: got no such Python file, expected a file that ends in .py. Give"),
    ("mine.py:fake", "mine.py:fake: got no such name, expected a function without arguments that"),
    ("mine.py:text", "mine.py:text: got str, expected a function without arguments that returns"),
    ("mine.py:wrong", "mine.py:wrong: got ZeroDivisionError in line 17: division by zero, exp"),
    ("mine.py:empty", "mine.py:empty, train: got Recordings without recordings, expected a data"),
    ("mine.py:numbers", "mine.py:numbers, train: got sensor_size = None, expected (width, height"),
    ("mine.py:audio", "mine.py:audio, train: got sensor_size = (700, 1, 3), expected (width, he"),
    ("mine.py:labels", "data set python, train: got labels from 0 to 3, expected labels from 0 t"),
    ("mine.py:names", "mine.py:names, train: got labels of type <U5 and shape (60,), expected an"),
    (
        "mine.py:boxes",
        "mine.py:boxes, train: got labels of type object and shape (), expected an in",
    ),
    ("mine.py:images", "recording 0 of {folder}/mine.py:images, test: got ndarray of float32, ex"),
    ("mine.py:floats", "got ndarray of [('x', '<f8'), ('y', '<i8'), ('t', '<i8'), ('p', '<i8')],"),
    ("mine.py:signs", "test: got polarity from -1 to 0, expected 0 to 1. Correct sensor_size, or"),
    ("mine.py:relabelled", "recording 0 of {folder}/mine.py:relabelled, test: got the label 9, e"),
    ("mine.py:missing", "mine.py:missing, test: got FileNotFoundError in line 51: gone, expected"),
]
BAD_FILE = """
text = "make"
def wrong():
    1 / 0
def empty():
    return Recordings(0, 1), Recordings(0, 1)
def numbers():
    return [1, 2], [3]
def changed(**values):
    train, test = make()
    for part in train, test:
        for key, value in values.items():
            setattr(part, key, value[:len(part)])
    return train, test
def audio():
    return changed(sensor_size=(700, 1, 3))
def labels():
    return changed(targets=[0, 3] * 30)
def names():
    return changed(targets=["right"] * 60)
def boxes():
    return changed(targets=[[1, 2], [3]] * 30)
def images():
    return changed(data=[np.zeros((4, 2, 12, 16), np.float32)] * 60)
def floats():
    kind = [("x", float), ("y", int), ("t", int), ("p", int)]
    return changed(data=[np.zeros(3, kind)] * 60)
def signs():
    kind = [("x", int), ("y", int), ("t", int), ("p", int)]
    return changed(data=[np.array([(0, 0, 0, -1), (0, 0, 0, 0)], kind)] * 60)
class Relabelled(Recordings):
    def __getitem__(self, index):
        return self.data[index], 9
def relabelled():
    return make()[0], Relabelled(20, 1)
class Missing(Recordings):
    def __getitem__(self, index):
        raise FileNotFoundError("gone")
def missing():
    return make()[0], Missing(20, 1)
"""


@pytest.mark.parametrize(("path", "message"), BAD)
def test_bad_input(file: Path, path: str, message: str) -> None:
    file.write_text(FILE + BAD_FILE)
    with pytest.raises(DataError) as error:
        load(f"{file.parent}/{path}").test.images[:]
    assert message.format(folder=file.parent) in str(error.value)


def test_a_network_is_still_taken_out_of_a_file(file: Path) -> None:
    from axonc.models import load_user_network

    file.write_text("from torch import nn\nmake = nn.Linear(2, 3)\n")
    assert type(load_user_network(file, "make")).__name__ == "Linear"
    with pytest.raises(TrainingInputError, match="mine.py:made: got no such name"):
        load_user_network(file, "made")


def test_what_the_documents_show() -> None:
    root = Path(__file__).parents[3]
    for document, mark in (("docs/training.md", "```"), ("examples/tonic_data.py", "\n\n")):
        text = (root / document).read_text()
        start = text.index("[data]\n")
        block = text[start : text.index(mark, text.index('python"', start) + 9)]
        config = TrainingConfig.from_text("\n".join(map(str.strip, block.splitlines())))
        file, _, function = config.data.path.partition(":")
        assert f"def {function}():" in (root / file).read_text()
