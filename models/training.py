"""The training loop: resumable at any batch, equal to the last bit on one machine.

All randomness is drawn from generators keyed by (seed, purpose, epoch, batch), so that a position
in the run, the weights and the optimiser's state are all that a checkpoint must hold.
"""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from . import checkpoint
from ._interrupt import DeferredInterrupt
from .adali import AdaLi
from .augment import augment
from .bso import BSO
from .config import Loss, OptimizerConfig, OptimizerKind, TrainingConfig
from .encoders import encode_images
from .errors import CheckpointError, DivergenceError, TrainingInputError
from .evaluate import accuracy, dataset
from .network import SpikingNetwork
from .networks import build_network
from .probe import Probe
from .telemetry import Telemetry

CHECKPOINT, METRICS = "checkpoint.pt", "metrics.csv"
_SHUFFLE, _ENCODE = 1, 2


@dataclass(frozen=True)
class TrainingProgress:
    """Where a run stands, told after every batch and after every epoch's validation.

    epoch and batch count from 1. loss: of this batch. validation_accuracy: 0..1, at the end of an
    epoch only.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class TrainingResult:
    """A finished run. Accuracies in 0..1; seconds of this call alone, not of a resumed run's past.

    history: one row an epoch, the columns of metrics.csv.
    """

    network: SpikingNetwork
    config: TrainingConfig
    test_accuracy: float
    validation_accuracy: float
    seconds: float
    checkpoint: Path
    history: tuple[dict[str, float], ...]


def train(
    config: TrainingConfig,
    out: str | Path,
    *,
    resume: bool = False,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> TrainingResult:
    """Train a network; write `checkpoint.pt` and `metrics.csv` into the folder `out`.

    The checkpoint is written at the start, after every epoch, and when the run is interrupted
    (Ctrl-C ends it after the batch at hand; KeyboardInterrupt is raised again). With `resume` the
    run goes on from it and reaches, with the same number of threads, the weights of an unbroken
    run bit for bit.

    Raises TrainingInputError for settings, data or folders that cannot be used, CheckpointError
    for a checkpoint that does not belong to `config`, and DivergenceError if the loss stops being
    a number; the checkpoint then is that of the last whole epoch.
    """
    start = time.perf_counter()
    folder = _folder(Path(out))
    with torch.random.fork_rng(devices=[]):
        run = _Run(config, folder)
        if resume:
            run.load()
        else:
            run.save()
        with DeferredInterrupt() as interrupt:
            run.to_the_end(interrupt, progress)
    return TrainingResult(
        network=run.network.eval(),
        config=config,
        test_accuracy=accuracy(config, run.network, run.data.test),
        validation_accuracy=accuracy(config, run.network, run.data.validation),
        seconds=time.perf_counter() - start,
        checkpoint=run.path,
        history=tuple(run.history),
    )


class _Run:
    """The state of a run: its position, network, optimiser and history."""

    def __init__(self, config: TrainingConfig, folder: Path):
        self.config, self.folder, self.path = config, folder, folder / CHECKPOINT
        self.data = dataset(config)
        self.network = build_network(config, self.data.image_shape, self.data.classes)
        self.optimizers = _optimizers(config, self.network)
        self.telemetry = Telemetry(self.network)
        self.history: list[dict[str, float]] = []
        self.epoch, self.batch = 0, 0
        self.loss_sum, self.right = 0.0, 0
        self.batches = math.ceil(len(self.data.train) / config.batch_size)

    def to_the_end(
        self,
        interrupt: DeferredInterrupt,
        progress: Callable[[TrainingProgress], None] | None,
    ) -> None:
        while self.epoch < self.config.epochs:
            self._begin_epoch()
            order = self._random(_SHUFFLE).permutation(len(self.data.train))
            while self.batch < self.batches:
                size = self.config.batch_size
                loss = self._step(order[self.batch * size : (self.batch + 1) * size])
                self.batch += 1
                self._tell(progress, loss)
                if interrupt.requested:
                    self.save()
                    raise KeyboardInterrupt
            self._finish_epoch()
            self._tell(progress, self.history[-1]["loss"], self.history[-1]["validation_accuracy"])

    def _begin_epoch(self) -> None:
        for module in self.network.modules():
            if isinstance(module, AdaLi):
                module.set_epoch(self.epoch + 1, self.config.epochs)

    def _step(self, chosen: NDArray[np.int64]) -> float:
        """Learn from one batch; return its mean loss."""
        random = self._random(_ENCODE, self.batch)
        torch.manual_seed(int(random.integers(2**62)))  # for dropout
        train = self.data.train
        images = augment(train.images[chosen], self.config.data.augmentation, random)
        spikes = encode_images(self.config.encoder, images, random).swapaxes(0, 1)
        spikes = spikes.reshape(*spikes.shape[:2], *self.network.input_shape)
        labels = torch.from_numpy(train.labels[chosen])

        self.network.train()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                if "lr" in group:
                    group["lr"] = self._learning_rate()
        record: dict[str, Tensor] = {}
        scores = self.network(torch.from_numpy(spikes.astype(np.float32)), record)
        loss = _loss(self.config.optimizer, scores, labels)
        self.network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        value = loss.item()
        if not math.isfinite(value):
            self._report_divergence(value)
        self.telemetry.observe(record)
        for optimizer in self.optimizers:
            optimizer.step()
        self.loss_sum += value * len(chosen)
        self.right += int((scores.argmax(1) == labels).sum())
        return value

    def _finish_epoch(self) -> None:
        samples = len(self.data.train)
        with Probe(self.network) as probe:
            validation_accuracy = accuracy(self.config, self.network, self.data.validation)
        self.history.append(
            {
                "epoch": self.epoch + 1,
                "loss": self.loss_sum / samples,
                "train_accuracy": self.right / samples,
                "validation_accuracy": validation_accuracy,
                "learning_rate": self._learning_rate(),
                **self.telemetry.finish_epoch(),
                **probe.figures(),
            }
        )
        self.epoch, self.batch, self.loss_sum, self.right = self.epoch + 1, 0, 0.0, 0
        self.save()
        checkpoint.write_atomically(
            self.folder / METRICS, lambda file: file.write(_csv(self.history))
        )

    def _learning_rate(self) -> float:
        settings = self.config.optimizer
        if not settings.cosine:
            return settings.learning_rate
        done = (self.epoch * self.batches + self.batch) / (self.config.epochs * self.batches)
        return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def _tell(
        self,
        progress: Callable[[TrainingProgress], None] | None,
        loss: float,
        validation_accuracy: float | None = None,
    ) -> None:
        if progress is None:
            return
        epoch_over = validation_accuracy is not None
        try:
            progress(
                TrainingProgress(
                    epoch=self.epoch if epoch_over else self.epoch + 1,
                    epochs=self.config.epochs,
                    batch=self.batches if epoch_over else self.batch,
                    batches=self.batches,
                    loss=loss,
                    validation_accuracy=validation_accuracy,
                )
            )
        except KeyboardInterrupt:
            self.save()
            raise

    def _report_divergence(self, loss: float) -> None:
        def broken(tensor: Tensor | None) -> bool:
            return tensor is not None and not bool(torch.isfinite(tensor).all())

        layers = [
            name
            for name in self.network.wiring
            if any(broken(p) or broken(p.grad) for p in self.network.layer(name).parameters())
        ]
        where = f", first in the gradient of layer {layers[-1]!r}" if layers else ""
        raise DivergenceError(
            f"training, epoch {self.epoch + 1}, batch {self.batch + 1}",
            got=f"a loss of {loss}{where}",
            expected="a finite loss",
            remedy=f"lower optimizer.learning_rate; {self.path} holds the last good weights",
        )

    def _random(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, self.epoch, *key])

    def save(self) -> None:
        """Write the checkpoint of the position between two batches."""
        checkpoint.save(
            self.path,
            {
                "config": self.config.to_toml(),
                "image_shape": list(self.data.image_shape),
                "classes": self.data.classes,
                "network": self.network.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "telemetry": self.telemetry.state_dict(),
                "history": self.history,
                "position": [self.epoch, self.batch, self.loss_sum, self.right],
            },
        )

    def load(self) -> None:
        """Go on from the checkpoint in the folder."""
        state, what = checkpoint.load(self.path), f"checkpoint {self.path}"
        stored = TrainingConfig.from_text(state["config"], what)
        if stored != self.config:
            raise CheckpointError(
                what,
                got=f"a run with other settings ({_difference(stored, self.config)})",
                expected="the settings of this run",
                remedy="resume with the configuration that it was started with",
            )
        checkpoint.restore(self.network, state, what)
        for optimizer, stored_state in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored_state)
        self.telemetry.load_state_dict(state["telemetry"])
        self.history = state["history"]
        self.epoch, self.batch, self.loss_sum, self.right = state["position"]


def _optimizers(config: TrainingConfig, network: SpikingNetwork) -> list[torch.optim.Optimizer]:
    settings = config.optimizer
    rate, decay = settings.learning_rate, settings.weight_decay
    parameters = [p for p in network.parameters() if p.requires_grad]
    if settings.kind is OptimizerKind.ADAM:
        return [torch.optim.Adam(parameters, rate, weight_decay=decay)]
    optimizers: list[torch.optim.Optimizer] = []
    if settings.kind is OptimizerKind.BSO:
        layers = (network.layer(name) for name in network.wiring)
        binary = [layer.synapses.weight for layer in layers if layer.binary]
        flip = config.bso
        optimizers.append(BSO(binary, flip.gamma, flip.beta1, flip.beta2, flip.adaptive))
        flipped = {id(weight) for weight in binary}
        parameters = [p for p in parameters if id(p) not in flipped]
    sgd = torch.optim.SGD(parameters, rate, momentum=settings.momentum, weight_decay=decay)
    return [*optimizers, sgd]


def _loss(settings: OptimizerConfig, scores: Tensor, labels: Tensor) -> Tensor:
    if settings.loss is Loss.MSE:
        return functional.mse_loss(scores, functional.one_hot(labels, scores.shape[1]).float())
    return functional.cross_entropy(scores, labels, label_smoothing=settings.label_smoothing)


def _difference(stored: TrainingConfig, given: TrainingConfig) -> str:
    lines = zip(stored.to_toml().splitlines(), given.to_toml().splitlines(), strict=False)
    return next((f"{a!r}, not {b!r}" for a, b in lines if a != b), "none")


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingInputError(
            f"output folder {path}",
            got=str(error),
            expected="a folder that can be written to",
            remedy="choose another with --out",
        ) from error
    return path
