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
from large_binary_networks import resnet19

from axonc.targets.binary_synapse import BinarySynapse
from axonc.targets.binary_synapse.program.program import BinaryProgram
from axonc.targets.binary_synapse.simulator.run import prepared, simulate_batch

FIGURE = Path(__file__).parents[2] / "docs" / "binary_synapse" / "growth.png"


def best_wall_s(target: BinarySynapse, program: object, spikes: np.ndarray, runs: int = 5) -> float:
    """Return the least duration of a run, after one that is not counted."""
    target.run(program, spikes[:1])  # type: ignore[arg-type]
    return min(target.run(program, spikes).wall_s for _ in range(runs))  # type: ignore[arg-type]


def best_wall_s_of_one_thread(program: BinaryProgram, spikes: np.ndarray, runs: int = 5) -> float:
    """Return the least duration of a run of a network with one input, on one thread."""
    inputs = {next(iter(program.graph.inputs)): spikes.astype(np.uint8)}
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        simulate_batch(program, inputs, spikes_of=list(program.reasons)[-1:], workers=1)
        taken.append(time.perf_counter() - started)
    return min(taken)


def test_against_sanafe_on_the_same_network() -> None:
    target = BinarySynapse("edge")
    started = time.perf_counter()
    program = target.compile(perceptron([784, 800, 10]))
    build_s = time.perf_counter() - started
    spikes = np.random.default_rng(0).random((64, 100, 784)) < 0.1
    run = target.run(program, spikes)
    rates = {
        "1 thread": run.synaptic_operations / best_wall_s_of_one_thread(program, spikes),
        f"{os.cpu_count()} threads": run.synaptic_operations / best_wall_s(target, program, spikes),
    }
    held = sum(np.asarray(part).nbytes for part in prepared(program).image) / (784 * 800 + 8000)
    for threads, rate in rates.items():
        print(f"\naxonc, cycle level, {threads}: {rate / 1e9:.2f} G synaptic operations/s")
    print(f"built in {build_s:.3f} s, {held:.2f} bytes a synapse")
    peer = os.environ.get("AXONC_SANAFE_PYTHON")
    if not peer:
        pytest.skip("set AXONC_SANAFE_PYTHON to measure the peer in the same run")
    script = Path(__file__).with_name("sanafe_peer.py")
    done = subprocess.run([peer, script], capture_output=True, text=True, check=True, timeout=600)
    result = json.loads(done.stdout.splitlines()[-1])
    theirs = result["synaptic_operations"] / result["sim_s"]
    print(
        f"SANA-FE, detailed, 1 thread: {theirs / 1e6:.1f} M synaptic operations/s, built in "
        f"{result['build_s']:.1f} s; "
        + ", ".join(f"{threads}: {rate / theirs:.0f} times" for threads, rate in rates.items())
    )


def test_a_binary_resnet19() -> None:
    target = BinarySynapse("wide")
    graph = resnet19()
    weights = sum(n.weight.size for n in graph.nodes.values() if hasattr(n, "weight"))
    started = time.perf_counter()
    program = target.compile(graph)
    prepared(program)
    compile_s = time.perf_counter() - started
    spikes = np.random.default_rng(1).random((1, 4, 128, 32, 32)) < 0.2
    wall_s = best_wall_s(target, program, spikes, runs=2)
    run = target.run(program, spikes)
    used_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"\nResNet-19, {weights / 1e6:.1f} M synapses, T = 4: compiled in {compile_s:.1f} s, one "
        f"image in {wall_s:.2f} s, {run.synaptic_operations / 1e9:.2f} G synaptic operations, "
        f"{run.counters['flits'] / 1e6:.2f} M flits, {run.cycles.total / 1e6:.2f} M cycles, "
        f"{used_gb:.2f} GB"
    )
    assert compile_s < 60 and wall_s < 60 and used_gb < 4


def test_time_grows_with_synaptic_operations() -> None:
    """Time over operations, plotted; the slope where work outweighs the fixed cost of a run."""
    target = BinarySynapse("wide")
    points = []
    print()
    for size, steps in (
        (100, 2),
        (200, 25),
        (400, 64),
        (560, 102),
        (800, 160),
        (1130, 250),
        (1600, 400),
        (2260, 620),
        (3200, 1000),
        (4520, 1550),
        (6400, 2500),
    ):
        program = target.compile(perceptron([size, size]))
        spikes = np.random.default_rng(0).random((1, steps, size)) < 0.1
        operations = target.run(program, spikes).synaptic_operations
        inputs = {"input": spikes.astype(np.uint8)}
        taken = []
        for _ in range(2 if size > 3000 else 9):
            started = time.thread_time()  # of the one thread that works, whatever else runs here
            simulate_batch(program, inputs, spikes_of=list(program.reasons), workers=1)
            taken.append(time.thread_time() - started)
        points.append((operations, min(taken)))
        print(f"{operations:14,d} synaptic operations {1e3 * min(taken):10.3f} ms", flush=True)
    counts, seconds = np.array(points).T
    upper = counts >= counts[-1] / 1.2e4
    slope, at_one = np.polyfit(np.log10(counts[upper]), np.log10(seconds[upper]), 1)
    decades = np.log10(counts[-1] / counts[upper][0])
    said = f"slope {slope:.2f} over {decades:.1f} decades; fixed cost {1e3 * seconds[0]:.2f} ms"
    print(said)
    _plot(counts, seconds, 10 ** (at_one + slope * np.log10(counts)), said)
    assert 0.8 < slope < 1.1


def _plot(operations: np.ndarray, seconds: np.ndarray, fit: np.ndarray, said: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.loglog(operations, seconds, "o", label="measured: n-n networks, 10 % input, one thread")
    axes.loglog(operations, fit, "-", lw=1, label="fit")
    axes.set(xlabel="synaptic operations of a run", ylabel="seconds", title=said)
    axes.title.set_fontsize(9)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, dpi=120)
