"""Training batches: augmented and encoded, here or ahead of time in worker processes.

A batch is a function of (seed, epoch, batch) alone. Who makes it, and in what order, changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from ..config import TrainingConfig
from ..errors import TrainingInputError
from ..nn.distributed import share, world_size
from . import Split
from .augment import augment
from .encoders import encode_images

_SHUFFLE, _ENCODE = 1, 2


def random_for(config: TrainingConfig, epoch: int, *key: int) -> np.random.Generator:
    """Return the generator of one purpose at one place of a run."""
    return np.random.default_rng([config.seed, epoch, *key])


def batches_in(config: TrainingConfig, samples: int) -> int:
    """Return the number of batches of an epoch.

    A rest of one sample, or of fewer than there are processes, joins the batch before: BatchNorm
    has no variance of one value, and every process needs a sample.

    Raises:
        TrainingInputError: there are too few samples, or batches are too small, for that.
    """
    size, processes = config.batch_size, world_size()
    least = max(min(2, size), processes)
    if size < least or samples < (2 if config.encoder.steps == 1 else processes):
        raise TrainingInputError(
            "training batches",
            got=f"batch_size {size} and {samples} samples for {processes} processes",
            expected="a sample a process, and two where encoder.steps is 1",
            remedy="raise batch_size, give more training images, or start fewer processes",
        )
    full, rest = divmod(samples, size)
    return max(1, full + (rest >= least))


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
        """Cut the batch into so many parts of (spikes, labels), as even as can be.

        Fewer where one would be empty in some process, or one sample of one step.
        """
        processes = world_size()
        least = 2 if len(self.spikes) == 1 and processes == 1 else 1
        count = max(1, min(count, self.samples // processes // least))
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
        return batches_in(self._config, len(self._split))

    def __getitem__(self, number: int) -> Batch:
        return self.made(number).batch()

    def made(self, number: int) -> _Made:
        """Return a batch as it travels between processes."""
        config, size = self._config, self._config.batch_size
        random = random_for(config, self._epoch, _ENCODE, number)
        seed = int(random.integers(2**62))
        end = len(self._order) if number == len(self) - 1 else (number + 1) * size
        chosen = self._order[number * size : end]
        # Every process draws for the whole batch, so that the spikes do not depend on their number.
        images = augment(self._split.images[chosen], config.data.augmentation, random)
        encoded = encode_images(config.encoder, images, random)[share(len(chosen))]
        spikes = encoded.swapaxes(0, 1)
        return _Made(
            spikes=spikes.reshape(*spikes.shape[:2], *self._input_shape),
            labels=self._split.labels[chosen][share(len(chosen))],
            seed=seed,
            samples=len(chosen),
        )


@dataclass(frozen=True)
class _Made:
    """A batch without torch's tensors, which would travel by files in /dev/shm.

    Such a file cannot be made where the disk is full, of which torch tells nobody, and a killed
    process leaves it. Arrays go through a pipe, spikes in their own small type.
    """

    spikes: NDArray[Any]
    labels: NDArray[np.int64]
    seed: int
    samples: int

    def batch(self) -> Batch:
        spikes = np.ascontiguousarray(self.spikes, np.float32)
        return Batch(
            torch.from_numpy(spikes), torch.from_numpy(self.labels), self.seed, self.samples
        )


def iterate(batches: EpochBatches, first: int, workers: int) -> Iterator[Batch]:
    """Go through an epoch's batches from number `first` on; `workers` processes make them ahead."""
    numbers = range(first, len(batches))
    if workers == 0:
        yield from (batches[number] for number in numbers)
        return
    loader = DataLoader(_Told(batches), None, sampler=numbers, num_workers=workers)
    made: Iterator[_Made | TrainingInputError] = iter(loader)
    for _ in numbers:
        try:
            found = next(made)
        except (RuntimeError, OSError) as error:  # of torch, about a process that ended
            raise TrainingInputError(
                f"{workers} workers",
                got=" ".join(str(error).split())[:200],
                expected="processes that prepare batches until the epoch ends",
                remedy="use --workers 0, or free memory and disk",
            ) from error
        if isinstance(found, TrainingInputError):
            raise found
        yield found.batch()


@dataclass(frozen=True)
class _Told(TorchDataset[_Made | TrainingInputError]):
    """Batches, or what the user is to be told: torch wraps errors of its workers in traces."""

    batches: EpochBatches

    def __getitem__(self, number: int) -> _Made | TrainingInputError:
        try:
            return self.batches.made(number)
        except TrainingInputError as error:
            return error
