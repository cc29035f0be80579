"""Run a network on Loihi's emulator and on Intel's Lava, and compare them bin by bin.

The first run makes an environment for Lava, which takes a minute; `axonc doctor --install lava`
does it ahead. Run: python examples/02_simulate_on_lava.py [MODEL.nir]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from small_network import random_spikes, write_small_network

from axonc.toolchain.driver import lower, run
from axonc.toolchain.frontend import load_graph


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[1] if len(sys.argv) > 1 else None
        graph = load_graph(given or write_small_network(Path(folder) / "small.nir"))
    lowering = lower(graph)
    spikes = random_spikes(samples=3)
    probes = list(graph.spiking)

    emulator = run(lowering, spikes, target="loihi", engine="emulator", probes=probes)
    lava = run(lowering, spikes, target="loihi", engine="lava", probes=probes)
    for name in probes:
        one, other = emulator.run.spikes[name], lava.run.spikes[name]
        print(f"{name}: {one.sum()} spikes, {np.count_nonzero(one != other)} bins differ")
        u, v = emulator.run.potentials[name], lava.run.potentials[name]
        print(f"{name}: {np.count_nonzero(u != v)} of {u.size} membrane potentials differ")
    print(f"latency of the chip: {emulator.run.latency_steps} steps, removed from the rasters")
    print(f"emulator {emulator.run.wall_s * 1e3:.1f} ms, Lava {lava.run.wall_s * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
