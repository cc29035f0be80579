"""A network in Loihi's own terms: populations of compartments and the synapses between them.

All numbers are the chip's registers. One step of the chip, for each compartment, in this order
(Davies et al., IEEE Micro 38(1), 2018; bit for bit as lava-nc 0.10.0 executes it, tag fixed_pt):

    a = sum over synapse groups of shift(sum of stored weights that arrived, exponent)
    u = wrap(trunc(u * (4096 - (du + 1)) / 4096) + a * 2^6)            into (-2^23, 2^23]
    v = clip(trunc(v * (4096 - dv) / 4096) + u + bias_mant * 2^bias_exp)  to +-(2^23 - 1)
    spike = v > vth * 2^6, then v = 0

trunc rounds toward zero; shift is a shift to the left, or an arithmetic shift of the whole sum to
the right. A spike arrives 1 + delay steps after it was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import prod

import numpy as np

from axonc.toolchain.ir import Affine, Conv, Shape, Window

STATE_LIMIT = 1 << 23
"""u lies in (-STATE_LIMIT, STATE_LIMIT], v in (-STATE_LIMIT, STATE_LIMIT)."""
DECAY_SHIFT = 12
"""Decays are in units of 2^-12 a step."""
ALIGN_SHIFT = 6
"""Synaptic sums and thresholds are shifted left by this to align with the membrane."""


class Sign(StrEnum):
    """Which signs the stored weights of a synapse group may have."""

    MIXED = "mixed"
    EXCITATORY = "excitatory"
    INHIBITORY = "inhibitory"


@dataclass(frozen=True, eq=False)
class Population:
    """Compartments of one layer. The registers are int64 and broadcast to `shape`.

    depth: the step of the chip in which this population computes step 0 of the network. Its
    u and v are cleared at that step, so that each sample starts from rest.
    """

    name: str
    shape: Shape
    du: np.ndarray
    dv: np.ndarray
    vth: np.ndarray
    bias_mant: np.ndarray
    bias_exp: np.ndarray
    depth: int

    @property
    def size(self) -> int:
        """The number of compartments."""
        return prod(self.shape)

    @property
    def bias(self) -> np.ndarray:
        """bias_mant * 2^bias_exp, in units of the membrane's last bit."""
        return self.bias_mant << self.bias_exp


@dataclass(frozen=True)
class Kernel:
    """How a convolution's stored weights (out, in / groups, *kernel) are laid over an input."""

    input_shape: Shape
    output_shape: Shape
    window: Window
    groups: int


def weighted_sum(weight: np.ndarray, kernel: Kernel | None) -> Affine | Conv:
    """Return the node that weighs and sums with a matrix, or with a kernel as `kernel` says."""
    return Affine(weight) if kernel is None else Conv(weight, kernel.window, kernel.groups)


@dataclass(frozen=True, slots=True)
class GroupName:
    """Which synapses a group holds: the way from a source to a target, and of which signs.

    nodes: of the graph, from source to target. sign: where two groups share the way.
    """

    source: str
    nodes: tuple[str, ...]
    target: str
    sign: Sign | None = None

    def __str__(self) -> str:
        way = f"{'+'.join(self.nodes) or self.source}->{self.target}"
        return way if self.sign is None else f"{way} {self.sign}"


@dataclass(frozen=True, eq=False)
class SynapseGroup:
    """All synapses from one population (or input) to another, in one synapse format.

    weight: the stored weights, int32, (outputs, inputs), or a kernel as `kernel` says; bits: how
    wide one is stored; a stored weight is a multiple of 2^(8 - bits), of 2^(9 - bits) where signs
    are mixed. exponent: of the sum. delay: steps beyond the one that every connection takes, int64,
    one for all source neurons or one each. nodes: the graph's nodes that became this group.
    """

    name: GroupName
    source: str
    target: str
    weight: np.ndarray
    bits: int
    sign: Sign
    exponent: int
    delay: np.ndarray
    nodes: tuple[str, ...]
    kernel: Kernel | None = None

    @property
    def input_shape(self) -> Shape:
        """The shape of the spikes that it takes; flat where it has a matrix."""
        return self.weight.shape[1:] if self.kernel is None else self.kernel.input_shape

    def fan_out(self) -> np.ndarray:
        """Return the synapses (weight not 0) of each source neuron, flat."""
        return weighted_sum(self.weight, self.kernel).fan_out(self.input_shape).reshape(-1)

    @property
    def step(self) -> int:
        """The distance of neighbouring stored weights, a power of two."""
        return 1 << (8 - self.bits + (self.sign is Sign.MIXED))


@dataclass(frozen=True)
class Network:
    """Inputs (spikes from outside, depth 0), populations by rising depth, synapses, outputs.

    outputs: which population each output node of the graph reads.
    """

    inputs: dict[str, Shape]
    populations: tuple[Population, ...]
    synapses: tuple[SynapseGroup, ...]
    outputs: dict[str, str]

    @property
    def latency_steps(self) -> int:
        """Steps of the chip from an input to the latest output that shows the same step."""
        return max(self.population(name).depth for name in self.outputs.values())

    def population(self, name: str) -> Population:
        """Return the population called `name`."""
        return next(p for p in self.populations if p.name == name)

    def into(self, name: str) -> list[SynapseGroup]:
        """Return the synapse groups that end on population `name`."""
        return [group for group in self.synapses if group.target == name]

    def shape_of(self, name: str) -> Shape:
        """Return the shape of a population or an input."""
        return self.inputs[name] if name in self.inputs else self.population(name).shape
