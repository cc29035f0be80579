"""Trained networks on real data: the emulator equals Lava on every bin, states too.

AXONC_LAVA_SAMPLES=N runs N samples of each network on Lava; without it a few, as every test run
can afford. `AXONC_LAVA_SAMPLES=100 pytest tests/targets/loihi/test_trained_networks.py -s` is the
whole of what is recorded in the target's README (cnn_sinabs is kept to N / 20: 300 steps each).
"""

import os

import numpy as np
import pytest

from axonc import models
from axonc.models import zoo
from axonc.targets.loihi import Loihi, emulate, run_on_lava
from axonc.toolchain.driver import lower
from axonc.toolchain.frontend import DialectOptions, load_graph
from axonc.toolchain.ir import Reset
from axonc.toolchain.passes import IntegerWeights

SAMPLES = int(os.environ.get("AXONC_LAVA_SAMPLES", "0"))


def assert_lava_equals_the_emulator(program, spikes):
    network = program.network
    inputs = {next(iter(network.inputs)): spikes.astype(np.uint8)}
    names = [p.name for p in network.populations]
    lava, ours = run_on_lava(network, inputs, names), emulate(network, inputs, names)
    for name in names:
        np.testing.assert_array_equal(lava.spikes[name], ours.spikes[name])
        np.testing.assert_array_equal(lava.potentials[name], ours.potentials[name])
    bins = sum(raster.size for raster in lava.spikes.values())
    sent = sum(int(raster.sum()) for raster in lava.spikes.values())
    assert sent
    print(f"\nLava = emulator: {len(spikes)} samples, {bins:,} bins, {sent:,} spikes, potentials")


def classified(output, labels):
    return int(np.count_nonzero(output.sum(axis=1).argmax(axis=1) == labels))


def test_the_network_of_the_demo():
    pytest.importorskip("torch", reason="needs the extra `train`")
    config = models.TrainingConfig.from_toml(zoo.config_path("mnist5k-mlp"))
    images = models.dataset(config).test.images[: SAMPLES or 8]
    spikes = models.encode(config, images, "test")
    lowering = lower(load_graph(zoo.model_path("mnist5k-mlp")))
    assert_lava_equals_the_emulator(Loihi().compile(lowering.integer), spikes)


def test_the_network_of_event_camera_digits(shared):
    with np.load(shared / "data/nmnist1100_bin10.npz") as file:
        frames = np.unpackbits(file["test_frames"], axis=1)[:, : 10 * 2 * 34 * 34]
        frames, labels = frames.reshape(-1, 10, 2, 34, 34).astype(bool), file["test_label"]
    lowering = lower(load_graph(zoo.model_path("nmnist-conv")))
    program = Loihi().compile(lowering.integer)
    right = classified(next(iter(Loihi().run(program, frames).spikes.values())), labels)
    print(f"\nnmnist-conv on the emulator: {right} of {len(labels)}")
    assert right >= 95
    assert_lava_equals_the_emulator(program, frames[: SAMPLES or 2])


def test_the_network_of_the_nir_paper(shared):
    with np.load(shared / "data/nmnist1100_events.npz") as file:
        x, y, counts = file["test_x"], file["test_y"], file["test_n"]
        on, labels = np.unpackbits(file["test_p"])[: len(x)], file["test_label"]
        delta_us = file["test_dt"].astype(np.int64)
    frames = np.zeros((len(counts), 300, 2, 34, 34), bool)
    for sample, (start, count) in enumerate(zip(np.cumsum(counts) - counts, counts, strict=True)):
        part = slice(start, start + count)
        step = np.minimum(np.cumsum(delta_us[part]) // 1000, 299)
        frames[sample, step, on[part], y[part], x[part]] = True
    lowering = lower(
        load_graph(
            shared / "fixtures/nir/cnn_sinabs.nir", options=DialectOptions(reset=Reset.HARD)
        ),
        weights=IntegerWeights(8),
    )
    program = Loihi().compile(lowering.integer)
    run = Loihi().run(program, frames)
    right = classified(next(iter(run.spikes.values())), labels)
    rate = run.synaptic_operations / run.wall_s / 1e9
    print(f"\ncnn_sinabs on the emulator: {right} of {len(labels)}, {rate:.2f} G operations/s")
    assert right >= 97
    some = frames[: SAMPLES // 20] if SAMPLES else frames[:1, :80]
    assert_lava_equals_the_emulator(program, some)
