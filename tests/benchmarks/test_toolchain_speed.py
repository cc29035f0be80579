"""How fast graphs are read, lowered and executed: ratios against a peer in the same run."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from axonc.toolchain.driver import lower
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.reference import execute


def seconds(job: Callable[[], object], runs: int = 5) -> float:
    """Return the median duration of `job`, after one run that is not counted."""
    job()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return median(times)


def test_a_binary_resnet19_is_read_and_lowered_in_ten_seconds_and_two_gigabytes(
    tmp_path: Path,
) -> None:
    from dataclasses import replace

    from axonc.models import TrainingConfig, export_nir
    from axonc.models.config import Shortcut
    from axonc.models.networks import build_network

    config = TrainingConfig()
    config = replace(
        config,
        network=replace(config.network, architecture="resnet19", shortcut=Shortcut.SPIKE),
    )
    network = build_network(config, (3, 32, 32), 10)
    weights = sum(parameter.numel() for parameter in network.parameters())
    assert weights > 12e6
    export_nir(network.eval(), tmp_path / "resnet19.nir")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    lowering = lower(load_graph(tmp_path / "resnet19.nir"), real_input=True)
    took_s = time.perf_counter() - start
    grown_gb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6
    print(f"\nResNet-19, {weights / 1e6:.1f} M weights: {took_s:.2f} s, {grown_gb:.2f} GB more")
    assert lowering.refusal is None
    assert took_s < 10 and grown_gb < 2


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # importing norse 1.1
@pytest.mark.parametrize("kind", ["binary", "float"])
def test_float_reference_against_norse(kind: str, tmp_path: Path) -> None:
    """One convolutional network, batch 32, 20 steps, one thread, the same spikes out of both."""
    import nir
    import norse.torch as norse
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    p = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(500.0))
    layers = [
        torch.nn.Conv2d(2, 16, 5, stride=2, padding=1, bias=False),
        norse.LIFBoxCell(p),
        torch.nn.Conv2d(16, 32, 3, padding=1, bias=False),
        norse.LIFBoxCell(p),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * 16 * 16, 256, bias=False),
        norse.LIFBoxCell(p),
        torch.nn.Linear(256, 10, bias=False),
        norse.LIFBoxCell(p),
    ]
    names = ["0", "1", "2", "3", "4", "5", "6", "7", "8"]
    weighted = [layer for layer in layers if hasattr(layer, "weight")]
    with torch.no_grad():
        for layer in weighted:
            layer.weight.copy_(layer.weight.sign() if kind == "binary" else layer.weight * 6)
    network = norse.SequentialState(*layers)

    def neurons(*shape: int) -> nir.LIF:
        ones = np.ones(shape, np.float32)
        return nir.LIF(ones * np.float32(2e-3), ones, 0 * ones, ones, 0 * ones)

    def weight(index: int) -> np.ndarray:
        array = weighted[index].weight.detach().numpy()
        return array.astype(np.int8) if kind == "binary" else array

    nodes = {
        "input": nir.Input(np.array([2, 34, 34])),
        "0": nir.Conv2d((34, 34), weight(0), 2, 1, 1, 1, np.zeros(16, np.float32)),
        "1": neurons(16, 16, 16),
        "2": nir.Conv2d((16, 16), weight(1), 1, 1, 1, 1, np.zeros(32, np.float32)),
        "3": neurons(32, 16, 16),
        "4": nir.Flatten({"input": np.array([32, 16, 16])}, 0, -1),
        "5": nir.Linear(weight(2)),
        "6": neurons(256),
        "7": nir.Linear(weight(3)),
        "8": neurons(10),
        "output": nir.Output(np.array([10])),
    }
    chain = ["input", *names, "output"]
    edges = list(zip(chain, chain[1:], strict=False))
    nir.write(tmp_path / "net.nir", nir.NIRGraph(nodes, edges, metadata={"dt": 1e-3}))
    graph = lower(load_graph(tmp_path / "net.nir")).discrete

    spikes = np.random.default_rng(0).random((32, 20, 2, 34, 34)) < 0.1
    as_tensor = torch.tensor(spikes).float().transpose(0, 1).contiguous()

    def in_norse() -> torch.Tensor:
        state, out = None, []
        with torch.no_grad():
            for step in as_tensor:
                z, state = network(step, state)
                out.append(z)
        return torch.stack(out, dim=1)

    ours = execute(graph, spikes).output
    assert np.mean(ours != in_norse().numpy().astype(bool)) <= 1e-4  # float32 against float64
    ratio = seconds(lambda: execute(graph, spikes)) / seconds(in_norse)
    print(f"\nfloat reference / norse, {kind} weights: {ratio:.2f} of norse's time")
