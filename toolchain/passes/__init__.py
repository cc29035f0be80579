"""Passes: one rewriting of a graph each, exact or with its error told."""

from .base import Effect, Finding, Findings, Pass, run_passes
from .discretize import Discretize, discrete_neuron
from .fixed_point import FixedPoint, refuse_neuron
from .fold_bias import FoldBias
from .integer_weights import IntegerWeights
from .merge_connections import MergeConnections
from .pipeline import integer_pipeline, to_discrete, to_integer
from .positive_gains import PositiveGains
from .prune import Prune
from .sink_scales import AverageToSum, SinkScales
from .split_host import Split, split_host

__all__ = [
    "AverageToSum",
    "Discretize",
    "Effect",
    "Finding",
    "Findings",
    "FixedPoint",
    "FoldBias",
    "IntegerWeights",
    "MergeConnections",
    "Pass",
    "PositiveGains",
    "Prune",
    "SinkScales",
    "Split",
    "discrete_neuron",
    "integer_pipeline",
    "refuse_neuron",
    "run_passes",
    "split_host",
    "to_discrete",
    "to_integer",
]
