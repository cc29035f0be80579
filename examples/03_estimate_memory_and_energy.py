"""Say what a network costs: memory from the graph alone, activity and energy from a run.

Run: python examples/03_estimate_memory_and_energy.py [MODEL.nir]
"""

import sys
import tempfile
from pathlib import Path

from small_network import random_spikes, write_small_network

from axonc.toolchain.driver import cost_of, lower
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.report import print_cost


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[1] if len(sys.argv) > 1 else None
        graph = load_graph(given or write_small_network(Path(folder) / "small.nir"))
    lowering = lower(graph)
    spikes = random_spikes(samples=20)

    for target in ("reference", "loihi", "binary_synapse"):
        report = cost_of(lowering, target, spikes)
        print(f"\n=== {target}: {report.memory_bits.total} bits of memory")
        for estimate in report.energy:
            total = estimate.total_pj
            told = "no total" if total is None else f"{total / 1e3:.2f} nJ an inference"
            print(f"{estimate.profile}: {told}")
    print_cost(report)  # the last one in full, with the source of every price


if __name__ == "__main__":
    main()
