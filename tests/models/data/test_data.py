from pathlib import Path

import numpy as np
import pytest

from axonc.models import data
from axonc.models.config import DataConfig
from axonc.models.data._split import RawDataset
from axonc.models.errors import DataError


def test_mnist5k_is_split_into_disjoint_parts() -> None:
    digits = data.load(DataConfig(validation=400))
    assert [len(digits.train), len(digits.validation), len(digits.test)] == [3600, 400, 1000]
    assert digits.image_shape == (1, 28, 28)
    seen = [
        {image.tobytes() for image in split.images}
        for split in (digits.train, digits.validation, digits.test)
    ]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 5000
    assert np.bincount(digits.test.labels, minlength=10).min() > 70


def test_test_images_do_not_depend_on_the_seed() -> None:
    one, two = (data.load(DataConfig(split_seed=seed)) for seed in (0, 1))
    assert np.array_equal(one.test.images, two.test.images)
    assert not np.array_equal(one.train.images, two.train.images)


def test_train_limit() -> None:
    assert len(data.load(DataConfig(train_limit=50)).train) == 50


def test_unknown_data_set() -> None:
    with pytest.raises(DataError) as error:
        data.load(DataConfig(name="mnist5"))
    assert str(error.value) == (
        "data.name: got 'mnist5', expected a known data set. Did you mean 'mnist5k'?"
    )


def test_too_much_validation() -> None:
    with pytest.raises(DataError, match="got 4000, expected fewer than the 4000 training images"):
        data.load(DataConfig(validation=4000))


@pytest.mark.parametrize(
    ("content", "got"), [(b"1,2\n3,4\n", "a table of shape"), (b"x,y\n", "could not convert")]
)
def test_corrupt_file(tmp_path: Path, content: bytes, got: str) -> None:
    file = tmp_path / "mnist_5k.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=f"mnist_5k.csv: got {got}.*install --force-reinstall"):
        data.load(DataConfig(path=str(file)))


def test_labels_out_of_range() -> None:
    images, labels = np.zeros((2, 1, 2, 2), np.uint8), np.array([0, 10])
    with pytest.raises(DataError) as error:
        RawDataset(10, (images, labels), (images, labels)).check("toy")
    assert str(error.value) == (
        "data set toy, train: got labels from 0 to 10, expected labels from 0 to 9. "
        "Check the label file."
    )
