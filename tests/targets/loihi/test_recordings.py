"""What others recorded on Lava comes out of the emulator."""

import numpy as np

from axonc.targets.loihi import Network, Population, Sign, SynapseGroup, emulate


def test_a_recording_of_lava_by_the_nir_paper_is_reproduced(shared):
    """Source: NIR paper, task 01_lif, lava-dl's fixed-point LIF on the processor."""
    path = shared / "fixtures/traces/lif_lava_cpu_fixed.csv"
    drive, potential, spikes = np.genfromtxt(path, delimiter=",").T
    one = lambda x: np.array([x], np.int64)  # noqa: E731
    weight = np.array([[10]], np.int32)
    network = Network(
        {"in": (1,)},
        (Population("p", (1,), one(4095), one(163), one(25), one(0), one(0), 1),),
        (SynapseGroup("s", "in", "p", weight, 8, Sign.EXCITATORY, 0, one(0), ("s",)),),
        {"out": "p"},
    )
    emulation = emulate(network, {"in": drive.astype(np.uint8).reshape(1, -1, 1)}, ["p"])
    # The recording shows the chip's own step, one later, and the potential after the reset.
    fired = emulation.spikes["p"][0, :-1, 0]
    np.testing.assert_array_equal(fired, spikes[1:].astype(bool))
    after_reset = np.where(fired, 0, emulation.potentials["p"][0, :-1, 0])
    np.testing.assert_array_equal(after_reset, potential[1:])
