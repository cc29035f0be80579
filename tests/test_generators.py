"""What random graphs reach: every node and every option that a property test is meant to meet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from binary_synapse_networks import convolutional_networks as binary_convolutions
from binary_synapse_networks import dense_networks as binary_dense
from graph_strategies import convolutional_networks, dense_networks
from hypothesis import Phase, given, settings
from hypothesis.strategies import SearchStrategy

from axonc.toolchain.ir import (
    LEGAL_NODES,
    Affine,
    Conv,
    Delay,
    Graph,
    Input,
    IntegerNeuron,
    Integrator,
    Overflow,
    Reset,
    Rounding,
    Scale,
    Stage,
)


def reached(strategy: SearchStrategy[Graph], traits: Callable[[Graph], set[str]]) -> set[str]:
    """Return the traits of 300 graphs, the same ones in every run."""
    found: set[str] = set()

    @settings(
        max_examples=300, derandomize=True, database=None, deadline=None, phases=[Phase.generate]
    )
    @given(graph=strategy)
    def collect(graph: Graph) -> None:
        found.update(traits(graph))

    collect()
    return found


def imported_traits(graph: Graph) -> set[str]:
    dialect = graph.dialect
    assert dialect is not None
    found = {node.kind for node in graph.nodes.values()}
    found |= {f"integrator {dialect.integrator}", f"reset {dialect.reset}"}
    found |= {f"{len(graph.inputs)} inputs"} | {f"edge of {e.delay} steps" for e in graph.edges}
    for node in graph.nodes.values():
        match node:
            case Affine() | Conv():
                weight = node.weight
                found.add(f"weights of kind {weight.dtype.kind}")
                found.add(f"bias {node.bias is not None}")
                if set(np.unique(weight)) == {-1, 0, 1}:
                    found.add("ternary weights")
                if weight.size > 1 and len(np.unique(np.abs(weight))) == 1:
                    found.add("signs of one magnitude")
                if np.abs(weight).max() > 1 and weight.dtype.kind == "i":
                    found.add("integers above 1")
            case Scale():
                found.add("negative gain" if np.any(node.scale < 0) else "positive gains")
            case Delay():
                found.add("delays that differ" if np.ptp(node.delay) else "one delay")
        if isinstance(node, Conv):
            found |= {f"groups {node.groups}", f"stride {max(node.window.stride)}"}
            found.add(f"dilation {max(node.window.dilation)}")
            found.add(f"padding {np.max(node.window.padding)}")
    return found


def integer_traits(graph: Graph) -> set[str]:
    found = {node.kind for node in graph.nodes.values()}
    found |= {f"{len(graph.of_type(Input))} inputs"}
    found |= {f"edge of {e.delay} steps" for e in graph.edges}
    for node in graph.of_type(IntegerNeuron).values():
        found |= {f"reset {node.reset}", f"current {node.current is not None}"}
        found |= {f"rounding {node.membrane.rounding}", f"overflow {node.membrane.overflow}"}
        found.add(f"fraction {node.fraction_bits}")
        found.add(f"bias {bool(node.bias.any())}")
        found.add(f"thresholds that differ {node.threshold.size > 1}")
    return found


def test_imported_graphs_reach_every_option() -> None:
    found = reached(dense_networks() | convolutional_networks(), imported_traits)
    kinds = {"Input", "Output", "Affine", "Conv", "Scale", "LIF", "IF", "CubaLIF", "Delay"}
    kinds |= {"SumPool", "AvgPool", "Flatten"}
    options = {f"integrator {integrator}" for integrator in Integrator}
    options |= {f"reset {reset}" for reset in (Reset.HARD, Reset.SUBTRACT)}
    options |= {"weights of kind i", "weights of kind f", "ternary weights", "integers above 1"}
    options |= {"signs of one magnitude", "bias True", "bias False", "edge of 1 steps"}
    options |= {"negative gain", "positive gains", "delays that differ", "one delay"}
    options |= {"groups 1", "groups 2", "stride 1", "stride 2", "dilation 1", "dilation 2"}
    options |= {"padding 0", "padding 1"}
    assert kinds | options <= found, sorted((kinds | options) - found)
    legal = {kind.kind for kind in LEGAL_NODES[Stage.IMPORTED]}
    never = {"CubaLI", "LI", "I"}  # send real numbers: no integer form
    assert legal - never <= found, sorted(legal - never - found)


def test_integer_graphs_reach_every_option() -> None:
    found = reached(binary_dense() | binary_convolutions(), integer_traits)
    wanted = {kind.kind for kind in LEGAL_NODES[Stage.INTEGER]}
    wanted |= {f"reset {reset}" for reset in (Reset.HARD, Reset.SUBTRACT)}
    wanted |= {f"rounding {rounding}" for rounding in Rounding}
    wanted |= {f"overflow {overflow}" for overflow in Overflow}
    wanted |= {f"current {has}" for has in (True, False)} | {f"bias {has}" for has in (True, False)}
    wanted |= {f"fraction {bits}" for bits in range(3)} | {"1 inputs", "2 inputs"}
    wanted |= {f"edge of {steps} steps" for steps in range(4)}
    wanted |= {f"thresholds that differ {differ}" for differ in (True, False)}
    assert wanted <= found, sorted(wanted - found)
