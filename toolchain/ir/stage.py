"""The stages of a graph and the nodes that are legal in each."""

from __future__ import annotations

from enum import StrEnum

from .connections import Affine, AvgPool, Conv, Scale, SumPool
from .continuous import IF, LI, LIF, CubaLI, CubaLIF, I, Threshold
from .discrete import Neuron
from .integer import IntegerAffine, IntegerConv, IntegerNeuron
from .node import Node
from .structure import Delay, Flatten, Input, Output


class Stage(StrEnum):
    """How far a graph has come from the file towards a chip."""

    IMPORTED = "imported"
    DISCRETE = "discrete"
    INTEGER = "integer"


_STRUCTURE = (Input, Output, Flatten, Delay)
_REAL_CONNECTIONS = (Affine, Conv, Scale, SumPool, AvgPool)

LEGAL_NODES: dict[Stage, tuple[type[Node], ...]] = {
    Stage.IMPORTED: (*_STRUCTURE, *_REAL_CONNECTIONS, I, IF, LI, LIF, CubaLI, CubaLIF, Threshold),
    Stage.DISCRETE: (*_STRUCTURE, *_REAL_CONNECTIONS, Neuron),
    Stage.INTEGER: (*_STRUCTURE, SumPool, IntegerAffine, IntegerConv, IntegerNeuron),
}
"""Which node types a graph of each stage may hold."""
