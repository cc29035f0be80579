"""Training batches: augmented and encoded, here or ahead of time in worker processes.

A batch is a function of (seed, epoch, batch) alone. Who makes it, and in what order, changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from ..config import TrainingConfig
from ..errors import TrainingInputError
from ..nn.distributed import share
from . import Split
from .augment import augment
from .encoders import encode_images

_SHUFFLE, _ENCODE = 1, 2


def random_for(config: TrainingConfig, epoch: int, *key: int) -> np.random.Generator:
    """Return the generator of one purpose at one place of a run."""
    return np.random.default_rng([config.seed, epoch, *key])


@dataclass(frozen=True)
class Batch:
    """spikes: float32 (time, batch, *input shape). labels: int64 (batch,). This process's share.

    seed: for what else is random in this batch (dropout). samples: in the shares of all processes.
    """

    spikes: Tensor
    labels: Tensor
    seed: int
    samples: int

    def parts(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Cut the batch into so many parts of (spikes, labels), as even as can be, none empty."""
        count = min(count, len(self.labels))
        return zip(self.spikes.tensor_split(count, 1), self.labels.tensor_split(count), strict=True)


class EpochBatches(TorchDataset[Batch]):
    """The batches of one epoch, by number."""

    def __init__(
        self, config: TrainingConfig, split: Split, input_shape: tuple[int, ...], epoch: int
    ):
        self._config, self._split = config, split
        self._input_shape, self._epoch = input_shape, epoch
        self._order = random_for(config, epoch, _SHUFFLE).permutation(len(split))

    def __len__(self) -> int:
        return -(-len(self._split) // self._config.batch_size)

    def __getitem__(self, number: int) -> Batch:
        config, size = self._config, self._config.batch_size
        random = random_for(config, self._epoch, _ENCODE, number)
        seed = int(random.integers(2**62))
        chosen = self._order[number * size : (number + 1) * size]
        # Every process draws for the whole batch, so that the spikes do not depend on their number.
        images = augment(self._split.images[chosen], config.data.augmentation, random)
        encoded = encode_images(config.encoder, images, random)[share(len(chosen))]
        spikes = encoded.swapaxes(0, 1).astype(np.float32)
        return Batch(
            spikes=torch.from_numpy(spikes.reshape(*spikes.shape[:2], *self._input_shape)),
            labels=torch.from_numpy(self._split.labels[chosen][share(len(chosen))]),
            seed=seed,
            samples=len(chosen),
        )


def iterate(batches: EpochBatches, first: int, workers: int) -> Iterator[Batch]:
    """Go through an epoch's batches from number `first` on; `workers` processes make them ahead."""
    numbers = range(first, len(batches))
    if workers == 0:
        yield from (batches[number] for number in numbers)
        return
    for batch in DataLoader(_Told(batches), None, sampler=numbers, num_workers=workers):
        if isinstance(batch, TrainingInputError):
            raise batch
        yield batch


@dataclass(frozen=True)
class _Told(TorchDataset[Batch | TrainingInputError]):
    """Batches, or what the user is to be told: torch wraps errors of its workers in traces."""

    batches: EpochBatches

    def __getitem__(self, number: int) -> Batch | TrainingInputError:
        try:
            return self.batches[number]
        except TrainingInputError as error:
            return error
