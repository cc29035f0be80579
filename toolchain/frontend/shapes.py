"""Infer shapes from the inputs along the edges; those that a file claims are only compared.

NIR's shapes have no batch axis, yet many files carry one; parameters of a population may be single
numbers; Flatten counts its axes with or without the batch. Each node is fitted to what it is fed,
the file's claims are compared with the result, and every repair is a note.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import fields, replace
from math import prod

import numpy as np

from .. import ir
from ..errors import InputError
from ..ir import Node, Shape, ShapeError
from ..ir.node import broadcasts_to
from .faults import described
from .flatten_subgraphs import FlatGraph, declared_shape
from .nir_nodes import Parsed


class ShapeInference:
    """Fits the parsed nodes of a graph to one another; `nodes` is the result.

    faults, notes: what does not fit, and what was repaired.
    """

    def __init__(
        self, graph: FlatGraph, parsed: Mapping[str, Parsed], order: list[str], most_elements: int
    ) -> None:
        self.graph, self.parsed, self.most_elements = graph, dict(parsed), most_elements
        self.targets, self.sources = graph.targets, graph.sources
        self.nodes: dict[str, Node] = {}
        self.faults: list[InputError] = []
        self.notes: list[str] = []
        self._inputs: dict[str, Shape] = {}
        self._outputs: dict[str, Shape | None] = {}
        self._order = order
        self._with_batch: dict[str, None] = {}
        self._drop_batch_axes()
        self._walk()
        self._compare()
        if self._with_batch:
            names = ", ".join(map(repr, self._with_batch))
            self.notes.append(f"A leading axis was dropped from the parameters of {names}.")

    # -- the walk ------------------------------------------------------------------------------

    def _walk(self) -> None:
        """Fit nodes in order; where nothing feeds a loop, begin at a node that knows its shape."""
        rank = {name: position for position, name in enumerate(self._order)}
        ready = [rank[n] for n in self._order if isinstance(self.parsed[n].node, ir.Input)]
        unfed = [name for name in self._order if wanted_shape(self.parsed[name]) is not None]
        while ready or unfed:
            if ready:
                name = self._order[heapq.heappop(ready)]
            else:
                name = unfed.pop(0)
            if name in self._outputs:
                continue
            shape = next(
                (s for n in self.sources[name] if (s := self._outputs.get(n)) is not None),
                wanted_shape(self.parsed[name]),
            )
            if shape is None and not isinstance(self.parsed[name].node, ir.Input):
                continue
            self._outputs[name] = self._fitted(name, shape)
            if self._outputs[name] is not None:
                for target in self.targets[name]:
                    heapq.heappush(ready, rank[target])

    def _fitted(self, name: str, shape: Shape | None) -> Shape | None:
        """Fit one node to an input shape and return its output shape, None where it is unknown."""
        parsed = self.parsed[name]
        if shape is not None:
            self._inputs[name] = shape
        try:
            node = self._fit(name, parsed, shape)
            self.nodes[name] = node
            output = node.output_shape(None if isinstance(node, ir.Input) else shape)
        except InputError as fault:
            self.faults.append(fault)
            return _output_of_misfit(parsed.node)
        except ShapeError as error:
            self.faults.append(
                InputError(
                    self._what(name),
                    got=f"an input of shape {shape}",
                    expected=f"another: it {error}",
                    remedy="mend the node or what feeds it",
                )
            )
            return None
        if prod(output) > self.most_elements:
            self.faults.append(
                InputError(
                    self._what(name),
                    got=f"a signal of shape {output}",
                    expected=f"at most {self.most_elements} elements",
                    remedy="raise the limit: load_graph(..., limits=Limits(elements=...))",
                )
            )
            return None
        return output

    def _fit(self, name: str, parsed: Parsed, shape: Shape | None) -> Node:
        node = parsed.node
        if isinstance(node, ir.Input) or shape is None:
            return node
        if isinstance(node, ir.Output):
            return ir.Output(shape)
        if isinstance(node, ir.Flatten):
            return self._fit_flatten(name, node, parsed.declared, shape)
        if isinstance(node, ir.Affine):
            self._require_columns(name, node, shape)
            return node
        if isinstance(node, ir.ContinuousNeuron | ir.Scale | ir.Delay):
            return self._fit_parameters(name, node, shape)
        if parsed.declared is not None and parsed.declared != shape:
            raise InputError(
                self._what(name),
                got=f"an input of shape {shape}",
                expected=f"{parsed.declared}, as its own input_shape and weights say",
                remedy="export the graph again with the right input_shape, or without",
            )
        return node

    def _require_columns(self, name: str, node: ir.Affine, shape: Shape) -> None:
        rows, columns = node.weight.shape
        if shape == (columns,):
            return
        if shape == (rows,):
            raise InputError(
                self._what(name),
                got=f"a weight of shape {node.weight.shape} fed {rows} inputs",
                expected=f"(outputs, {rows}); the transpose would fit",
                remedy="transpose all linear weights (square ones too) before exporting: NIR's are"
                " (outputs, inputs)",
            )
        remedy = "mend the weight or what feeds it"
        if prod(shape) == columns:
            remedy = "put a Flatten node before it"
        raise InputError(
            self._what(name),
            got=f"a weight of shape {node.weight.shape} fed a signal of {shape}",
            expected=f"an input of shape ({columns},)",
            remedy=remedy,
        )

    # -- parameters of populations --------------------------------------------------------------

    def _fit_parameters(self, name: str, node: Node, shape: Shape) -> Node:
        """Bring every parameter to a form that broadcasts to `shape` in one way only."""
        fitted: dict[str, object] = {"shape": shape} if hasattr(node, "shape") else {}
        for field in fields(node):
            value = getattr(node, field.name)
            if isinstance(value, np.ndarray):
                fitted[field.name] = self._fit_parameter(name, field.name, value, shape)
        return replace(node, **fitted)

    def _fit_parameter(self, name: str, field: str, value: np.ndarray, shape: Shape) -> np.ndarray:
        extra = value.ndim - len(shape)
        if value.size == 1:
            return value if extra <= 0 else value.reshape((1,) * len(shape))
        first = value[(0,) * extra] if extra > 0 else value
        if extra > 0 and np.array_equal(value, np.broadcast_to(first, value.shape)):
            value = first.copy()
            self._with_batch[name] = None
        # (8,) would broadcast to (8, 8, 8) along the last axis, and mean the first
        if value.ndim != len(shape) or not broadcasts_to(value, shape):
            raise InputError(
                f"{self._what(name)}, {field}",
                got=f"shape {value.shape} for a signal of {shape}",
                expected="one number, or one a neuron",
                remedy="mend the parameter or what feeds the node; one a channel is written"
                " (channels, 1, 1)",
            )
        return value

    # -- flatten -------------------------------------------------------------------------------

    def _fit_flatten(
        self, name: str, node: ir.Flatten, declared: Shape | None, shape: Shape
    ) -> Node:
        """Choose whether the axes count from the batch, by what fits the nodes that follow."""
        shifted = ir.Flatten(
            node.first - 1 if node.first > 0 else node.first,
            node.last - 1 if node.last > 0 else node.last,
        )
        readings = (
            [node, shifted] if declared is None or len(declared) == len(shape) else [shifted, node]
        )
        possible = [r for r in readings if _flattened_shape(r, shape) is not None]
        if not possible:
            raise InputError(
                self._what(name),
                got=f"axes {node.first} to {node.last} of a signal of {shape}",
                expected="axes that exist, the first not after the last",
                remedy="count them without batch and time: start_dim=0, end_dim=-1 flattens all",
            )
        wanted = [w for t in self.targets[name] if (w := wanted_shape(self.parsed[t])) is not None]
        wanted += [w[1:] for w in wanted if w[0] == 1]
        chosen = next((r for r in possible if _flattened_shape(r, shape) in wanted), possible[0])
        if chosen is shifted and shifted != node:
            self.notes.append(
                f"{self._what(name)}: its axes {node.first} to {node.last} were read as counted"
                " with a batch axis, which is what fits."
            )
        return chosen

    # -- batch axes ----------------------------------------------------------------------------

    def _drop_batch_axes(self) -> None:
        """Drop an Input's leading axis where the first connection behind it has one fewer.

        Drop two, of batch and time, where it has two fewer and takes the rest (rockpool).
        """
        for name, parsed in self.parsed.items():
            shape = parsed.node.shape if isinstance(parsed.node, ir.Input) else ()
            behind = self._first_with_rank(name) if len(shape) > 1 else None
            extra = 0 if behind is None else len(shape) - _rank_of(behind)
            if extra == 1 or (extra == 2 and behind is not None and _takes(behind, shape[2:])):
                self.parsed[name] = Parsed(ir.Input(shape[extra:]))
                axes = "a batch axis" if extra == 1 else "axes of batch and time"
                self.notes.append(
                    f"{self._what(name)}: its shape {shape} was read as {shape[extra:]} with {axes}"
                    " before it; NIR's shapes have none."
                )

    def _first_with_rank(self, name: str) -> Node | None:
        """Return the first node behind `name` that takes signals of one number of axes."""
        seen, waiting = {name}, list(self.targets[name])
        while waiting:
            following = waiting.pop(0)
            if following in seen:
                continue
            seen.add(following)
            node = self.parsed[following].node
            if isinstance(node, ir.Affine | ir.Conv | ir.SumPool):
                return node
            if not isinstance(node, ir.Flatten | ir.Output):
                waiting += self.targets[following]
        return None

    # -- comparing -----------------------------------------------------------------------------

    def _compare(self) -> None:
        """Compare the signals that meet in a node, and the file's claims with the shapes found."""
        misfits = bool(self.faults)
        for name in self.graph.nodes:
            if name not in self._outputs and not misfits:
                self.faults.append(
                    InputError(
                        self._what(name),
                        got="no input whose shape is known",
                        expected="a path from an Input, or parameters of full shape",
                        remedy="connect it, or remove it",
                    )
                )
            found = self._inputs.get(name)
            for source in self.sources[name]:
                other = self._outputs.get(source)
                if None not in (found, other) and found != other and not misfits:
                    self.faults.append(
                        InputError(
                            self._what(name),
                            got=f"a signal of shape {other} from {source!r}",
                            expected=f"{found}, as from its other inputs",
                            remedy="signals that are summed must have one shape",
                        )
                    )
        for name, parsed in self.parsed.items():
            if isinstance(parsed.node, ir.Output) and name in self._inputs:
                self._compare_claim(name, parsed.declared, self._inputs[name])
        for name, raw in self.graph.dissolved.items():
            shapes = {self._outputs.get(source) for source in self.graph.sources_of[name]}
            found = next((shape for shape in shapes if shape is not None), None)
            claim = declared_shape(raw)
            if found is not None and claim not in (None, found):
                self.notes.append(
                    f"{described(name, raw.kind)} of a nested graph claims shape {claim};"
                    f" what flows there has {found}, which was kept."
                )

    def _compare_claim(self, name: str, claim: Shape | None, found: Shape) -> None:
        if claim is None or claim == found:
            return
        ones_aside = [n for n in claim if n != 1] == [n for n in found if n != 1]
        if ones_aside or found in (claim[1:], claim[2:]):
            self.notes.append(
                f"{self._what(name)}: claims shape {claim}; what flows there has {found}, which"
                " was kept."
            )
            return
        self.faults.append(
            InputError(
                self._what(name),
                got=f"a signal of shape {found}",
                expected=f"{claim}, as its own shape says",
                remedy="mend the shape or the node that feeds it",
            )
        )

    def _what(self, name: str) -> str:
        return described(name, self.graph.nodes[name].kind)


