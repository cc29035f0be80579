"""Renaming the nodes of a NIR file, which keeps no order of its own, changes no number."""

from __future__ import annotations

from pathlib import Path
from random import Random

import nir
import numpy as np
import pytest

from axonc.toolchain.driver import lower, run
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.ir import Graph

NAMES = "input|barrier|a.b|x y|NODE (back)|pool.scale|read_bits|\u03b2|membranes|10|2|zz"


def _branches(seed: int) -> tuple[dict[str, nir.NIRNode], list[tuple[str, str]]]:
    """Return two or three branches of one layer each, the last with a loop, summed and read out."""
    rng = np.random.default_rng(seed)

    def neurons(size: int) -> nir.LIF:
        ones = np.ones(size, np.float32)
        return nir.LIF(
            tau=ones * np.float32(2e-3),
            r=ones,
            v_leak=0 * ones,
            v_threshold=ones * np.float32(0.7),
            v_reset=0 * ones,
        )

    def linear(outputs: int, inputs: int) -> nir.Linear:
        return nir.Linear(rng.choice([-1.0, 1.0], (outputs, inputs)).astype(np.float32))

    nodes: dict[str, nir.NIRNode] = {"first": nir.Input({"input": np.array([30])})}
    edges = []
    for branch in range(int(rng.integers(2, 4))):
        size = int(rng.integers(5, 200))
        into, lif, out = f"into{branch}", f"lif{branch}", f"out{branch}"
        nodes |= {into: linear(size, 30), lif: neurons(size), out: linear(10, size)}
        edges += [("first", into), (into, lif), (lif, out), (out, "sum")]
    nodes |= {"back": linear(size, 10), "sum": neurons(10)}
    nodes["last"] = nir.Output({"output": np.array([10])})
    return nodes, [*edges, ("sum", "back"), ("back", lif), ("sum", "last")]


def _loaded(folder: Path, seed: int, names: dict[str, str]) -> Graph:
    nodes, edges = _branches(seed)
    renamed = {names.get(name, name): node for name, node in nodes.items()}
    ends = [(names.get(a, a), names.get(b, b)) for a, b in edges]
    nir.write(folder / "model.nir", nir.NIRGraph(renamed, ends))
    return load_graph(folder / "model.nir")


@pytest.mark.parametrize("seed", range(8))
def test_renaming_the_nodes_of_a_file_changes_no_number(seed: int, tmp_path: Path) -> None:
    nodes, _ = _branches(seed)
    names = Random(seed).sample(NAMES.split("|"), min(len(nodes), 12))
    new = dict(zip(Random(seed).sample(list(nodes), len(names)), names, strict=True))
    plain, renamed = _loaded(tmp_path, seed, {}), _loaded(tmp_path, seed, new)
    assert [new.get(name, name) for name in plain.nodes] == list(renamed.nodes)
    edges = [edge._replace(source=new.get(edge.source, edge.source)) for edge in plain.edges]
    edges = [edge._replace(target=new.get(edge.target, edge.target)) for edge in edges]
    assert set(edges) == set(renamed.edges)  # with the same delays
    spikes = np.random.default_rng(seed).random((2, 6, 30)) < 0.3
    one, other = (run(lower(g), spikes, target="binary_synapse").run for g in (plain, renamed))
    assert one.cycles is not None and other.cycles is not None
    assert [n for _, n in one.cycles.parts()] == [n for _, n in other.cycles.parts()]
    assert one.counters == other.counters
