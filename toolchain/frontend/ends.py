"""Inputs and outputs that a file leaves out, added as the package nir adds them, with a note.

A node without edges is not part of the network and is left out.
"""

from __future__ import annotations

import numpy as np

from .. import ir
from .faults import described
from .flatten_subgraphs import FlatGraph
from .nir_nodes import Parsed
from .raw import RawNode
from .shapes import wanted_shape


def add_missing_ends(graph: FlatGraph, parsed: dict[str, Parsed]) -> list[str]:
    """Feed each node that nothing feeds by an Input, lead each dead end to an Output.

    A node that cannot tell the shape of its input gets none; shape inference refuses it.
    Returns the notes.
    """
    sources, targets = graph.sources, graph.targets
    notes = _without_loose_nodes(graph, parsed)
    for name in list(graph.nodes):
        kind = graph.nodes[name].kind
        shape = wanted_shape(parsed[name])
        if not sources[name] and kind not in ("Input", "Output") and shape is not None:
            added = ir.fresh_name(f"input_{name}", graph.nodes)
            graph.nodes[added] = RawNode("Input", {"shape": np.array(shape)})
            parsed[added] = Parsed(ir.Input(shape))
            graph.edges.append((added, name))
            notes.append(
                f"{described(name, kind)} is fed by nothing: an Input {added!r} was added."
            )
        if not targets[name] and kind not in ("Input", "Output"):
            added = ir.fresh_name(f"output_{name}", graph.nodes)
            graph.nodes[added] = RawNode("Output")
            parsed[added] = Parsed(ir.Output(()))
            graph.edges.append((name, added))
            notes.append(f"{described(name, kind)} feeds nothing: an Output {added!r} was added.")
    return notes


def _without_loose_nodes(graph: FlatGraph, parsed: dict[str, Parsed]) -> list[str]:
    touched = {name for edge in graph.edges for name in edge}
    loose = [name for name in graph.nodes if name not in touched] if touched else []
    notes = []
    for name in loose:
        notes.append(f"{described(name, graph.nodes[name].kind)} has no edges: it was left out.")
        del graph.nodes[name], parsed[name]
    return notes
