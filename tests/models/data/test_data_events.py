"""Event recordings in their true formats, made for the tests, and damaged ones."""

from collections.abc import Callable
from pathlib import Path

import event_files
import numpy as np
import pytest

from axonc.models import TrainingConfig, data
from axonc.models.config import DataConfig, EncoderConfig, Encoding
from axonc.models.data.aedat4 import read_aedat4
from axonc.models.data.events import Events, checked_frames, frames, read_nmnist
from axonc.models.errors import DataError
from axonc.models.training.evaluate import encode

CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def load(name: str, path: Path, **options: int) -> data.Dataset:
    return data.load(DataConfig(name, str(path), **{"validation": 1, **options}))


def test_frames_of_events() -> None:
    events = Events(*(np.array(v) for v in ([0, 3, 3], [1, 2, 2], [100, 150, 199], [0, 1, 1])))
    whole = frames(events, (4, 4), (4, 4), bins=2)
    assert np.argwhere(whole).tolist() == [[0, 0, 1, 0], [1, 1, 2, 3]]
    assert np.argwhere(frames(events, (4, 4), (2, 2), 1)).tolist() == [[0, 0, 0, 0], [0, 1, 1, 1]]


def test_nmnist(tmp_path: Path) -> None:
    t = 0x123456
    event = bytes([33, 7, 0x80 | t >> 16, t >> 8 & 0xFF, t & 0xFF])
    for split in ("Train", "Test"):
        for digit in (0, 4):
            folder = tmp_path / split / str(digit)
            folder.mkdir(parents=True)
            (folder / "00001.bin").write_bytes(bytes([1, 2, 0, 0, 0]) + event)
    found = load("nmnist", tmp_path, bins=3)
    assert found.test.labels.tolist() == [0, 4]
    assert np.argwhere(found.test.images[:1][0]).tolist() == [[0, 0, 2, 1], [2, 1, 7, 33]]
    settings = TrainingConfig(encoder=EncoderConfig(Encoding.EVENTS, steps=3))
    assert encode(settings, found.test.images[:], "test").shape == (2, 3, 2 * 34 * 34)
    (tmp_path / "Test" / "4" / "00001.bin").write_bytes(event[:4])
    with pytest.raises(DataError, match="00001.bin: got 4 bytes, expected a multiple of 5"):
        found.test.images[:]


def test_nmnist_time_that_overflows(tmp_path: Path) -> None:
    content = bytes([1, 2, 0, 0, 5]) + bytes([0, 240, 0, 0, 0]) + bytes([3, 4, 0x80, 0, 6])
    (tmp_path / "one.bin").write_bytes(content)
    read = read_nmnist(tmp_path / "one.bin")
    assert np.array(read).T.tolist() == [[1, 2, 5, 0], [3, 4, 8192 + 6, 1]]


def test_cifar10_dvs(tmp_path: Path) -> None:
    content = event_files.aedat2(np.array([[9, 5, 10, 1], [0, 0, 20, 0]]))
    for name in CLASSES:
        (tmp_path / name).mkdir()
        for i in range(10):
            (tmp_path / name / f"cifar10_{name}_{i}.aedat").write_bytes(content)
    found = load("cifar10-dvs", tmp_path, side=64, bins=2)
    assert (len(found.train) + len(found.validation), len(found.test)) == (90, 10)
    assert np.argwhere(found.test.images[:1][0]).tolist() == [[0, 1, 2, 4], [1, 0, 0, 0]]


@pytest.fixture
def tonics_cifar10_dvs(tmp_path: Path) -> Path:
    """Ten recordings of each class, all alike, as tonic unpacks its copy."""
    content = event_files.aedat4(np.array([[9, 5, 10, 1], [0, 0, 20, 0]]))
    for name in CLASSES:
        (tmp_path / name).mkdir()
        for i in range(10):
            (tmp_path / name / f"cifar10_{name}_{i}.aedat4").write_bytes(content)
    return tmp_path


def test_cifar10_dvs_as_tonic_has_it(tonics_cifar10_dvs: Path) -> None:
    found = load("cifar10-dvs", tonics_cifar10_dvs, side=64, bins=2)
    assert (len(found.train) + len(found.validation), len(found.test)) == (90, 10)
    assert np.bincount(found.test.labels).tolist() == [1] * 10
    assert np.argwhere(found.test.images[:1][0]).tolist() == [[0, 1, 2, 4], [1, 0, 0, 0]]


def test_cifar10_dvs_without_a_class(tonics_cifar10_dvs: Path) -> None:
    for file in (tonics_cifar10_dvs / "frog").iterdir():
        file.unlink()
    with pytest.raises(DataError) as error:
        load("cifar10-dvs", tonics_cifar10_dvs)
    assert str(error.value) == (
        f"data set cifar10-dvs: got no recordings in {tonics_cifar10_dvs / 'frog'}, expected files "
        "ending in .aedat or .aedat4. Get CIFAR10-DVS from "
        "https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671, or use tonic.datasets."
        "CIFAR10DVS(save_to=...), and set data.path to the folder of the ten classes."
    )


def test_aedat4_of_several_streams_and_none(tmp_path: Path) -> None:
    path = tmp_path / "one.aedat4"
    path.write_bytes(event_files.aedat4(np.empty((0, 4), int)))
    assert len(read_aedat4(path).t) == 0
    events = event_files.random_events(1, 128)
    second = event_files.aedat4(events[::2], stream=7).split(b"</dv>\0")[1]
    path.write_bytes(event_files.aedat4(events, packet=1000) + second)
    assert np.array_equal(np.array(read_aedat4(path)).T, events)


