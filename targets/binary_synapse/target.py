"""The binary-synapse accelerator as a target: check, compile, run, cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from axonc.toolchain.cost import CostReport
from axonc.toolchain.errors import InputError
from axonc.toolchain.ir import Graph
from axonc.toolchain.reference import Spikes

from ..base import NodeVerdict, Program, Run, Target
from .accounting.cost import cost_report
from .machine.architecture import Architecture, load_architecture, require_valid
from .mapping.layers import make_blocks
from .mapping.mapper import map_graph
from .mapping.packing import pack
from .mapping.placement import Calibration
from .mapping.rules import examine
from .mapping.sequential import SequentialProgram, map_sequentially
from .program.program import BinaryProgram

if TYPE_CHECKING:
    from .execution import BinaryRun


@dataclass(frozen=True)
class BinarySynapse(Target):
    """A many-core accelerator with one bit a synapse.

    architecture: a parsed one, the name of a shipped one, or the path of a TOML file.
    calibration: spikes by which cores are placed; without, they are placed in order.

    Raises:
        InputError: a parsed architecture whose parameters make no hardware.
    """

    name: ClassVar[str] = "binary_synapse"
    engines: ClassVar[tuple[str, ...]] = ("cycle", "analytic")
    draws_programs: ClassVar[bool] = False
    architecture: Architecture | str | Path = "edge"
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if isinstance(self.architecture, Architecture):
            require_valid(self.architecture)

    @property
    def machine(self) -> Architecture:
        """The parsed architecture."""
        if isinstance(self.architecture, Architecture):
            return self.architecture
        return load_architecture(self.architecture)

    def check(self, graph: Graph) -> tuple[NodeVerdict, ...]:
        return examine(graph, self.machine).verdicts

    def calibrated(self, spikes: Spikes) -> BinarySynapse:
        return self if self.calibration else replace(self, calibration=Calibration(spikes))

    def compile(self, graph: Graph) -> BinaryProgram | SequentialProgram:
        """Lay the graph out on the mesh, or in parts where it is larger than the mesh.

        Parts need an external memory in the architecture.

        Raises:
            LoweringError: nodes are unsupported or limits exceeded; every reason is listed.
        """
        machine, examined = self.machine, examine(graph, self.machine)
        self.require_lowerable(graph, examined.verdicts)
        fits = pack(make_blocks(examined.layers), machine) is not None
        lay_out = map_graph if fits else map_sequentially
        program = lay_out(graph, machine, examined.layers, examined.grids)
        if self.calibration is None:
            return program
        from .execution import placed  # numba is slow to import

        return placed(program, self.calibration)

    def run(
        self,
        program: Program,
        spikes: Spikes,
        *,
        engine: str | None = None,
        probes: Sequence[str] = (),
    ) -> BinaryRun:
        """Run spikes through the cycle-level simulator; rasters are aligned to the input.

        Spikes are one array, or where there are several input nodes one for each, by name. A bin
        that holds a count c > 1 is sent as c events. Engine `cycle` counts every cycle of cores,
        FIFOs and mesh; `analytic` computes the same spikes and a lower bound of the cycles, as if
        nothing ever waited for anything else.
        """
        from .execution import run_program  # numba is slow to import

        return run_program(_own(program), spikes, self.chosen_engine(engine), probes)

    def cost(self, program: Program, run: Run | None = None) -> CostReport:
        return cost_report(_own(program), run)

    def tables(self, program: Program, run: Run) -> dict[str, list[dict[str, Any]]]:
        """Return tables by run, step, layer, core, link and memory; columns say their units.

        Of a program in several parts, each row but those of layers names its part.
        """
        from .execution import BinaryRun, parts_of
        from .views.tables import core_rows, link_rows, memory_rows, run_rows, step_rows

        if not isinstance(run, BinaryRun):
            raise self._not_offered("tables", "a run of another target", "tables of its own runs")
        found: dict[str, list[dict[str, Any]]] = {
            "run": [],
            "steps": [],
            **super().tables(program, run),
            "cores": [],
            "links": [],
            "memories": [],
        }
        parts = parts_of(_own(program))
        for number, (part, totals) in enumerate(zip(parts, run.part_totals, strict=True)):
            which = {"part": number} if len(parts) > 1 else {}
            rows_of = {
                "run": run_rows(part.program, totals),
                "steps": step_rows(part.program, totals),
                "cores": core_rows(part.program, totals),
                "links": link_rows(part.program, totals),
                "memories": memory_rows(part.program, totals),
            }
            for name, rows in rows_of.items():
                found[name] += [which | row for row in rows]
        return found

    def draw(self, program: Program, run: Run | None, path: Path) -> None:
        """Draw the mesh with the load of its cores and links in `run`."""
        from .execution import BinaryRun, parts_of
        from .views.picture import draw_mesh

        if not isinstance(run, BinaryRun):
            raise self._not_offered("picture", "a program without a run", "the load of a run")
        programs = (part.program for part in parts_of(_own(program)))
        draw_mesh(list(zip(programs, run.part_totals, strict=True)), path)

    def write_trace(self, program: Program, spikes: Spikes, path: Path) -> None:
        """Write the timeline of the first sample; see `Target.write_trace`."""
        from .execution import checked_inputs, parts_of
        from .views.trace import write_trace

        own = _own(program)
        write_trace(path, own, checked_inputs(own.graph, parts_of(own), spikes))


def _own(program: Program) -> BinaryProgram | SequentialProgram:
    if not isinstance(program, (BinaryProgram, SequentialProgram)):
        raise InputError(
            "program",
            got=type(program).__name__,
            expected="a program compiled for binary_synapse",
            remedy="compile the graph with this target",
        )
    return program
