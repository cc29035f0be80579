"""Graphs and recordings that others made: the same spikes come out here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from axonc.toolchain.driver import lower
from axonc.toolchain.frontend import DialectOptions, load_graph
from axonc.toolchain.ir import Integrator, Reset
from axonc.toolchain.reference import execute


def lif_trace(shared: Path, producer: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (input, membrane potential, spikes) of a recording of lif_norse.nir, 1000 steps."""
    path = shared / f"fixtures/traces/lif_{producer}.csv"
    table = np.genfromtxt(path, delimiter=",")
    return table[:, 0], table[:, 1], table[:, 2].astype(bool)


def test_lif_under_euler_and_hard_reset_is_norses_own_trace(shared: Path) -> None:
    drive, voltage, spikes = lif_trace(shared, "norse")
    options = DialectOptions(dt=1e-4, integrator=Integrator.EULER, reset=Reset.HARD)
    graph = load_graph(shared / "fixtures/nir/lif_norse.nir", options=options)
    for stage in (graph, lower(graph).discrete):
        recording = execute(stage, drive.reshape(1, -1, 1), probes=["1"])
        assert np.array_equal(recording.output[0, :, 0], spikes)
        after_reset = np.where(spikes, 0, recording.potentials["1"][0, :, 0])
        # norse computed in float32: 2e-8 measured, the potentials are below 0.1
        assert np.abs(after_reset - voltage).max() < 1e-6


def test_a_pulsed_exponential_subtracting_reading_is_there_too(shared: Path) -> None:
    """rockpool and sinabs fire two of the four spikes ten steps earlier than norse."""
    drive, _, _ = lif_trace(shared, "norse")
    options = DialectOptions(dt=1e-4, integrator=Integrator.EXPONENTIAL_DELTA, reset=Reset.SUBTRACT)
    graph = load_graph(shared / "fixtures/nir/lif_norse.nir", options=options)
    output = execute(graph, drive.reshape(1, -1, 1)).output[0, :, 0]
    assert np.flatnonzero(output).tolist() == [450, 500, 710, 760]


@pytest.mark.parametrize(
    ("recording", "reset"), [("spyx", Reset.SUBTRACT), ("snntorch", Reset.SUBTRACT_HELD)]
)
def test_braille_reproduces_the_recorded_spikes(recording: str, reset: Reset, shared: Path) -> None:
    graph = load_graph(
        shared / "fixtures/nir/braille_subtract.nir", options=DialectOptions(dt=1e-4, reset=reset)
    )
    spikes = np.load(shared / "fixtures/traces/braille_input.npy")[None]
    hidden = next(name for name in graph.spiking if graph.shapes[name] == (40,))
    ours = execute(graph, spikes, probes=[hidden]).spikes[hidden][0]
    theirs = np.load(shared / f"fixtures/traces/braille_subtract_{recording}.npy")
    theirs = theirs.reshape(-1, 40).astype(bool)
    # Recorders differ in whether they store a step's spikes before or after it.
    shifts = [
        np.count_nonzero(np.roll(theirs, -s, axis=0)[: 256 - s] != ours[: 256 - s]) for s in (0, 1)
    ]
    assert min(shifts) == 0


@pytest.fixture(scope="module")
def nmnist(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    """100 N-MNIST test recordings as 1 ms frames: bool (100, 300, 2, 34, 34), and labels."""
    with np.load(shared / "data/nmnist1100_events.npz") as file:
        x, y, n = file["test_x"], file["test_y"], file["test_n"]
        on = np.unpackbits(file["test_p"])[: len(x)]
        dt, labels = file["test_dt"].astype(np.int64), file["test_label"]
    frames = np.zeros((len(n), 300, 2, 34, 34), bool)
    start = 0
    for sample, count in enumerate(n):
        part = slice(start, start + count)
        step = np.minimum(np.cumsum(dt[part]) // 1000, 299)
        frames[sample, step, on[part], y[part], x[part]] = True
        start += count
    return frames, labels


def classified(output: np.ndarray, labels: np.ndarray) -> int:
    return int(np.count_nonzero(output.sum(axis=1).argmax(axis=1) == labels))


def test_the_convolutional_network_classifies_event_camera_digits(
    shared: Path, nmnist: tuple[np.ndarray, np.ndarray]
) -> None:
    frames, labels = nmnist
    options = DialectOptions(reset=Reset.HARD)
    lowering = lower(load_graph(shared / "fixtures/nir/cnn_sinabs.nir", options=options))
    assert classified(execute(lowering.discrete, frames).output, labels) >= 98
    assert classified(execute(lowering.integer, frames).output, labels) >= 97