DAMAGE: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda whole: b"#!AER-DAT3.1" + whole[12:], "a file that begins with b'#!AER-DAT3.1"),
    (lambda whole: whole[:20], "unpack_from requires a buffer of at least"),
    (lambda whole: whole[:-1], "a packet of [0-9]+ bytes instead of [0-9]+"),
    (lambda whole: whole.replace(b"\x04\x22\x4d\x18", b"LZ4?"), "LZ4F_decompress failed"),
    (lambda whole: whole[:42] + b"\x09" + whole[43:], "compression 9"),
]


@pytest.mark.parametrize(("damage", "got"), DAMAGE)
def test_damaged_aedat4(
    damage: Callable[[bytes], bytes], got: str, tonics_cifar10_dvs: Path
) -> None:
    recording = tonics_cifar10_dvs / "bird" / "cifar10_bird_9.aedat4"
    recording.write_bytes(damage(recording.read_bytes()))
    found = load("cifar10-dvs", tonics_cifar10_dvs)
    with pytest.raises(DataError, match=f"bird_9.aedat4: got {got}.* Get CIFAR10-DVS from https"):
        found.test.images[:]


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_random_damage_to_aedat4_is_told(compression: str, tmp_path: Path) -> None:
    whole = event_files.aedat4(event_files.random_events(1, 128), compression=compression)
    path = tmp_path / "one.aedat4"
    told = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        content = bytearray(whole[: random.integers(len(whole)) if seed % 5 == 0 else None])
        for place in random.integers(0, len(content) or 1, 4):
            content[place : place + 1] = random.bytes(1)
        path.write_bytes(content)
        try:
            checked_frames("it", read_aedat4(path), (128, 128), (128, 128), 10, "")
        except DataError:
            told += 1
    assert told > 100


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axonc.models.data.aedat4.MAX_BYTES", 3000)
    for compression in ("lz4", "zstd"):
        content = event_files.aedat4(np.zeros((1000, 4), int), compression=compression)
        (tmp_path / "bomb").write_bytes(content)
        with pytest.raises(DataError, match="bomb: got more than 3000 bytes of packets"):
            read_aedat4(tmp_path / "bomb")


def test_times_too_far_apart_are_refused() -> None:
    events = Events(*(np.array(v) for v in ([0, 0], [0, 0], [-(2**62), 2**62], [0, 1])))
    with pytest.raises(DataError, match="it: got times from -4611686018427387904 to"):
        checked_frames("it", events, (1, 1), (1, 1), 10, "check")


def test_dvs_gesture_as_tonic_cuts_it(tmp_path: Path) -> None:
    for split in ("ibmGestureTrain", "ibmGestureTest"):
        folder = tmp_path / split / "user01_led"
        folder.mkdir(parents=True)
        for label in (0, 10):
            np.save(folder / f"{label}.npy", np.array([[127.0, 0, 1, 0.5], [0, 64, 0, 9]]))
    found = load("dvs-gesture", tmp_path, side=32, bins=2)
    assert found.classes == 11
    assert found.test.labels.tolist() == [0, 10]
    assert np.argwhere(found.test.images[:1][0]).tolist() == [[0, 1, 0, 31], [1, 0, 16, 0]]
    np.save(tmp_path / "ibmGestureTest" / "user01_led" / "0.npy", np.full((1, 4), 2.0))
    with pytest.raises(DataError, match="0.npy: got polarity from 2 to 2, expected 0 to 1"):
        found.test.images[:]


def test_dvs_gesture_as_ibm_ships_it(tmp_path: Path) -> None:
    events = event_files.random_events(0, 128)
    cut = int(events[150, 2])
    for name in ("user01_led", "user24_lab"):
        (tmp_path / f"{name}.aedat").write_bytes(event_files.aedat3(events))
        table = f"class,startTime_usec,endTime_usec\n11,0,{cut}\n1,{cut},300000\n"
        (tmp_path / f"{name}_labels.csv").write_text(table)
    (tmp_path / "trials_to_train.txt").write_text("user01_led.aedat\n")
    (tmp_path / "trials_to_test.txt").write_text("user24_lab.aedat\n\n")
    found = load("dvs-gesture", tmp_path, bins=1)
    assert found.test.labels.tolist() == [10, 0]
    for image, part in zip(
        found.test.images[:], (events[:, 2] < cut, events[:, 2] >= cut), strict=True
    ):
        x, y, _, polarity = events[part].T
        expected = np.zeros((1, 2, 128, 128), np.uint8)
        expected[0, polarity, y, x] = 1
        assert np.array_equal(image, expected)
    recording = tmp_path / "user24_lab.aedat"
    whole = recording.read_bytes()
    for content, got in (
        (b"#!AER-DAT2.0\r\n", "no header of AER-DAT3"),
        (whole[:-4], "a packet of 796 bytes"),
        (whole + b"12", "a packet header of 2 bytes"),
    ):
        recording.write_bytes(content)
        with pytest.raises(DataError, match=f"user24_lab.aedat: got {got}"):
            found.test.images[:]
    (tmp_path / "user24_lab_labels.csv").unlink()
    with pytest.raises(DataError, match="user24_lab_labels.csv: got .*expected a table of class"):
        load("dvs-gesture", tmp_path)


def test_missing_recordings(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got no recordings in .*Get N-MNIST from https"):
        load("nmnist", tmp_path)
