"""How fast graphs are read, lowered and executed: ratios against a peer in the same run."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from axonc.toolchain.driver import lower
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.reference import execute


def test_a_binary_resnet19_is_read_and_lowered_in_ten_seconds_and_two_gigabytes(
    tmp_path: Path,
) -> None:
    from dataclasses import replace

    from axonc.models import TrainingConfig, export_nir
    from axonc.models.config import Shortcut
    from axonc.models.networks.registry import build_network

    config = TrainingConfig()
    config = replace(
        config, network=replace(config.network, architecture="resnet19", shortcut=Shortcut.SPIKE)
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
@pytest.mark.parametrize("weights", ["binary", "float"])
@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_float_reference_against_norse(architecture: str, weights: str, tmp_path: Path) -> None:
    """Batch 32, 20 steps, one thread each, the same spikes out of both, in both precisions."""
    import torch

    torch.set_num_threads(1)
    network, shape = norse_network(architecture, weights)
    nir.write(tmp_path / "net.nir", as_nir(network, shape, weights))
    graph = lower(load_graph(tmp_path / "net.nir")).discrete
    spikes = np.random.default_rng(0).random((32, 20, *shape)) < 0.1
    rates = execute(graph, spikes, probes=graph.spiking).spikes
    print(f"\n{architecture}, {weights} weights: {100 * spikes.mean():.0f} % of the inputs spike,")
    print("  neurons", ", ".join(f"{100 * z.mean():.0f} %" for z in rates.values()))
    for real, theirs in ((np.float32, torch.float32), (np.float64, torch.float64)):
        job, reference = in_norse(network, spikes, theirs), partial(execute, graph, spikes)
        ours = reference(real=real).output
        assert np.mean(ours != job().numpy().astype(bool)) <= 1e-3  # ties on whole weights
        took, norse_took = interleaved(partial(reference, real=real), job)
        print(f"  {real.__name__}: {took / norse_took:.2f} of norse's time")
        assert took < norse_took
    took, norse_took = interleaved(reference, in_norse(network, spikes, torch.float32))
    print(f"  float64 against norse's float32: {took / norse_took:.2f} of its time")


def interleaved(*jobs: Callable[[], object], runs: int = 7) -> list[float]:
    """Return the least processor time of each job, run in turns so that load meets all alike."""
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(runs + 1):
        for job, seconds in zip(jobs, times, strict=True):
            start = time.process_time()
            job()
            seconds.append(time.process_time() - start)
    return [min(seconds[1:]) for seconds in times]


def norse_network(architecture: str, weights: str) -> tuple[Any, tuple[int, ...]]:
    """Return norse's network and the shape of its input; some tenth of its neurons spikes."""
    import norse.torch as norse
    import torch
    from torch import nn

    torch.manual_seed(0)
    if architecture == "dense":
        shape: tuple[int, ...] = (784,)
        sizes = (784, 800, 800, 10)
        synapses = [nn.Linear(*pair, bias=False) for pair in pairwise(sizes)]
    else:
        shape = (2, 34, 34)
        synapses = [
            nn.Conv2d(2, 16, 5, stride=2, padding=1, bias=False),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            nn.Linear(32 * 16 * 16, 256, bias=False),
            nn.Linear(256, 10, bias=False),
        ]
    layers: list[nn.Module] = []
    for layer in synapses:
        fan_in = layer.weight[0].numel()
        with torch.no_grad():
            layer.weight.copy_(layer.weight.sign() if weights == "binary" else layer.weight * 4)
        strength = float(layer.weight.detach().square().mean().sqrt())
        threshold = torch.tensor(np.round(0.18 * strength * fan_in**0.5, 2) + 0.005)
        p = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(500.0), v_th=threshold)
        if isinstance(layer, nn.Linear) and layers and architecture == "conv":
            layers.append(nn.Flatten())
        layers += [layer, norse.LIFBoxCell(p)]
    return norse.SequentialState(*layers).eval(), shape


def as_nir(network: Any, shape: tuple[int, ...], weights: str) -> nir.NIRGraph:
    """Write the network down by hand: binary weights as int8."""
    import torch

    signal = torch.zeros(1, *shape)
    nodes: dict[str, Any] = {"input": nir.Input(np.array(shape))}
    for index, layer in enumerate(network):
        sent = layer(signal)
        sent = sent[0] if isinstance(sent, tuple) else sent
        name, before, after = f"layer{index}", tuple(signal.shape[1:]), tuple(sent.shape[1:])
        signal = sent
        if hasattr(layer, "weight"):
            weight = layer.weight.detach().numpy()
            weight = weight.astype(np.int8) if weights == "binary" else weight
        if isinstance(layer, torch.nn.Linear):
            nodes[name] = nir.Linear(weight)
        elif isinstance(layer, torch.nn.Conv2d):
            window = (layer.stride, layer.padding, layer.dilation, layer.groups)
            nodes[name] = nir.Conv2d(before[1:], weight, *window, np.zeros(after[0], np.float32))
        elif isinstance(layer, torch.nn.Flatten):
            nodes[name] = nir.Flatten({"input": np.array(before)}, 0, -1)
        else:
            one = np.ones(after, np.float32)
            tau, threshold = one / layer.p.tau_mem_inv.numpy(), one * layer.p.v_th.numpy()
            nodes[name] = nir.LIF(tau, one, 0 * one, threshold, 0 * one)
    nodes["output"] = nir.Output(np.array(after))
    return nir.NIRGraph(nodes, list(pairwise(nodes)), metadata={"dt": 1e-3})


def in_norse(network: Any, spikes: np.ndarray, dtype: Any) -> Callable[[], Any]:
    """Return a function that runs the network in a precision and returns its output spikes."""
    import torch

    network = deepcopy(network).to(dtype)
    for layer in network:
        if hasattr(layer, "p"):
            values = (v.to(dtype) if isinstance(v, torch.Tensor) else v for v in layer.p)
            layer.p = type(layer.p)(*values)
    steps = torch.tensor(spikes, dtype=dtype).transpose(0, 1).contiguous()

    def run() -> torch.Tensor:
        state, out = None, []
        with torch.no_grad():
            for step in steps:
                z, state = network(step, state)
                out.append(z)
        return torch.stack(out, dim=1)

    return run
