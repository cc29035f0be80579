"""The contract between axonc and a chip: check, compile, run, cost.

A target is a small value without state. What it makes of a graph is a `Program`; what a program
does with spikes is a `Run`. Targets are found by name (`axonc.targets.registry`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from axonc.toolchain.cost import Access, CostReport, Count, Cycles
from axonc.toolchain.errors import InputError, LoweringError
from axonc.toolchain.ir import Graph
from axonc.toolchain.passes import Verdict as Verdict
from axonc.toolchain.reference import Spikes


@dataclass(frozen=True, slots=True)
class NodeVerdict:
    """One row of the table of verdicts.

    detail: for `approximate` the cause and the size of the error, for `host` why, for
    `unsupported` the reason and the remedy; may be empty for `exact`.
    """

    node: str
    kind: str
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Program:
    """A graph made ready for one target; targets derive their own.

    graph: the integer graph whose reference execution equals this program on every bin. It may
    differ from the graph that was compiled where the chip's arithmetic must differ.
    latency_steps: steps between an input spike and the output spike it can cause at the earliest.
    """

    graph: Graph
    latency_steps: int

    def summary(self) -> list[tuple[str, str]]:
        """Return (what, value) rows for people: cores used, memories, fits."""
        return []

    def cores(self) -> list[dict[str, Any]]:
        """Return one row a core in use: where it is, and used and available by resource.

        Empty where the target does not tell.
        """
        return []


@dataclass(frozen=True)
class Run:
    """What a program did with a batch of spike trains.

    spikes: per output node and probed node, bool of shape (batch, time, *node shape), aligned to
    the input: the target's latency is removed.
    potentials: per probed node, the membrane potential before reset, int64, same shape.
    wall_s: the run alone, without start-up of an engine.
    synaptic_operations: additions of a synapse into a membrane, over the whole batch.
    cycles: clock cycles over the whole batch, None where the target has no clock.
    counters: further totals over the whole batch (overflows, hops, ...).
    layers: the same by node.
    accesses: bits moved over the whole batch, by kind of memory and way.
    """

    spikes: Mapping[str, np.ndarray]
    latency_steps: int
    wall_s: float
    synaptic_operations: int
    cycles: Cycles | None = None
    potentials: Mapping[str, np.ndarray] = field(default_factory=dict)
    counters: Mapping[Count, int] = field(default_factory=dict)
    layers: Mapping[str, Mapping[Count, int]] = field(default_factory=dict)
    accesses: Mapping[Access, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ForeignNetwork:
    """A network read from another tool's file.

    graph: of the integer stage. real_input: its input is numbers, which its first neurons turn into
    spikes; they stay on the host.
    """

    graph: Graph
    real_input: bool = False


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Whether an engine can run on this machine; `detail` says how it was found or what to do."""

    engine: str
    works: bool
    detail: str


