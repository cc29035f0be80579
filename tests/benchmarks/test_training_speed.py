"""Step time and peak memory of training, against spikingjelly and snnTorch and against itself.

One thread, the same weights, samples and machine; all take turns (see `taking_turns`). A peer
counts in the faster of its two memory formats. Memory is what Linux says that the process grew by
at most while it trained (VmHWM), each in a process of its own. Needs the extra `peers`:
`make bench-peers`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.taking_turns import one_thread, ratio, take_turns

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # a peer's are not ours to mend
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    with one_thread():
        yield


def megabytes(form: str, network: str, steps: int) -> float:
    """Return the memory that a framework's training steps need, in 10^6 bytes."""
    script = Path(__file__).with_name("training_peers.py")
    done = subprocess.run(
        [sys.executable, str(script), form, network, str(steps)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1e6


def assert_the_same_network(network: str, steps: int) -> None:
    """Compare a step's scores and gradients with those of the peers.

    With spikingjelly in float64, for BatchNorm rounds; snnTorch has float32 alone, and its
    BatchNorm sees one time step at a time.
    """
    import torch
    from benchmarks import training_peers

    for form in training_peers.forms(network)[1:]:
        if form.startswith("snntorch") and network == "conv-bn":
            continue
        dtype = torch.float32 if form.startswith("snntorch") else torch.float64
        peer, step_of_peer = training_peers.training(form, network, steps, dtype)
        ours, our_step = training_peers.training("axonc", network, steps, dtype)
        # One spike more or less would move a score by 1e-2.
        torch.testing.assert_close(step_of_peer(), our_step(), rtol=0, atol=1e-5)
        for one, other in zip(peer.parameters(), ours.parameters(), strict=True):
            # A sum over steps in another order: float32 rounding of the largest element.
            largest = float(other.grad.abs().max())
            torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=2e-5 * largest)


@pytest.mark.parametrize("steps", [4, 16])
@pytest.mark.parametrize("network", ["mlp", "conv", "conv-bn"])
def test_a_float_lif_network_trains_as_fast_as_in_the_fastest_peer(
    network: str, steps: int
) -> None:
    for peer in ("spikingjelly", "snntorch"):
        pytest.importorskip(peer, reason="needs pip install axonc[peers]")
    from benchmarks import training_peers

    forms = training_peers.forms(network)
    assert_the_same_network(network, steps)
    jobs = {form: training_peers.training(form, network, steps)[1] for form in forms}
    seconds = take_turns(jobs)
    memory = {form: megabytes(form, network, steps) for form in forms}
    ratios = {form: ratio(seconds["axonc"], seconds[form]) for form in forms if form != "axonc"}
    print(f"\n{network}, T = {steps}: {max(ratios.values()):.3f} of the fastest peer's time")
    for form in forms:
        of = f"{ratios[form]:8.3f}" if form in ratios else ""
        print(f"  {form:28}{1e3 * min(seconds[form]):8.1f} ms{memory[form]:8.0f} MB{of}")
    assert max(ratios.values()) <= 1.0
    assert memory["axonc"] <= min(memory[form] for form in ratios)


@pytest.mark.parametrize("architecture", ["conv", "vgg11"])
def test_agmm_adds_at_most_a_tenth_to_the_vanilla_binary_step(architecture: str) -> None:
    import torch

    from axonc.models import TrainingConfig
    from axonc.models.config import EncoderConfig, NetworkConfig
    from axonc.models.methods.agmm import GateConfig, Mean
    from axonc.models.networks.registry import build_network

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
        "agmm, per sample": GateConfig(mean=Mean.SAMPLE),
        "agmm, per sample and channel": GateConfig(mean=Mean.SAMPLE_CHANNEL),
    }
    seconds = take_turns({name: training(gate) for name, gate in gates.items()})
    print(f"\n{architecture}: vanilla binary step {1e3 * min(seconds['vanilla']):.1f} ms")
    ratios = {name: ratio(values, seconds["vanilla"]) for name, values in seconds.items()}
    for name, value in ratios.items():
        print(f"  {name:29}{value:6.3f} of vanilla")
    assert max(ratios.values()) <= 1.1
