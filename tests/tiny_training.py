"""A training run of a second, and how two of them are compared."""

from pathlib import Path

import torch

from axonc.models import TrainingConfig, load_network
from axonc.models.config import Augmentation, DataConfig, EncoderConfig, NetworkConfig

TINY = TrainingConfig(
    epochs=3,
    batch_size=20,
    data=DataConfig(train_limit=100, validation=40, augmentation=Augmentation.SHIFT),
    encoder=EncoderConfig(steps=4),
    network=NetworkConfig(hidden=(32,)),
)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_network(folder / "checkpoint.pt")[0].state_dict()


def assert_equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)