class Target(ABC):
    """A chip, or a model of one. Subclasses are stateless; options are their dataclass fields."""

    name: ClassVar[str]
    """What users type after --target."""
    engines: ClassVar[tuple[str, ...]]
    """What can execute a program of this target, the default first."""
    formats: ClassVar[tuple[str, ...]] = ()
    """Files of other tools that a program can be written as."""
    formats_read: ClassVar[tuple[str, ...]] = ()
    """Files of other tools that a network can be read from, by their suffixes."""
    draws_programs: ClassVar[bool] = True
    """Whether `draw`, where a target has it, needs no run."""

    @abstractmethod
    def check(self, graph: Graph) -> tuple[NodeVerdict, ...]:
        """Return a verdict for every node of an integer graph, in order, never only the first."""

    @abstractmethod
    def compile(self, graph: Graph) -> Program:
        """Lower an integer graph.

        Raises:
            LoweringError: nodes are unsupported or limits exceeded; every reason is listed.
        """

    @abstractmethod
    def run(
        self,
        program: Program,
        spikes: Spikes,
        *,
        engine: str | None = None,
        probes: Sequence[str] = (),
    ) -> Run:
        """Run (batch, time, *shape) integer spike counts through `program`, by input if several.

        Raises:
            InputError: the engine does not exist, or the spikes do not fit the program.
            EngineError: an external engine broke.
        """

    @abstractmethod
    def cost(self, program: Program, run: Run | None = None) -> CostReport:
        """Return what the program costs: memory always, activity and energy for a given `run`."""

    def engine_status(self) -> tuple[EngineStatus, ...]:
        """Say of each engine whether it can run here; overridden by targets with external ones."""
        return tuple(EngineStatus(engine, True, "built in") for engine in self.engines)

    def install_engine(self, engine: str) -> None:
        """Get an external engine ready ahead of its first use.

        Raises:
            InputError: the engine is unknown or needs no installation.
            EngineError: the installation failed.
        """
        raise InputError(
            f"installing engine {self.chosen_engine(engine)} of target {self.name}",
            got="an engine that is built in",
            expected="an external engine",
            remedy="nothing to do",
        )

    # -- files for people and other tools; a target offers what makes sense for it -----------------

    def require_format(self, name: str) -> None:
        """Refuse a name that is not one of `formats`.

        Raises:
            InputError: there is no such format.
        """
        if name not in self.formats:
            raise self._not_offered("format", name, ", ".join(self.formats) or "none")

    def require_picture(self, *, of_run: bool) -> None:
        """Refuse to draw what the target has no picture of: a run, or a program alone.

        Raises:
            InputError: says what can be drawn.
        """
        if type(self).draw is Target.draw:
            raise self._not_offered("picture", "a request for one", "none")
        if not of_run and not self.draws_programs:
            raise self._not_offered("picture", "a program without a run", "the load of a run")

    def require_trace(self) -> None:
        """Refuse to write a trace where the target keeps no time within a step.

        Raises:
            InputError: the target writes none.
        """
        if type(self).write_trace is Target.write_trace:
            raise self._not_offered("trace", "a request for one", "none")

    def write_format(self, program: Program, name: str, path: Path) -> None:
        """Write `program` in one of `formats`, for another tool to read.

        Raises:
            InputError: there is no such format, or `path` cannot be written.
            LoweringError: the format cannot hold the program; every reason is listed.
        """
        raise self._not_offered("format", name, ", ".join(self.formats) or "none")

    def read_format(self, name: str, path: Path) -> ForeignNetwork:
        """Read a network from a file in one of `formats_read`.

        Raises:
            InputError: there is no such format, or the file is not what it says.
        """
        raise self._not_offered("format to read", name, ", ".join(self.formats_read) or "none")

    def tables(self, program: Program, run: Run) -> dict[str, list[dict[str, Any]]]:
        """Return what was counted in a run as {table: rows of {column: value}}, all in one unit."""
        return {"layers": [{"layer": name, **counts} for name, counts in run.layers.items()]}

    def draw(self, program: Program, run: Run | None, path: Path) -> None:
        """Draw where the program lies on the chip; with a run, how loaded it was.

        Raises:
            InputError: the target has no such picture, or `path` cannot be written.
        """
        raise self._not_offered("picture", str(path), "none")

    def write_trace(self, program: Program, spikes: Spikes, path: Path) -> None:
        """Write what each unit did when, for the first sample, as a Perfetto trace.

        Raises:
            InputError: the target keeps no time within a step, or `path` cannot be written.
        """
        raise self._not_offered("trace", str(path), "none")

    def _not_offered(self, what: str, got: str, offered: str) -> InputError:
        return InputError(
            f"{what} of target {self.name}",
            got=got,
            expected=f"what the target offers: {offered}",
            remedy="leave the option out",
        )

    def calibrated(self, spikes: Spikes) -> Target:
        """Return the target with what it can choose by (batch, time, *shape) spikes of each input.

        It is then chosen by `compile`. A target that chooses nothing by spikes returns itself.
        """
        return self

    # -- shared by all targets -------------------------------------------------------------------

    def require_lowerable(
        self, graph: Graph, verdicts: Sequence[NodeVerdict] | None = None
    ) -> None:
        """Raise LoweringError, listing every unsupported node, if there is any.

        verdicts: what `check` says of the graph, where it was asked already.
        """
        reasons = [
            f"node {row.node!r} ({row.kind}): {row.detail}"
            for row in (self.check(graph) if verdicts is None else verdicts)
            if row.verdict is Verdict.UNSUPPORTED
        ]
        if reasons:
            raise LoweringError(f"graph {graph.name!r} cannot be lowered to {self.name}", reasons)

    def chosen_engine(self, engine: str | None) -> str:
        """Return `engine`, or the default one.

        Raises:
            InputError: the target has no such engine.
        """
        if engine is None:
            return self.engines[0]
        if engine not in self.engines:
            raise InputError(
                f"engine of target {self.name}",
                got=repr(engine),
                expected=f"one of {', '.join(self.engines)}",
                remedy="leave --engine out for the default",
            )
        return engine


def require_frozen(target: Target) -> None:
    """Refuse a target whose class is no frozen dataclass of its own: its options could change.

    Raises:
        InputError: names the class.
    """
    parameters = type(target).__dict__.get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        raise InputError(
            f"target {target.name!r}",
            got=f"class {type(target).__qualname__}, which is not a frozen dataclass",
            expected="a class under @dataclass(frozen=True), so that its options never change",
            remedy="write @dataclass(frozen=True) above the class",
        )


def describe(rows: Sequence[NodeVerdict], target: str) -> list[dict[str, Any]]:
    """Return the rows as JSON-ready objects: {node, kind, target, verdict, detail}."""
    return [
        {
            "node": row.node,
            "kind": row.kind,
            "target": target,
            "verdict": str(row.verdict),
            "detail": row.detail,
        }
        for row in rows
    ]
