"""What a lowered graph costs, on no chip or on a target."""

from __future__ import annotations

from axonc.targets import REFERENCE, load_target

from ..cost import CostReport, chipless_cost
from ..reference import Spikes, execute
from ._execution import Execution, arriving, workload_of
from ._lowering import Lowering


def cost_of(lowering: Lowering, target: str, spikes: Spikes | None = None) -> CostReport:
    """Return what a graph costs on a target; with spikes, activity and energy too.

    Raises:
        LoweringError: the graph cannot be lowered to the target.
        InputError: no such target, or spikes that do not fit.
    """
    if target == REFERENCE:
        graph = lowering.integer
        work = None
        if spikes is not None:
            work = workload_of(graph, execute(graph, arriving(lowering, spikes)))
        return chipless_cost(graph, work, REFERENCE)
    chip = load_target(target)
    program = lowering.program(chip)
    if spikes is None:
        return chip.cost(program)
    return chip.cost(program, chip.run(program, arriving(lowering, spikes)))


def cost_of_run(lowering: Lowering, done: Execution) -> CostReport:
    """Return the cost of a run on a target that is already there."""
    chip = load_target(done.target)
    return chip.cost(lowering.program(chip), done.run)
