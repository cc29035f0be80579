"""Run a network on the binary-synapse accelerator, then on a machine with other parameters.

Run: python examples/04_run_on_the_accelerator.py [MODEL.nir]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from small_network import random_spikes, write_small_network

from axonc.targets.binary_synapse import BinarySynapse, load_architecture
from axonc.toolchain.driver import lower
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.reference import execute
from axonc.toolchain.report import part_label


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[1] if len(sys.argv) > 1 else None
        graph = load_graph(given or write_small_network(Path(folder) / "small.nir"))
    integer = lower(graph).integer
    spikes = random_spikes(samples=5)
    expected = execute(integer, spikes).output

    edge = load_architecture("edge")
    for lanes in (16, 64):
        core = edge.core.model_copy(update={"synapse_lanes": lanes})
        machine = edge.model_copy(update={"core": core, "name": f"edge with {lanes} lanes"})
        target = BinarySynapse(machine)
        program = target.compile(integer)
        done = target.run(program, spikes)
        (output,) = done.spikes.values()
        equal = np.array_equal(output, expected)
        print(f"{machine.name}: {done.cycles.total // len(spikes)} cycles a sample, equal: {equal}")
        for part, cycles in target.cost(program, done).cycles.parts.items():
            print(f"  {part_label(part):18} {cycles:8.1f} cycles")


if __name__ == "__main__":
    main()
