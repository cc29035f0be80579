"""Passes: their interface, and the runner that applies them in order.

A pass is a frozen dataclass whose fields are its options. It takes a graph and returns another;
both are verified. What it found out about a node (folded, quantised, refused) it adds to
`Findings`, under the user's own node names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import ClassVar

from ..errors import InputError, InternalError
from ..ir import Graph, Stage, verify
from .findings import Findings
from .options import Option, text_of


@dataclass(frozen=True)
class Pass(ABC):
    """One step of a lowering; its fields are its options, declared as `options.py` says.

    Raises:
        InputError: an option lies outside its range.
    """

    name: ClassVar[str]
    takes: ClassVar[Stage]
    gives: ClassVar[Stage]

    def __post_init__(self) -> None:
        for each in self.options():
            what = f"option {each.name} of pass {self.name}"
            each.require(getattr(self, each.field_name), what)

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        """Return the options that the pass declares, in order."""
        return tuple(Option.of(each) for each in fields(cls))

    @classmethod
    def option(cls, name: str) -> Option:
        """Return the option called `name`."""
        return next(each for each in cls.options() if each.name == name)

    @abstractmethod
    def apply(self, graph: Graph, findings: Findings) -> Graph:
        """Return the rewritten graph, of stage `gives`. `graph` is verified and of stage `takes`.

        Raises:
            LoweringError: nodes cannot be rewritten; every one of them is listed.
        """

    def __str__(self) -> str:
        """The pass as a pipeline has it, with the options that differ from their defaults."""
        values = [(each, getattr(self, each.field_name)) for each in self.options()]
        told = ",".join(f"{o.name}={text_of(value)}" for o, value in values if value != o.default)
        return self.name + (f"{{{told}}}" if told else "")


def run_passes(
    graph: Graph,
    passes: Iterable[Pass],
    findings: Findings,
    *,
    between: Callable[[Pass, Graph], None] | None = None,
) -> Graph:
    """Apply `passes` in order, verifying the graph after each; findings name the pass.

    Args:
        between: called after each pass with the pass and its result: printing, timing, comparing.

    Raises:
        InputError: a pass takes another stage than the graph is in.
        LoweringError: what a pass cannot rewrite.
    """
    for step in passes:
        if graph.stage is not step.takes:
            raise InputError(
                f"pass {step}",
                got=f"a graph of stage {graph.stage}",
                expected=f"one of stage {step.takes}",
                remedy="change the order of the passes",
            )
        graph = step.apply(graph, findings.of(step.name))
        graph = verify(graph, after=str(step))
        if graph.stage is not step.gives:
            raise InternalError(f"pass {step} gave stage {graph.stage}, not {step.gives}")
        if between:
            between(step, graph)
    return graph
