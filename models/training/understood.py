"""What a configuration makes of its data and its network, to be looked at before training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..config import Encoding, TrainingConfig
from ..data import Dataset, Split
from ..data.batches import batches_in
from ..networks.registry import build_network
from .evaluate import dataset
from .size import model_size

_LOOKED_AT = 100


@dataclass(frozen=True)
class Understood:
    """figures: of the whole, by name. splits: a row for each of train, validation and test."""

    figures: dict[str, Any]
    splits: list[dict[str, Any]]


def understood(config: TrainingConfig) -> Understood:
    """Read the data and build the network of a configuration, and train nothing.

    The range of values is that of a split's first 100 samples.

    Raises TrainingInputError for whatever `train` would refuse before its first batch.
    """
    data = dataset(config)
    network = build_network(config, data.image_shape, data.classes)
    size, samples = model_size(network), len(data.train)
    batches = batches_in(config, samples)
    figures = {
        "data_set": data.name,
        "one_sample": _axes(data.image_shape),
        "polarity": _polarity(config, data),
        "classes": data.classes,
        "steps": network.steps,
        "network": config.network.architecture,
        "network_input": " x ".join(map(str, network.input_shape)),
        "batches_per_epoch": batches,
        "batch_size": config.batch_size if batches > 1 else samples,
        "last_batch": samples - (batches - 1) * config.batch_size,
        "parameters": size.parameters,
        "binary_weights": size.binary_weights,
        "size_bits": size.size_bits,
    }
    return Understood(figures, [_row(split) for split in (data.train, data.validation, data.test)])


def _axes(shape: tuple[int, ...]) -> str:
    names = ("steps", "channels", "height", "width")[-len(shape) :]
    return ", ".join(f"{length} {name}" for name, length in zip(names, shape, strict=True))


def _polarity(config: TrainingConfig, data: Dataset) -> str:
    if config.encoder.kind is not Encoding.EVENTS:
        return "none: images"
    channels = data.image_shape[-3]
    return "off and on, a channel each" if channels == 2 else f"{channels} channels"


def _row(split: Split) -> dict[str, Any]:
    row: dict[str, Any] = {"split": split.name, "samples": len(split)}
    if not len(split):
        return {**row, "classes": 0, "values": "none"}
    images = split.images[:_LOOKED_AT]
    classes = len(set(split.labels.tolist()))
    return {**row, "classes": classes, "values": f"{images.min()} to {images.max()}"}
