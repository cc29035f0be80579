"""What a lowered graph costs, on no chip or on a target."""

from __future__ import annotations

from dataclasses import replace

from axonc.targets import REFERENCE, Target

from ..cost import CostReport, chipless_cost
from ..reference import Spikes, execute
from ._deployment import Deployment, deploy
from ._execution import run, workload_of
from ._lowering import Lowering, arriving_at


def cost_of(
    lowering: Lowering, target: Deployment | Target | str, spikes: Spikes | None = None
) -> CostReport:
    """Return what a graph costs on a target; with spikes, activity and energy too.

    Raises:
        LoweringError: the graph cannot be lowered to the target.
        InputError: no such target, or spikes that do not fit.
    """
    graph, deployment = lowering.integer, None
    if target != REFERENCE:
        deployment = target if isinstance(target, Deployment) else deploy(lowering, target)
    if spikes is None:
        return deployment.cost() if deployment else chipless_cost(graph, None, REFERENCE)
    done = run(lowering, spikes, target=deployment or REFERENCE, precision="int")
    if deployment:
        report = deployment.cost(done.run)
    else:
        arriving = arriving_at(lowering.split, spikes)
        report = chipless_cost(graph, workload_of(graph, execute(graph, arriving)), REFERENCE)
    return replace(
        report, host=tuple(chipless_cost(part, work, part.name) for part, work in done.host)
    )
