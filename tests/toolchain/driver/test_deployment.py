"""A deployment: program, runs and costs of one lowering on one target object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from graph_strategies import spike_trains

from axonc.targets import NodeVerdict, Program, Run, Target, Verdict
from axonc.toolchain.cost import CostReport, integer_memory
from axonc.toolchain.driver import deploy, lower, run
from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import IF, Affine, Dialect, Edge, Graph, Input, Output, Stage
from axonc.toolchain.reference import execute


@dataclass(frozen=True)
class Late(Target):
    """The reference, some steps late."""

    name, engines = "late", ("only",)
    latency_steps: int = 0
    table: np.ndarray | None = None  # an option that no text tells apart

    def check(self, graph):
        return tuple(NodeVerdict(n, node.kind, Verdict.EXACT) for n, node in graph.nodes.items())

    def compile(self, graph):
        return Program(graph, self.latency_steps)

    def run(self, program, spikes, *, engine=None, probes=()):
        done = execute(program.graph, spikes, probes=probes)
        rasters = {**done.outputs, **done.spikes}
        return Run(rasters, program.latency_steps, 0.0, synaptic_operations=0)

    def cost(self, program, run=None):
        return CostReport(self.name, integer_memory(program.graph))


class Loose(Late):
    """A target that forgot the decorator."""

    name = "loose"


def network() -> Graph:
    one = np.ones((3,), np.float32)
    nodes = {
        "input": Input((4,)),
        "fc": Affine(np.ones((3, 4), np.int8)),
        "if": IF((3,), one, 2 * one, 0 * one),
        "output": Output((3,)),
    }
    edges = (Edge("input", "fc"), Edge("fc", "if"), Edge("if", "output"))
    return Graph(Stage.IMPORTED, nodes, edges, Dialect(1e-3))


def test_targets_of_one_class_get_programs_of_their_own() -> None:
    lowering, spikes = lower(network()), spike_trains(network())
    latencies = [run(lowering, spikes, target=Late(steps)).run.latency_steps for steps in range(5)]
    assert latencies == [0, 1, 2, 3, 4]


def test_a_program_is_compiled_once_a_deployment() -> None:
    lowering = lower(network())
    one, other = deploy(lowering, Late(1)), deploy(lowering, Late(1, np.zeros(2000)))
    assert one.program is one.program
    assert one.program is not other.program
    done = run(lowering, spike_trains(network()), target=one)
    assert done.deployment is one
    assert done.target == "late"
    assert one.cost(done.run).memory_bits == one.cost().memory_bits


def test_a_target_that_can_change_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        deploy(lower(network()), Loose())
    assert str(caught.value) == (
        "target 'loose': got class Loose, which is not a frozen dataclass, expected a class under "
        "@dataclass(frozen=True), so that its options never change. "
        "Write @dataclass(frozen=True) above the class."
    )
