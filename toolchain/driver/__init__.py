"""The steps from an imported graph to results: lower, give verdicts, deploy, run, cost.

This is the only place, beside the demo and the command line, that knows targets, and it knows them
by name.
"""

from ._cost import cost_of
from ._deployment import Deployment, deploy
from ._execution import Execution, measure, run, workload_of
from ._lowering import Lowering, lower, lower_foreign
from ._reading import read_foreign
from ._verdicts import verdicts

__all__ = [
    "Deployment",
    "Execution",
    "Lowering",
    "cost_of",
    "deploy",
    "lower",
    "lower_foreign",
    "measure",
    "read_foreign",
    "run",
    "verdicts",
    "workload_of",
]