def _rank_of(node: Node) -> int:
    if isinstance(node, ir.Affine):
        return 1
    return node.weight.ndim - 1 if isinstance(node, ir.Conv) else 3


def _takes(node: Node, shape: Shape) -> bool:
    """Say whether a node of this number of axes takes a signal of `shape`."""
    if isinstance(node, ir.Affine):
        return shape[0] == node.weight.shape[1]
    return not isinstance(node, ir.Conv) or shape[0] == node.weight.shape[1] * node.groups


def wanted_shape(parsed: Parsed) -> Shape | None:
    """Return the input shape that follows from a node itself, None if it takes many."""
    node = parsed.node
    if isinstance(node, ir.Affine):
        return (node.weight.shape[1],)
    if isinstance(node, ir.ContinuousNeuron):
        return node.shape if prod(node.shape) > 1 else None
    if isinstance(node, ir.Scale | ir.Delay):
        values = node.scale if isinstance(node, ir.Scale) else node.delay
        return values.shape if values.size > 1 else None
    if isinstance(node, ir.Conv | ir.Output):
        return parsed.declared
    return None


def _output_of_misfit(node: Node) -> Shape | None:
    """Return what a node that does not fit would send, so that those behind it can be checked."""
    if isinstance(node, ir.ContinuousNeuron) and prod(node.shape) > 1:
        return node.shape
    return None


def _flattened_shape(node: ir.Flatten, shape: Shape) -> Shape | None:
    rank = len(shape)
    if not (-rank <= node.first < rank and -rank <= node.last < rank):
        return None
    try:
        return node.output_shape(shape)
    except ShapeError:
        return None
