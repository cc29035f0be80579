"""Networks trained in lava-dl do here what lava-dl recorded of them: its own files, in its package.

They come with lava-dl, so the tests need its environment: see test_netx.
"""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from axonc.targets.loihi import Loihi, environment, read_net
from axonc.targets.loihi.requirements import NETX
from axonc.toolchain.driver import lower_foreign, run

QUESTION = "import importlib.metadata as m; print(m.distribution('lava-dl').locate_file('tests'))"


@pytest.fixture(scope="module")
def recordings():
    if not environment.status(NETX)["installed"]:
        pytest.skip("needs lava-dl: axonc doctor --install netx (5.6 GB), or AXONC_NETX_PYTHON")
    python = environment.engine_python(NETX)
    done = subprocess.run([python, "-c", QUESTION], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()) / "lava/lib/dl/netx"


def image(array):
    """Turn (width, height, channels, time) or (neurons, time) as lava-dl has it into ours."""
    return array.transpose(*reversed(range(array.ndim)))


def test_tiny_net_encoder_and_output(recordings):
    gts = recordings / "gts/tinynet"
    lowering = lower_foreign(read_net(recordings / "tiny.net"))
    front, bias = lowering.split.front, np.load(gts / "input_bias.npy").astype(np.int64)
    encoder = replace(front.nodes["encoder"], bias=image(bias) << 6)
    split = replace(lowering.split, front=front.with_nodes({"encoder": encoder}))
    lowering, numbers = replace(lowering, split=split), np.zeros((1, 16, 3, 16, 16), int)
    done = run(lowering, numbers, target="loihi", probes=["encoder", "neuron1"]).run
    on_lava = run(lowering, numbers, target="loihi", engine="lava", probes=["neuron1"]).run
    assert on_lava.counters["bins_unlike_the_emulator"] == 0
    for name, file in (("encoder", "input"), ("neuron1", "layer1"), ("output", "output")):
        recorded = np.moveaxis(np.load(gts / f"{file}.npy"), -1, 1).astype(bool)
        shift = 1  # lava-dl's training shows a spike one step late
        np.testing.assert_array_equal(done.spikes[name][:, :-shift], recorded[:, shift:])
        assert recorded.any()


def test_a_speech_network_with_trained_delays(recordings, tmp_path):
    """N-TIDIGITS, 64-256-256-242, delays of 0 to 62 steps: 22,572 spikes in 3000 steps."""
    gts = recordings / "gts/ntidigits"
    shutil.copyfile(gts / "ntidigits.net", tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net", "a") as file:
        del file["layer/5"]  # averages, which netx does not run either
    spikes = np.load(gts / "input.npy").T.astype(bool).reshape(1, -1, 1, 1, 64)
    done = run(lower_foreign(read_net(tmp_path / "a.net")), spikes, target="loihi").run
    recorded = np.load(gts / "output.npy").T.astype(bool)
    shift = 4  # one step a layer and one at the input, as lava-dl counts
    np.testing.assert_array_equal(done.spikes["output"][0, :-shift], recorded[shift:])
    assert recorded[shift:].sum() == 22572


def test_pilotnet_layer_by_layer(recordings):
    """Five convolutions and three dense layers: spikes, and potentials where none is sent."""
    gts = recordings / "gts/pilotnet_lif"
    target, network = Loihi(), read_net(gts / "network.net")
    program = target.compile(lower_foreign(network).integer)
    names = [p.name for p in program.network.populations]
    done = target.run(program, image(np.load(gts / "input.npy"))[None], probes=names)
    files = [f"conv-{i}" for i in range(5)] + [f"fc-{i}" for i in range(3)]
    for shift, (name, file) in enumerate(zip(names, files, strict=False), start=1):
        until = 15  # it was recorded with samples of 16 steps, so from there on states differ
        spikes = image(np.load(gts / f"{file}.npy"))[shift:until]
        potentials = image(np.load(gts / f"{file}-v.npy"))[shift:until]
        ours = done.spikes[name][0, : until - shift]
        np.testing.assert_array_equal(ours, spikes)
        np.testing.assert_array_equal(
            done.potentials[name][0, : until - shift][~ours], potentials[~ours]
        )
        assert ours.any()
