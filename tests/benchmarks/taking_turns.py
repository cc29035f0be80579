"""Durations of jobs that take turns, and their ratios.

The jobs of a round go in an order drawn anew for each, and times are seconds of the processor. A
ratio is the median over the rounds of the two times of one round: what slows the machine for a
while slows both, a single slow step does not count, and no one is always first after the same
other. (The ratio of least times depends on each one's luck to meet a quiet moment.)
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

ROUNDS = 15


def take_turns(jobs: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the duration of each job in each round; a first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    order, shuffle = list(jobs), random.Random(0).shuffle
    for _ in range(ROUNDS + 1):
        shuffle(order)
        for name in order:
            start = time.process_time()
            jobs[name]()
            seconds[name].append(time.process_time() - start)
    return {name: values[1:] for name, values in seconds.items()}


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of our share of their time, round by round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch use one thread within the block."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
