"""What a lowered graph costs, on no chip or on a target."""

from __future__ import annotations

from axonc.targets import REFERENCE, Target

from ..cost import CostReport, chipless_cost
from ..reference import Spikes, execute
from ._deployment import Deployment, deploy
from ._execution import workload_of
from ._lowering import Lowering, arriving_at


def cost_of(
    lowering: Lowering, target: Deployment | Target | str, spikes: Spikes | None = None
) -> CostReport:
    """Return what a graph costs on a target; with spikes, activity and energy too.

    Raises:
        LoweringError: the graph cannot be lowered to the target.
        InputError: no such target, or spikes that do not fit.
    """
    arriving = None if spikes is None else arriving_at(lowering.split, spikes)
    if target == REFERENCE:
        graph = lowering.integer
        work = None if arriving is None else workload_of(graph, execute(graph, arriving))
        return chipless_cost(graph, work, REFERENCE)
    deployment = target if isinstance(target, Deployment) else deploy(lowering, target)
    return deployment.cost(None if arriving is None else deployment.run(arriving))
