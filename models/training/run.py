"""A run of training: its position, network, optimiser and history, and its way through them.

All randomness is drawn from generators keyed by (seed, purpose, epoch, batch), so that a position
in the run, the weights and the optimiser's state are all that a checkpoint must hold.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._files import write_atomically
from ..config import TrainingConfig
from ..data.batches import Batch, EpochBatches, batches_in, iterate
from ..errors import CheckpointError, DivergenceError
from ..methods.adali import AdaLi
from ..methods.bso import BSO
from ..networks.registry import build_network
from ..nn.distributed import any_process, rank, sum_gradients, summed
from . import checkpoint
from ._interrupt import DeferredInterrupt
from ._memory import keep_freed_memory
from .evaluate import accuracy, dataset
from .forward import training_forward
from .optimization import batch_loss, build_optimizers
from .probe import Probe
from .telemetry import Telemetry

CHECKPOINT, METRICS = "checkpoint.pt", "metrics.csv"


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


class Run:
    """The state of a run: its position, network, optimiser and history."""

    def __init__(self, config: TrainingConfig, folder: Path, workers: int = 0):
        keep_freed_memory()
        self.workers = workers
        self.config, self.folder, self.path = config, folder, folder / CHECKPOINT
        self.data = dataset(config)
        self.network = build_network(config, self.data.image_shape, self.data.classes)
        self.forward = training_forward(config, self.network)
        self.optimizers = build_optimizers(config, self.network)
        self.telemetry = Telemetry(self.network)
        self.history: list[dict[str, float]] = []
        self.epoch, self.batch = 0, 0
        self.loss_sum, self.right = 0.0, 0
        self.batches = batches_in(config, len(self.data.train))

    def to_the_end(
        self, interrupt: DeferredInterrupt, progress: Callable[[TrainingProgress], None] | None
    ) -> None:
        while self.epoch < self.config.epochs:
            self._begin_epoch()
            batches = EpochBatches(
                self.config, self.data.train, self.network.input_shape, self.epoch
            )
            for batch in iterate(batches, self.batch, self.workers):
                loss = self._step(batch)
                self.batch += 1
                self._tell(progress, loss)
                if any_process(interrupt.requested):
                    self.save()
                    raise KeyboardInterrupt
            self._finish_epoch()
            self._tell(progress, self.history[-1]["loss"], self.history[-1]["validation_accuracy"])

    def _begin_epoch(self) -> None:
        for module in self.network.modules():
            if isinstance(module, AdaLi):
                module.set_epoch(self.epoch + 1, self.config.epochs)
        for optimizer in self.optimizers:
            if isinstance(optimizer, BSO) and self.config.bso.fall_epochs > 0:
                optimizer.fall(0.1 ** (self.epoch // self.config.bso.fall_epochs))

    def _step(self, batch: Batch) -> float:
        """Learn from one batch; return its mean loss."""
        torch.manual_seed(batch.seed)
        self.network.train()
        self.network.zero_grad()
        totals = torch.zeros(2, dtype=torch.float64)
        rates: dict[str, Tensor] = {}
        for spikes, labels in batch.parts(self.config.accumulate):
            record: dict[str, Tensor] = {}
            scores = self.forward(spikes, record)
            loss = batch_loss(self.config.optimizer, scores, labels)
            loss = loss * (len(labels) / batch.samples)
            loss.backward()  # type: ignore[no-untyped-call]
            totals[0] += loss.detach()
            totals[1] += (scores.argmax(1) == labels).sum()
            for name, fired in record.items():
                mean = fired.detach().mean() * (len(labels) / len(batch.labels))
                rates[name] = rates[name] + mean if name in rates else mean
        sum_gradients(self.network)
        value, right = summed(totals).tolist()
        if not math.isfinite(value):
            raise self._divergence(f"a loss of {value}", "a finite loss")
        self.telemetry.observe(rates)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                if "lr" in group:
                    group["lr"] = self._learning_rate()
            optimizer.step()
        self.loss_sum += value * batch.samples
        self.right += int(right)
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
        self._write_metrics()

    def _write_metrics(self) -> None:
        if rank() == 0 and self.history:
            table = _csv(self.history)
            write_atomically(self.folder / METRICS, lambda file: file.write(table))

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

    def _broken(self) -> list[str]:
        """List the layers with a parameter or gradient that is not finite."""

        def broken(tensor: Tensor | None) -> bool:
            return tensor is not None and not bool(torch.isfinite(tensor).all())

        return [
            name
            for name in self.network.wiring
            if any(broken(p) or broken(p.grad) for p in self.network.layer(name).parameters())
        ]

    def _divergence(self, got: str, expected: str) -> DivergenceError:
        layers = self._broken()
        # Gradients come from the read-out: the last layer that broke is the first one that did.
        where = f", first in the gradient of layer {layers[-1]!r}" if layers else ""
        return DivergenceError(
            f"training, epoch {self.epoch + 1}, batch {self.batch + 1}",
            got=got + where,
            expected=expected,
            remedy=f"lower optimizer.learning_rate; {self.path} holds the last good weights",
        )

    def save(self) -> None:
        """Write the checkpoint of the position between two batches, if its weights are finite.

        Broken weights may leave the loss as it is: neurons without a number never fire.
        """
        if self._broken():
            raise self._divergence("weights that are not numbers", "finite weights")
        if rank() != 0:
            return
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
        self._write_metrics()  # the run may have been killed between the two files


def _difference(stored: TrainingConfig, given: TrainingConfig) -> str:
    pairs = zip(_settings(asdict(stored)), _settings(asdict(given)), strict=True)
    return next((f"{key} = {a}, not {b}" for (key, a), (_, b) in pairs if a != b), "none")


def _settings(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
