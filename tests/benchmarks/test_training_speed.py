"""Step time and peak memory of training, against spikingjelly and snnTorch and against itself.

One thread, the same weights, samples and machine, the runs interleaved; the least time of each
counts, in seconds of the processor, which other work on the machine hardly lengthens. Memory is
what Linux says that the process grew by at most while it trained (VmHWM), each framework in a
process of its own. Needs the extra `peers`: `make bench-peers`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # a peer's are not ours to mend
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

PEERS = ("spikingjelly", "snntorch")
ROUNDS = 8


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def least_seconds(jobs: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least duration of each job, all jobs taking turns; a first turn is not counted."""
    best = dict.fromkeys(jobs, float("inf"))
    for round_ in range(ROUNDS + 1):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            if round_:
                best[name] = min(best[name], time.process_time() - start)
    return best


def megabytes(framework: str, network: str, steps: int) -> float:
    """Return the memory that a framework's training steps need, in 10^6 bytes."""
    script = Path(__file__).with_name("training_peers.py")
    done = subprocess.run(
        [sys.executable, str(script), framework, network, str(steps)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1e6


@pytest.mark.parametrize("steps", [4, 16])
@pytest.mark.parametrize("network", ["mlp", "conv", "conv-bn"])
def test_a_float_lif_network_trains_as_fast_as_in_the_fastest_peer(
    network: str, steps: int
) -> None:
    for peer in PEERS:
        pytest.importorskip(peer, reason="needs pip install axonc[peers]")
    import torch
    from benchmarks import training_peers

    frameworks = training_peers.FRAMEWORKS
    trained = {name: training_peers.training(name, network, steps) for name in frameworks}
    modules = {name: module for name, (module, _) in trained.items()}
    jobs = {name: job for name, (_, job) in trained.items()}
    scores = {name: job() for name, job in jobs.items()}
    for peer in PEERS:
        if peer == "snntorch" and network == "conv-bn":
            continue  # its BatchNorm sees one step at a time
        # The same network: one spike more or less would move a score by 1e-2.
        torch.testing.assert_close(scores[peer], scores["axonc"], rtol=0, atol=1e-5)
        for one, other in zip(
            modules[peer].parameters(), modules["axonc"].parameters(), strict=True
        ):
            # A sum over steps in another order: float32 rounding of the largest element.
            largest = float(other.grad.abs().max())
            torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=2e-5 * largest)
    seconds = least_seconds(jobs)
    memory = {name: megabytes(name, network, steps) for name in jobs}
    ratio = seconds["axonc"] / min(seconds[peer] for peer in PEERS)
    print(f"\n{network}, T = {steps}: {ratio:.3f} of the faster peer")
    for name in jobs:
        print(f"  {name:14}{1e3 * seconds[name]:8.1f} ms{memory[name]:8.0f} MB")
    assert ratio <= 1.0
    assert memory["axonc"] <= min(memory[peer] for peer in PEERS)


@pytest.mark.parametrize("architecture", ["conv", "vgg11"])
def test_agmm_adds_at_most_a_tenth_to_the_vanilla_binary_step(architecture: str) -> None:
    import torch

    from axonc.models import TrainingConfig
    from axonc.models.agmm import GateConfig, Mean
    from axonc.models.config import EncoderConfig, NetworkConfig
    from axonc.models.networks import build_network

    shape, batch = ((3, 32, 32), 4) if architecture == "vgg11" else ((1, 28, 28), 100)
    spikes = (torch.rand(4, batch, *shape) < 0.3).float()
    labels = torch.randint(10, (batch,))
    base = TrainingConfig(
        encoder=EncoderConfig(steps=4),
        network=NetworkConfig(
            architecture, (200,), (24, 48), binary_ends=False, spike_readout=False
        ),
    )

    def training(gate: GateConfig) -> Callable[[], None]:
        network = build_network(replace(base, gate=gate), shape, 10)
        optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)

        def step() -> None:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(spikes), labels).backward()
            optimizer.step()

        return step

    gates = {
        "vanilla": GateConfig(enabled=False),
        "agmm": GateConfig(),
        "agmm, per channel": GateConfig(mean=Mean.CHANNEL),
        "agmm, per step": GateConfig(per_step=True),
        "agmm, gradient only": GateConfig(gradient_only=True),
    }
    seconds = least_seconds({name: training(gate) for name, gate in gates.items()})
    print(f"\n{architecture}: vanilla binary step {1e3 * seconds['vanilla']:.1f} ms")
    for name, value in seconds.items():
        print(f"  {name:22}{value / seconds['vanilla']:6.3f} of vanilla")
    assert seconds["agmm"] <= 1.1 * seconds["vanilla"]
