"""The Loihi target: the emulator against Lava, the mapping of a VGG-11, energy beside SANA-FE's."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from axonc.targets.loihi import Loihi, LoihiProgram
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
    Shape,
    Stage,
    SumPool,
    Window,
)

RNG = np.random.default_rng(0)
SAME = ((1, 1), (1, 1))


def neuron(shape: Shape, threshold: int, multiplier: int = 15, shift: int = 4) -> IntegerNeuron:
    one = lambda x: np.array([x], np.int64)  # noqa: E731
    membrane = LeakyState(one(multiplier), shift, -(1 << 23) + 1, (1 << 23) - 1)
    return IntegerNeuron(shape, one(threshold), one(0), one(0), membrane)


def signs(*shape: int) -> np.ndarray:
    return (RNG.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def chain(shape: Shape, *nodes: Node) -> Graph:
    named: dict[str, Node] = {"in": Input(shape)}
    for node in nodes:
        named[f"{node.kind}{len(named)}"] = node
        shape = node.output_shape(shape)
    named["out"] = Output(shape)
    names = list(named)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.INTEGER, named, edges)


def perceptron(sizes: list[int], thresholds: list[int], **decay: int) -> Graph:
    nodes: list[Node] = []
    for inputs, outputs, threshold in zip(sizes, sizes[1:], thresholds, strict=False):
        nodes += [
            IntegerAffine(signs(outputs, inputs), BIPOLAR), neuron((outputs,), threshold, **decay)
        ]  # fmt: skip
    return chain((sizes[0],), *nodes)


def convolutional() -> Graph:
    return chain(
        (2, 34, 34),
        IntegerConv(signs(16, 2, 5, 5), BIPOLAR, Window((2, 2), SAME, (1, 1))),
        neuron((16, 16, 16), 4),
        IntegerConv(signs(32, 16, 3, 3), BIPOLAR, Window((2, 2), SAME, (1, 1))),
        neuron((32, 8, 8), 9),
        Flatten(),
        IntegerAffine(signs(10, 2048), BIPOLAR),
        neuron((10,), 40),
    )


@pytest.mark.parametrize(
    ("graph", "steps", "least_rate"),
    [
        (perceptron([784, 800, 10], [20, 20]), 1000, 1e9),
        (convolutional(), 300, 1e9),
    ],
    ids=["784-800-10", "convolutional"],
)
def test_the_emulator_against_lava(graph: Graph, steps: int, least_rate: float) -> None:
    target = Loihi()
    program = target.compile(graph)
    shape = next(iter(graph.inputs.values())).shape
    spikes = np.random.default_rng(0).random((1, steps, *shape)) < 0.1
    runs = [target.run(program, spikes) for _ in range(7)]
    wall_s = min(run.wall_s for run in runs)
    lava = target.run(program, spikes, engine="lava")
    np.testing.assert_array_equal(lava.spikes["out"], runs[0].spikes["out"])
    rate = runs[0].synaptic_operations / wall_s
    print(
        f"\nemulator {steps / wall_s:,.0f} steps/s ({rate / 1e9:.2f} G synaptic operations/s), "
        f"Lava {steps / lava.wall_s:,.0f} steps/s: {lava.wall_s / wall_s:.0f} times"
    )
    assert lava.wall_s / wall_s >= 100
    assert rate >= least_rate


def vgg11() -> Graph:
    nodes: list[Node] = []
    channels, size = 3, 32
    for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
        if width == 0:
            nodes.append(SumPool((2, 2), Window((2, 2), ((0, 0), (0, 0)), (1, 1))))
            size //= 2
            continue
        window = Window((1, 1), SAME, (1, 1))
        nodes.append(IntegerConv(signs(width, channels, 3, 3), BIPOLAR, window))
        nodes.append(neuron((width, size, size), 30))
        channels = width
    nodes += [Flatten(), IntegerAffine(signs(10, 512), BIPOLAR), neuron((10,), 20)]
    return chain((3, 32, 32), *nodes)


def test_a_vgg_11_is_mapped_in_half_a_minute() -> None:
    graph = vgg11()
    started = time.perf_counter()
    program = Loihi().compile(graph)
    placement = program.mapping.placement
    seconds = time.perf_counter() - started
    print(
        f"\nVGG-11: {program.mapping.core_count} cores on {placement.chips} chips in "
        f"{seconds:.1f} s; {placement.mean_hops:.2f} hops a message, "
        f"{placement.sequential_mean_hops:.2f} in sequential order"
    )
    assert seconds < 30


def test_energy_beside_sanafe_with_the_same_constants_and_mapping(tmp_path: Path) -> None:
    peer = os.environ.get("AXONC_SANAFE_PYTHON")
    if not peer:
        pytest.skip("set AXONC_SANAFE_PYTHON to run the peer in the same run")
    thresholds = [12, 9]
    target = Loihi()
    program = target.compile(perceptron([200, 150, 10], thresholds, multiplier=1, shift=0))
    spikes = np.random.default_rng(0).random((1, 100, 200)) < 0.1
    run = target.run(program, spikes)
    report = target.cost(program, run)
    fit, time = report.energy[1], report.time[1]
    job = {
        "spikes": spikes[0].T.astype(int).tolist(), "thresholds": thresholds,
        "weights": [weight.tolist() for weight in _weights(program)],
    }  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps(job))
    script = Path(__file__).with_name("sanafe_loihi_energy.py")
    done = subprocess.run(
        [peer, str(script), str(tmp_path / "job.json")], capture_output=True, text=True, check=True
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert fit.total_pj is not None
    ratio = fit.total_pj / (theirs["total"] * 1e12)
    print(f"\nenergy: {fit.total_pj / 1e6:.3f} uJ, SANA-FE {theirs['total'] * 1e6:.3f} uJ")
    assert time.inference_ns is not None
    ours_us, theirs_us = time.inference_ns / 1e3, theirs["time_s"] * 1e6
    print(f"time: {ours_us:.1f} us, SANA-FE {theirs_us:.1f} us ({time.steps} steps)")
    assert 0.5 < ours_us / theirs_us < 2  # SANA-FE lets a core receive and update side by side
    assert run.synaptic_operations == theirs["operations"]
    assert abs(ratio - 1) < 0.15  # SANA-FE also charges the axons of the input


def _weights(program: LoihiProgram) -> list[np.ndarray]:
    return [n.weight for n in program.graph.of_type(IntegerAffine).values()]
