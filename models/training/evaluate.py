"""Running a trained network: its spikes, its answers, its accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from .. import data
from ..config import TrainingConfig
from ..data import Dataset, Split
from ..data.encoders import encode_keyed
from ..errors import TrainingInputError
from ..networks.network import SpikingNetwork
from ..networks.registry import input_shape

_BATCH = 100


def dataset(config: TrainingConfig) -> Dataset:
    """Load the training, validation and test images that a configuration names.

    One image is encoded, so that settings that do not go together are told before training.
    """
    found = data.load(config.data)
    encode(config, found.train.images[:1], "train")
    return found


def encode(config: TrainingConfig, images: NDArray[np.uint8], split: str) -> NDArray[Any]:
    """Turn images into the spikes that every engine runs: (batch, steps, *input shape).

    Equal images of one split get equal spikes, whatever batch they come in; `split` ("train",
    "validation", "test") and the configuration's seed key the randomness. Real-valued (float32)
    for the direct encoder.
    """
    spikes: NDArray[Any] = encode_keyed(config.encoder, images, f"{config.seed}/{split}")
    return spikes.reshape(*spikes.shape[:2], *input_shape(config, spikes.shape[2:]))


def run_network(network: SpikingNetwork, spikes: ArrayLike) -> dict[str, NDArray[np.bool_]]:
    """Run spikes (batch, time, *shape) through a network in evaluation mode.

    Returns every neuron layer's spikes, (batch, time, *shape), by layer name, which is also the
    name of the layer's neurons in the exported graph.
    """
    spikes = np.asarray(spikes)
    expected = (network.steps, *network.input_shape)
    if spikes.ndim < 2 or spikes.shape[2:] != network.input_shape:
        raise TrainingInputError(
            "input spikes",
            got=f"shape {spikes.shape}",
            expected=f"(batch, time, {', '.join(map(str, network.input_shape))})",
            remedy="encode the images with the network's own configuration",
        )
    if spikes.shape[1] != network.steps and _needs_its_steps(network):
        raise TrainingInputError(
            "input spikes",
            got=f"{spikes.shape[1]} time steps",
            expected=f"{expected[0]}, the number that the gate was trained for",
            remedy="encode with the network's own number of steps",
        )
    rasters: dict[str, list[NDArray[np.bool_]]] = {}
    with _Evaluation(network):
        for start in range(0, len(spikes), _BATCH):
            record: dict[str, torch.Tensor] = {}
            network(_time_first(spikes[start : start + _BATCH]), record)
            for name, raster in record.items():
                rasters.setdefault(name, []).append(raster.transpose(0, 1).numpy() != 0)
    return {name: np.concatenate(parts) for name, parts in rasters.items()}


def predict(spike_counts: ArrayLike, classes: int | None = None) -> NDArray[np.int64]:
    """Return the class of each row of (batch, neurons) spike counts; the lowest wins a tie.

    With more neurons than classes, neuron i votes for class i % classes.
    """
    counts = np.asarray(spike_counts)
    if classes is not None:
        counts = counts.reshape(len(counts), -1, classes).sum(1)
    return np.argmax(counts, axis=1).astype(np.int64)


def accuracy(config: TrainingConfig, network: SpikingNetwork, split: Split) -> float:
    """Return the share of a split's images that the network names right, in 0..1."""
    right = 0
    with _Evaluation(network):
        for images, labels in batches(split, _BATCH):
            scores = network(_time_first(encode(config, images, split.name)))
            right += int((scores.argmax(1).numpy() == labels).sum())
    return right / max(len(split), 1)


def batches(split: Split, size: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Walk through a split in order."""
    for start in range(0, len(split), size):
        yield split.images[start : start + size], split.labels[start : start + size]


def _time_first(spikes: NDArray[np.generic]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(spikes.swapaxes(0, 1), dtype=np.float32))


def _needs_its_steps(network: SpikingNetwork) -> bool:
    gates = (network.layer(name).gate for name in network.wiring)
    return any(gate is not None and gate.config.per_step for gate in gates)


class _Evaluation:
    """Evaluation mode without gradients; the former mode comes back afterwards."""

    def __init__(self, network: SpikingNetwork):
        self._network = network
        self._no_grad = torch.no_grad()

    def __enter__(self) -> None:
        self._training = self._network.training
        self._network.eval()
        self._no_grad.__enter__()

    def __exit__(self, *error: object) -> None:
        self._no_grad.__exit__(*error)
        self._network.train(self._training)
