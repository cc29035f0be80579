"""The lowerings that everybody runs: imported to discrete, discrete to integer."""

from __future__ import annotations

from collections.abc import Callable

from ..ir import Graph
from .base import Pass, run_passes
from .direct_edges import WeighDirectEdges
from .discretize import Discretize
from .findings import Findings
from .fixed_point import FixedPoint
from .fold_bias import FoldBias
from .integer_weights import IntegerWeights
from .merge_connections import MergeConnections
from .positive_gains import PositiveGains
from .prune import Prune
from .sink_scales import AverageToSum, SinkScales


def integer_pipeline(
    weights: IntegerWeights | None = None, fixed_point: FixedPoint | None = None
) -> tuple[Pass, ...]:
    """Return the passes from a discrete to an integer graph, with the options given."""
    return (
        MergeConnections(),
        AverageToSum(),
        SinkScales(),
        WeighDirectEdges(),
        Prune(),
        FoldBias(),
        weights or IntegerWeights(),
        PositiveGains(),
        fixed_point or FixedPoint(),
    )


def to_discrete(graph: Graph, findings: Findings) -> Graph:
    """Return the discrete graph of an imported one, under its dialect."""
    return run_passes(graph, [Discretize()], findings)


def to_integer(
    graph: Graph,
    findings: Findings,
    *,
    passes: tuple[Pass, ...] | None = None,
    between: Callable[[Pass, Graph], None] | None = None,
) -> Graph:
    """Return the integer graph of a discrete one.

    Raises:
        LoweringError: nodes have no integer form; every one of them is listed.
    """
    return run_passes(graph, passes or integer_pipeline(), findings, between=between)
