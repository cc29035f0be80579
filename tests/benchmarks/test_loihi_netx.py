"""lava-dl's own netx runs the .net files that axonc writes: the same spikes in every bin.

Needs an environment of 5.6 GB: Python 3.10, `pip install lava-nc==0.10.0 lava-dl==0.6.0`, its
interpreter named in AXONC_NETX_PYTHON.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from axonc.targets.loihi import Loihi, write_net
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
    Window,
)

PEER = os.environ.get("AXONC_NETX_PYTHON", "")


def neuron(rng: np.random.Generator, shape: Shape, top: int) -> IntegerNeuron:
    """Leaky neurons with a threshold and a bias of each channel's own."""
    channels = (shape[0],) + (1,) * (len(shape) - 1)
    membrane = LeakyState(np.array([7]), 3, -(1 << 20), (1 << 20) - 1)
    return IntegerNeuron(
        shape, rng.integers(1, top, channels), rng.integers(-1, 2, channels),
        np.zeros(1, np.int64), membrane,
    )  # fmt: skip


def chain(shape: Shape, *nodes: Node) -> Graph:
    named: dict[str, Node] = {"in": Input(shape)}
    for node in nodes:
        named[f"{node.kind}{len(named)}"] = node
        shape = node.output_shape(shape)
    named["out"] = Output(shape)
    names = list(named)
    edges = tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False))
    return Graph(Stage.INTEGER, named, edges)


def signs(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def dense() -> Graph:
    rng = np.random.default_rng(0)
    return chain(
        (60,),
        IntegerAffine(signs(rng, 40, 60), BIPOLAR), neuron(rng, (40,), 8),
        IntegerAffine(signs(rng, 10, 40), BIPOLAR), neuron(rng, (10,), 5),
    )  # fmt: skip


def convolutional() -> Graph:
    rng = np.random.default_rng(1)
    return chain(
        (2, 9, 8),
        IntegerConv(signs(rng, 4, 2, 3, 3), BIPOLAR, Window((2, 1), ((1, 1), (1, 1)), (1, 1))),
        neuron(rng, (4, 5, 8), 4),
        IntegerConv(signs(rng, 6, 4, 3, 3), BIPOLAR, Window((1, 1), ((1, 0), (0, 1)), (1, 1))),
        neuron(rng, (6, 4, 7), 5),
        Flatten(),
        IntegerAffine(signs(rng, 10, 168), BIPOLAR), neuron(rng, (10,), 6),
    )  # fmt: skip


@pytest.mark.skipif(not PEER, reason="set AXONC_NETX_PYTHON to run lava-dl's netx")
@pytest.mark.parametrize("graph", [dense(), convolutional()], ids=["dense", "convolutional"])
def test_netx_runs_what_axonc_writes(graph: Graph, tmp_path: Path) -> None:
    target = Loihi()
    program = target.compile(graph)
    write_net(program, tmp_path / "network.net")
    shape = next(iter(graph.inputs.values())).shape
    spikes = np.random.default_rng(2).random((1, 60, *shape)) < 0.4
    ours = target.run(program, spikes).spikes["out"][0]
    np.save(tmp_path / "in.npy", spikes[0].transpose(0, *reversed(range(1, len(shape) + 1))))
    script = Path(__file__).with_name("netx_peer.py")
    files = [str(tmp_path / name) for name in ("network.net", "in.npy", "out.npy")]
    subprocess.run([PEER, str(script), *files], check=True, timeout=300, cwd=tmp_path)
    theirs = np.load(tmp_path / "out.npy")[program.latency_steps :][: len(ours)]
    print(f"\nnetx: {int(theirs.sum())} spikes in {theirs.size} bins")
    np.testing.assert_array_equal(theirs.reshape(ours.shape), ours)
    assert ours.any()
