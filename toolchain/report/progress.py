"""Progress bars on standard error, so that standard output stays clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def _bar(quiet: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
        console=console,
        disable=quiet or not console.is_terminal,
    )


@contextmanager
def progress_bar(what: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while the block runs; the value given is called with (done, in all)."""
    with _bar(quiet) as bar:
        task = bar.add_task(what, total=None, told="")
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def training_bar(*, quiet: bool = False) -> Iterator[Callable[[Any], None]]:
    """Show a bar for training; the value given is called with a models.TrainingProgress."""
    with _bar(quiet) as bar:
        task = bar.add_task("training", total=None, told="")
        accuracy = ""

        def update(state: Any) -> None:
            told = f"epoch {state.epoch}/{state.epochs}, loss {state.loss:.3f}"
            nonlocal accuracy
            if state.validation_accuracy is not None:
                accuracy = f", validation {100 * state.validation_accuracy:.1f} %"
            done = (state.epoch - 1) * state.batches + state.batch
            total = state.epochs * state.batches
            bar.update(task, completed=done, total=total, told=told + accuracy)

        yield update
