"""The whole way of a graph: lower it, say what became of each node, run it, cost it.

This is the only place, beside the demo and the command line, that knows targets, and it knows them
by name.
"""

from ._cost import cost_of, cost_of_run
from ._execution import Execution, draw, measure, run, tables_of, workload_of, write_trace
from ._lowering import Lowering, lower, lower_foreign
from ._reading import read_foreign
from ._verdicts import verdicts

__all__ = [
    "Execution",
    "Lowering",
    "cost_of",
    "cost_of_run",
    "draw",
    "lower",
    "lower_foreign",
    "measure",
    "read_foreign",
    "run",
    "tables_of",
    "verdicts",
    "workload_of",
    "write_trace",
]
