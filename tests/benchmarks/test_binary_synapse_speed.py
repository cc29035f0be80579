"""How fast the cycle-level simulator is: against SANA-FE, on a ResNet-19, over four decades.

The peer runs in the same run where AXONC_SANAFE_PYTHON names the interpreter of an environment
with SANA-FE 2.2.9 (`pip install sanafe==2.2.9`).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from binary_synapse_networks import perceptron

from axonc.targets.binary_synapse import BinarySynapse
from axonc.toolchain.ir import (
    BIPOLAR,
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    LeakyState,
    Node,
    Output,
    Stage,
    SumPool,
    Window,
)


def best_wall_s(target: BinarySynapse, program: object, spikes: np.ndarray, runs: int = 5) -> float:
    """Return the least duration of a run, after one that is not counted."""
    target.run(program, spikes[:1])  # type: ignore[arg-type]
    return min(target.run(program, spikes).wall_s for _ in range(runs))  # type: ignore[arg-type]


def test_against_sanafe_on_the_same_network() -> None:
    target = BinarySynapse("edge")
    started = time.perf_counter()
    program = target.compile(perceptron([784, 800, 10]))
    build_s = time.perf_counter() - started
    spikes = np.random.default_rng(0).random((64, 100, 784)) < 0.1
    run = target.run(program, spikes)
    ours = run.synaptic_operations / best_wall_s(target, program, spikes)
    held = sum(array.nbytes for array in program.prepared.image) / (784 * 800 + 8000)
    print(
        f"\naxonc, cycle level, {os.cpu_count()} threads: {ours / 1e9:.2f} G synaptic operations/s,"
        f" built in {build_s:.3f} s, {held:.2f} bytes a synapse"
    )
    peer = os.environ.get("AXONC_SANAFE_PYTHON")
    if not peer:
        pytest.skip("set AXONC_SANAFE_PYTHON to measure the peer in the same run")
    script = Path(__file__).with_name("sanafe_peer.py")
    done = subprocess.run([peer, script], capture_output=True, text=True, check=True, timeout=600)
    result = json.loads(done.stdout.splitlines()[-1])
    theirs = result["synaptic_operations"] / result["sim_s"]
    print(
        f"SANA-FE, detailed, 1 thread: {theirs / 1e6:.1f} M synaptic operations/s, built in "
        f"{result['build_s']:.1f} s; ratio {ours / theirs:.0f}"
    )


def neurons(shape: tuple[int, ...], threshold: float) -> IntegerNeuron:
    state = LeakyState(np.array([1]), 1, -(1 << 15), (1 << 15) - 1)
    zero = np.array([0])
    return IntegerNeuron(shape, np.array([int(threshold)]), zero, zero, state)


def residual_network(channels: tuple[int, ...] = (128, 256, 512), size: int = 32) -> Graph:
    """Return a ResNet-19 behind its first layer: 12.7 M bipolar synapses, residual spikes."""
    rng = np.random.default_rng(0)
    nodes: dict[str, Node] = {"input": Input((channels[0], size, size))}
    edges: list[Edge] = []
    before, width = "input", channels[0]

    def convolution(outputs: int, inputs: int, kernel: int, stride: int) -> IntegerConv:
        weight = rng.choice([-1, 1], (outputs, inputs, kernel, kernel)).astype(np.int8)
        window = Window((stride,) * 2, ((kernel // 2,) * 2,) * 2, (1, 1))
        return IntegerConv(weight, BIPOLAR, window)

    blocks = [(channels[0], 1)] * 3 + [(channels[1], 2)] + [(channels[1], 1)] * 2
    blocks += [(channels[2], 2), (channels[2], 1)]
    for number, (outputs, stride) in enumerate(blocks):
        size //= stride
        nodes[f"conv{number}a"] = convolution(outputs, width, 3, stride)
        nodes[f"n{number}a"] = neurons((outputs, size, size), (1.8 * width) ** 0.5)
        nodes[f"conv{number}b"] = convolution(outputs, outputs, 3, 1)
        nodes[f"n{number}b"] = neurons((outputs, size, size), (1.8 * outputs) ** 0.5)
        chain = [before, f"conv{number}a", f"n{number}a", f"conv{number}b", f"n{number}b"]
        edges += [Edge(a, b) for a, b in zip(chain, chain[1:], strict=False)]
        if stride > 1:
            nodes[f"short{number}"] = convolution(outputs, width, 1, stride)
            edges += [Edge(before, f"short{number}"), Edge(f"short{number}", chain[-1])]
        else:
            edges.append(Edge(before, chain[-1]))
        before, width = chain[-1], outputs
    nodes["pool"] = SumPool((size, size), Window((size, size), ((0, 0), (0, 0)), (1, 1)))
    nodes["flatten"] = Flatten()
    for name, outputs in (("full", 256), ("last", 10)):
        nodes[name] = IntegerAffine(rng.choice([-1, 1], (outputs, width)).astype(np.int8), BIPOLAR)
        nodes[f"n {name}"] = neurons((outputs,), 4)
        width = outputs
    nodes["output"] = Output((10,))
    tail = [before, "pool", "flatten", "full", "n full", "last", "n last", "output"]
    edges += [Edge(a, b) for a, b in zip(tail, tail[1:], strict=False)]
    return Graph(Stage.INTEGER, nodes, tuple(edges))


def test_a_binary_resnet19() -> None:
    target = BinarySynapse("wide")
    graph = residual_network()
    weights = sum(n.weight.size for n in graph.nodes.values() if hasattr(n, "weight"))
    started = time.perf_counter()
    program = target.compile(graph)
    program.prepared  # noqa: B018
    compile_s = time.perf_counter() - started
    spikes = np.random.default_rng(1).random((1, 4, 128, 32, 32)) < 0.2
    wall_s = best_wall_s(target, program, spikes, runs=2)
    run = target.run(program, spikes)
    used_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"\nResNet-19, {weights / 1e6:.1f} M synapses, T = 4: compiled in {compile_s:.1f} s, one "
        f"image in {wall_s:.2f} s, {run.synaptic_operations / 1e9:.2f} G synaptic operations, "
        f"{run.counters['flits'] / 1e6:.2f} M flits, {(run.cycles or 0) / 1e6:.2f} M cycles, "
        f"{used_gb:.2f} GB"
    )
    assert compile_s < 60 and wall_s < 60 and used_gb < 4


def test_time_grows_with_synaptic_operations() -> None:
    """The slope of log time over log operations, four decades of them."""
    target = BinarySynapse("wide")
    points = []
    print()
    for size, steps in ((100, 2), (200, 5), (400, 12), (800, 30), (1600, 75), (3200, 190)):
        program = target.compile(perceptron([size, size]))
        spikes = np.random.default_rng(0).random((1, steps, size)) < 0.1
        run = target.run(program, spikes)
        wall_s = best_wall_s(target, program, spikes)
        points.append((run.synaptic_operations, wall_s))
        print(f"{run.synaptic_operations:12,d} synaptic operations {1e3 * wall_s:10.3f} ms")
    operations, seconds = np.log10(np.array(points)).T
    slope = np.polyfit(operations, seconds, 1)[0]
    print(f"slope {slope:.2f} over {operations[-1] - operations[0]:.1f} decades")
    assert slope < 1.1
