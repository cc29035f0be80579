"""Each reader on a small made sample in the set's true format, and on damaged files."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from idx_files import made_mnist
from PIL import Image

from axonc.models import TrainingConfig, data
from axonc.models.config import Channels, DataConfig, EncoderConfig
from axonc.models.data._split import LazyImages
from axonc.models.errors import DataError
from axonc.models.training.evaluate import encode

SHARED = Path(__file__).parents[4] / "shared" / "data"
RANDOM = np.random.default_rng(0)


def load(name: str, path: Path, **options: int) -> data.Dataset:
    return data.load(DataConfig(name, str(path), **{"validation": 1, **options}))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("suffix", [".gz", ""])
def test_idx(name: str, suffix: str, tmp_path: Path) -> None:
    arrays = made_mnist(tmp_path, suffix)
    found = load(name, tmp_path)
    assert np.array_equal(found.test.images[:, 0], arrays["t10k"])
    assert np.array_equal(found.train.images[:, 0], arrays["train"][found.train.labels])
    assert (len(found.train), len(found.validation), found.classes) == (5, 1, 10)


def test_the_folder_that_torchvision_leaves(tmp_path: Path) -> None:
    for name, folder in (("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")):
        (tmp_path / folder / "raw").mkdir(parents=True)
        arrays = made_mnist(tmp_path / folder / "raw", "")
        assert np.array_equal(load(name, tmp_path).test.images[:, 0], arrays["t10k"])


def test_missing_idx_file(tmp_path: Path) -> None:
    made_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError) as error:
        load("fashion-mnist", tmp_path)
    assert str(error.value) == (
        f"data set fashion-mnist: got no file t10k-labels-idx1-ubyte or "
        f"t10k-labels-idx1-ubyte.gz in {tmp_path}, expected the four idx files in one folder. "
        "apt-get install dataset-fashion-mnist, or set data.path to the files' folder."
    )


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 9, 9, 9)), "0 values for the shape"),
        (gzip.compress(b"\0\0\x08\x03"), r"0 values for the shape \(\)"),
        (gzip.compress(b"PNG?"), "a file that begins with 504e473f"),
        (b"not gzip", "Not a gzipped file"),
        (gzip.compress(b"\0\0\x08\x03" * 100)[:-9], "Compressed file ended"),
    ],
    ids=["no values", "no shape", "no idx file", "no gzip file", "cut"],
)
def test_corrupt_idx_file(content: bytes, got: str, tmp_path: Path) -> None:
    made_mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=f"train-images-idx3-ubyte.gz: got .*{got}"):
        load("mnist", tmp_path)


@pytest.mark.parametrize(("name", "label_bytes"), [("cifar10", 1), ("cifar100", 2)])
def test_cifar(name: str, label_bytes: int, tmp_path: Path) -> None:
    batches = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    files = batches if name == "cifar10" else ["train.bin", "test.bin"]
    last = np.empty(0, np.uint8)
    for file in files:
        last = RANDOM.integers(0, 10, (4, label_bytes + 3072), dtype=np.uint8)
        (tmp_path / file).write_bytes(last.tobytes())
    found = load(name, tmp_path)
    assert np.array_equal(found.test.labels, last[:, label_bytes - 1])
    assert np.array_equal(found.test.images.reshape(4, -1), last[:, label_bytes:])
    (tmp_path / files[-1]).write_bytes(b"short")
    with pytest.raises(
        DataError, match=f"got 5 bytes, expected a multiple of {label_bytes + 3072}"
    ):
        load(name, tmp_path)
    (tmp_path / files[0]).unlink()
    with pytest.raises(DataError, match=f"got no readable file .*{files[0]}.*binary version"):
        load(name, tmp_path)


def save_image(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 12), colour).save(path)


def test_image_folder_is_read_lazily(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for i in range(3):
            save_image(tmp_path / split / "apple" / f"{i}.png", (200, 10 * i, 0))
            save_image(tmp_path / split / "pear" / f"{i}.jpeg", (10, 200, 0))
    found = load("image-folder", tmp_path, side=8)
    assert isinstance(found.train.images, LazyImages)
    assert found.image_shape == (3, 8, 8)
    assert (found.classes, len(found.train), len(found.test)) == (2, 5, 6)
    reds = found.train.images[np.arange(5)][:, 0].mean((1, 2))
    assert np.array_equal(reds > 100, found.train.labels == 0)
    spikes = encode(TrainingConfig(encoder=EncoderConfig(steps=2)), found.test.images[:2], "test")
    assert spikes.shape == (2, 2, 3 * 8 * 8)
    (tmp_path / "val" / "pear" / "0.jpeg").write_bytes(b"no image")
    with pytest.raises(DataError, match="0.jpeg: got cannot identify image file"):
        found.test.images[:]


def test_tiny_imagenet(tmp_path: Path) -> None:
    for name in ("n01", "n02"):
        for i in range(2):
            save_image(tmp_path / "train" / name / "images" / f"{name}_{i}.JPEG", (9, 9, 9))
    save_image(tmp_path / "val" / "images" / "val_0.JPEG", (5, 5, 5))
    annotations = tmp_path / "val" / "val_annotations.txt"
    annotations.write_text("val_0.JPEG\tn02\t0\t0\t9\t9\n")
    found = load("image-folder", tmp_path, side=64)
    assert found.test.labels.tolist() == [1]
    assert found.test.images[:].shape == (1, 3, 64, 64)
    annotations.write_text("val_0.JPEG n02\n")
    with pytest.raises(DataError, match="val_annotations.txt, line 1: got 'val_0.JPEG n02'"):
        load("image-folder", tmp_path)


def test_image_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got no folder train in .*, expected train/ and val/"):
        load("image-folder", tmp_path)


def test_npz(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (4, 5, 6), dtype=np.uint8)
    labels = np.array([0, 1, 2, 1])
    file = tmp_path / "set.npz"
    np.savez(file, x_train=images, y_train=labels, x_test=images, y_test=labels)
    found = load("npz", file)
    assert (found.classes, found.image_shape) == (3, (1, 5, 6))
    np.savez(file, x_train=images)
    with pytest.raises(DataError, match="expected a .npz file with x_train, y_train, x_test"):
        load("npz", file)
    np.savez(file, x_train=images, y_train=labels[:2], x_test=images, y_test=labels)
    with pytest.raises(DataError, match="npz, train: got 4 images and 2 labels"):
        load("npz", file)


def test_npz_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    file = tmp_path / "set.npz"
    np.savez(file, x_train=np.array([print], object), y_train=1, x_test=1, y_test=1)
    with pytest.raises(DataError, match="got 'x_train', an array of type object and shape"):
        load("npz", file)


def save_npz(file: Path, images: np.ndarray, labels: object = None, **arrays: object) -> None:
    chosen = np.arange(len(images)) % 2 if labels is None else np.asarray(labels)
    parts = {"x_train": images, "y_train": chosen, "x_test": images, "y_test": chosen}
    np.savez_compressed(file, **{**parts, **arrays})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ((32, 32, 3), (3, 32, 32)),
        ((3, 32, 32), (3, 32, 32)),
        ((5, 6, 1), (1, 5, 6)),
        ((8, 8, 12), (12, 8, 8)),
        ((12, 8, 8), (12, 8, 8)),
        ((3, 3, 2), (2, 3, 3)),
        ((10, 34, 34, 2), (10, 2, 34, 34)),
        ((10, 2, 34, 34), (10, 2, 34, 34)),
    ],
)
def test_npz_with_channels_first_or_last(
    stored: tuple[int, ...], read: tuple[int, ...], tmp_path: Path
) -> None:
    images = RANDOM.integers(0, 256, (4, *stored), dtype=np.uint8)
    save_npz(tmp_path / "set.npz", images)
    found = load("npz", tmp_path / "set.npz").test.images
    assert isinstance(found, np.ndarray) and found.shape == (4, *read)
    assert np.array_equal(found, images if stored == read else np.moveaxis(images, -1, -3))


def test_npz_whose_channels_could_be_either(tmp_path: Path) -> None:
    file = tmp_path / "set.npz"
    save_npz(file, np.zeros((4, 5, 6, 7), np.uint8))
    with pytest.raises(DataError) as error:
        load("npz", file)
    assert str(error.value) == (
        "data set npz, images: got the shape (4, 5, 6, 7), whose channels may be its axis of 5 or "
        "that of 7, expected channels that the shape tells from height and width. "
        'Say it: data.channels = "first" or "last".'
    )
    for channels, shape in ((Channels.FIRST, (5, 6, 7)), (Channels.LAST, (7, 5, 6))):
        config = DataConfig("npz", str(file), validation=1, channels=channels)
        assert data.load(config).image_shape == shape


def test_npz_larger_than_its_file_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axonc.models.data._zipped._FREE_BYTES", 1 << 16)
    file = tmp_path / "set.npz"
    save_npz(file, np.zeros((4, 3, 512, 512), np.uint8))
    message = (
        "set.npz: got [0-9]+ bytes unpacked, more than the [0-9]+ allowed for its size, expected"
    )
    with pytest.raises(DataError, match=message):
        load("npz", file)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x_test": np.zeros((0, 5, 6), np.uint8), "y_test": np.zeros(0, int)},
            "data set npz, test: got images of shape (0, 1, 5, 6), expected at least one image of "
            "at least one pixel. Give every split its images.",
        ),
        (
            {"x_test": np.zeros((4, 5, 7), np.uint8)},
            "data set npz, test: got images of shape (1, 5, 7), expected (1, 5, 6), as in train. "
            "Bring all images to one size.",
        ),
        (
            {"y_train": np.array([0, 200000, 0, 0])},
            "data set npz, labels: got 3 different ones from 0 to 200000, expected classes "
            "numbered from 0 without large gaps. "
            "Number the classes from 0, as numpy.unique(labels, return_inverse=True) does.",
        ),
    ],
)
def test_npz_that_no_network_can_learn(
    arrays: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    save_npz(tmp_path / "set.npz", np.zeros((4, 5, 6), np.uint8), **arrays)
    with pytest.raises(DataError) as error:
        load("npz", tmp_path / "set.npz")
    assert str(error.value) == message


def save_grey(path: Path, size: tuple[int, int] = (28, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, 70).save(path)


def test_hidden_folders_are_no_classes(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("apple", "pear", ".ipynb_checkpoints", "pear/.ipynb_checkpoints"):
            save_image(tmp_path / split / name / "1.png", (9, 9, 9))
        save_image(tmp_path / split / "pear" / "._1.png", (9, 9, 9))
    found = load("image-folder", tmp_path, side=8)
    assert (found.classes, found.test.labels.tolist()) == (2, [0, 1])


def test_grey_images_keep_one_channel_and_their_size(tmp_path: Path) -> None:
    for file in ("train/a/0.png", "train/b/1.png", "val/b/2.png"):
        save_grey(tmp_path / file)
    found = load("image-folder", tmp_path)
    assert found.image_shape == (1, 20, 28)
    assert (found.test.images[:] == 70).all()
    assert load("image-folder", tmp_path, side=8).image_shape == (1, 8, 8)
    save_grey(tmp_path / "val" / "b" / "3.png", (9, 9))
    with pytest.raises(DataError) as error:
        load("image-folder", tmp_path)
    assert str(error.value) == (
        "data set image-folder: got grey images of several sizes (28x20 0.png, 9x9 3.png), "
        "expected one size, or a side to scale them to. Set data.side."
    )
    save_image(tmp_path / "val" / "b" / "4.png", (9, 0, 0))
    assert load("image-folder", tmp_path).image_shape == (3, 224, 224)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the data sets in {SHARED} are not here")
@pytest.mark.parametrize(
    ("file", "shape", "samples"),
    [
        ("fashion_mnist_12k_10k.npz", (1, 28, 28), 10_000),
        ("nmnist1100_bin10.npz", (10, 2, 34, 34), 100),
    ],
)
def test_real_npz_files(file: str, shape: tuple[int, ...], samples: int) -> None:
    found = load("npz", SHARED / file)
    assert (found.image_shape, len(found.test), found.classes) == (shape, samples, 10)
