"""Passes: one rewriting of a graph each, exact or with its error reported."""

from .base import Pass, run_passes
from .direct_edges import WeighDirectEdges
from .discretize import Discretize, discrete_neuron
from .findings import Finding, Findings, Verdict
from .fixed_point import FixedPoint
from .fold_bias import FoldBias
from .integer_weights import IntegerWeights
from .merge_connections import MergeConnections
from .pipeline import integer_pipeline, to_discrete, to_integer
from .pipeline_text import PASSES, parse_pipeline, pass_named, pipeline_text
from .positive_gains import PositiveGains
from .prune import Prune
from .refusals import neuron_refusals
from .sink_scales import AverageToSum, SinkScales
from .split_host import HostSplit, split_host

__all__ = [
    "AverageToSum",
    "Discretize",
    "Finding",
    "Findings",
    "FixedPoint",
    "FoldBias",
    "HostSplit",
    "IntegerWeights",
    "MergeConnections",
    "PASSES",
    "Pass",
    "PositiveGains",
    "Prune",
    "SinkScales",
    "Verdict",
    "WeighDirectEdges",
    "discrete_neuron",
    "integer_pipeline",
    "neuron_refusals",
    "parse_pipeline",
    "pass_named",
    "pipeline_text",
    "run_passes",
    "split_host",
    "to_discrete",
    "to_integer",
]
