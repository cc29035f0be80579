"""Training as one call: resumable at any batch, equal to the last bit on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from .._files import remove_leftovers
from ..config import TrainingConfig
from ..errors import TrainingInputError
from ..networks.network import SpikingNetwork
from ..nn.distributed import Processes, rank, wait
from ._interrupt import DeferredInterrupt
from .evaluate import accuracy
from .run import Run, TrainingProgress


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
    workers: int = 0,
    threads: int | None = None,
) -> TrainingResult:
    """Train a network; write `checkpoint.pt` and `metrics.csv` into the folder `out`.

    The checkpoint is written at the start, after every epoch, and when the run is interrupted
    (Ctrl-C ends it after the batch at hand; KeyboardInterrupt is raised again). With `resume` the
    run goes on from it and reaches, with the same number of threads, the weights of an unbroken
    run bit for bit.

    threads: of torch while it trains; None leaves them as they are. Only runs with equal numbers
    add in the same order, so give one where the same seed must give the same network everywhere.
    workers: processes that prepare batches ahead of time. Under torchrun, processes share every
    batch (see `distributed`); the first of them writes the files.

    Raises TrainingInputError for settings, data or folders that cannot be used, CheckpointError
    for a checkpoint that does not belong to `config`, and DivergenceError if the loss stops being
    a number; the checkpoint then is that of the last whole epoch.
    """
    start = time.perf_counter()
    with _threads(threads), Processes(), torch.random.fork_rng(devices=[]):
        run = Run(config, Path(out), workers)
        _create(run.folder)
        if rank() == 0:
            remove_leftovers(run.folder)
        if resume:
            run.load()
        else:
            run.save()
        wait()
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


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Have torch use `count` threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _create(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingInputError(
            f"output folder {path}",
            got=str(error),
            expected="a folder that can be written to",
            remedy="choose another with --out",
        ) from error
