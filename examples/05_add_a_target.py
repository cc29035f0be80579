"""Add a target: a chip with ternary synapses and membranes of 16 bits at most.

A package makes its target known by an entry point, and `axonc run --target tern16` finds it:

    [project.entry-points."axonc.targets"]
    tern16 = "mypackage.tern16:Tern16"

Run: python examples/05_add_a_target.py [MODEL.nir]
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from small_network import random_spikes, write_small_network

from axonc.targets import NodeVerdict, Program, Run, Target, Verdict
from axonc.toolchain.cost import CostReport, integer_memory
from axonc.toolchain.driver import lower
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.ir import IntegerAffine, IntegerNeuron
from axonc.toolchain.passes import FixedPoint
from axonc.toolchain.reference import execute


@dataclass(frozen=True)
class Tern16(Target):
    name, engines = "tern16", ("model",)

    def check(self, graph):
        return tuple(self.verdict(name, node) for name, node in graph.nodes.items())

    def verdict(self, name, node):
        reason = ""
        if isinstance(node, IntegerAffine) and node.weight_type.bits > 2:
            reason = f"synapses have {node.weight_type.bits} bits, 2 at most; train them binary"
        if isinstance(node, IntegerNeuron) and node.membrane.bits > 16:
            reason = f"membranes need {node.membrane.bits} bits, 16 at most; use --fraction-bits"
        verdict = Verdict.UNSUPPORTED if reason else Verdict.EXACT
        return NodeVerdict(name, node.kind, verdict, reason)

    def compile(self, graph):
        self.require_lowerable(graph)  # raises LoweringError with every reason at once
        return Program(graph, latency_steps=0)

    def run(self, program, spikes, *, engine=None, probes=()):
        self.chosen_engine(engine)
        start = time.perf_counter()
        recording = execute(program.graph, spikes, probes=probes)  # your simulator goes here
        rasters = {**recording.outputs, **recording.spikes}
        return Run(rasters, 0, time.perf_counter() - start, synaptic_operations=0)

    def cost(self, program, run=None):
        return CostReport(self.name, integer_memory(program.graph))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[1] if len(sys.argv) > 1 else None
        graph = load_graph(given or write_small_network(Path(folder) / "small.nir"))
    chip = Tern16()
    for fraction_bits in (12, 4):
        integer = lower(graph, fixed_point=FixedPoint(fraction_bits)).integer
        try:
            program = chip.compile(integer)
        except LoweringError as error:
            print(f"with {fraction_bits} fraction bits: {error}")
            continue
        done = chip.run(program, random_spikes(samples=4))
        (output,) = done.spikes.values()
        bits = chip.cost(program).memory_bits.total
        print(f"with {fraction_bits} fraction bits: {output.sum()} spikes, {bits} bits of memory")


if __name__ == "__main__":
    main()
