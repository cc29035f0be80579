"""The graph of a spiking network in each stage of its lowering, as immutable values."""

from .composition import kernel_after_kernel, matrix_after_kernel, matrix_after_matrix
from .connections import Affine, AvgPool, Conv, Scale, SumPool
from .continuous import IF, LI, LIF, ContinuousNeuron, CubaLI, CubaLIF, I, Threshold
from .dialect import Dialect, IFConvention, Integrator, WInConvention
from .discrete import Neuron, Reset, settling_gain
from .dtypes import BIPOLAR, TERNARY, WeightType, narrowest_type, signed, weight_type_named
from .graph import Edge, Graph
from .integer import IntegerAffine, IntegerConv, IntegerNeuron, LeakyState, Overflow, Rounding
from .node import Node, Shape, ShapeError, compact, fresh_name
from .paths import NoNeuronOnLoop, SignalPath, paths_into
from .serialize import read_graph, save_graph
from .signals import arriving_range, upstream
from .sized_for import SizedFor
from .stage import LEGAL_NODES, Stage
from .structure import Delay, Flatten, Input, Output
from .text import graph_text
from .value_range import SPIKES, Range
from .verify import faults_of, verify
from .weighted import Connection, KernelConnection, MatrixConnection
from .window import Taps, Window

__all__ = [
    "BIPOLAR",
    "LEGAL_NODES",
    "LI",
    "LIF",
    "TERNARY",
    "Affine",
    "AvgPool",
    "Connection",
    "ContinuousNeuron",
    "Conv",
    "CubaLI",
    "CubaLIF",
    "Delay",
    "Dialect",
    "Edge",
    "Flatten",
    "Graph",
    "I",
    "IF",
    "IFConvention",
    "Input",
    "IntegerAffine",
    "IntegerConv",
    "IntegerNeuron",
    "Integrator",
    "KernelConnection",
    "LeakyState",
    "MatrixConnection",
    "Neuron",
    "NoNeuronOnLoop",
    "Node",
    "Output",
    "Overflow",
    "SignalPath",
    "Range",
    "Reset",
    "Rounding",
    "SPIKES",
    "Scale",
    "Shape",
    "ShapeError",
    "SizedFor",
    "Stage",
    "SumPool",
    "Taps",
    "Threshold",
    "WInConvention",
    "WeightType",
    "Window",
    "arriving_range",
    "compact",
    "faults_of",
    "fresh_name",
    "graph_text",
    "kernel_after_kernel",
    "matrix_after_kernel",
    "matrix_after_matrix",
    "narrowest_type",
    "paths_into",
    "read_graph",
    "save_graph",
    "settling_gain",
    "signed",
    "upstream",
    "verify",
    "weight_type_named",
]
