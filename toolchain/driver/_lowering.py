"""A graph in every stage that it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from axonc.targets import ForeignNetwork

from ..errors import LoweringError
from ..ir import Graph
from ..passes import (
    Findings,
    FixedPoint,
    HostSplit,
    IntegerWeights,
    integer_pipeline,
    run_passes,
    split_host,
    to_discrete,
)
from ..reference import Spikes, execute
from ._calibration import calibrated


@dataclass(frozen=True)
class Lowering:
    """A graph in every stage that it reached.

    A network that was read as integers is its own discrete and imported graph.

    split: the discrete graph cut into host and chip; only its chip part is made integer.
    refusal: why there is no integer graph; every reason is in it.
    calibration: spikes as they arrive at the chip, for targets that choose by them.
    """

    imported: Graph
    discrete: Graph
    findings: Findings
    split: HostSplit | None = None
    integer_graph: Graph | None = None
    refusal: LoweringError | None = None
    calibration: Spikes | None = None

    @property
    def integer(self) -> Graph:
        """The integer graph of what a chip can run.

        Raises:
            LoweringError: there is none; all reasons are listed.
        """
        if self.integer_graph is None:
            assert self.refusal is not None
            raise self.refusal
        return self.integer_graph


def lower_foreign(network: ForeignNetwork, *, calibration: Spikes | None = None) -> Lowering:
    """Cut a network that is integers already into host and chip; nothing of it is rounded.

    Args:
        calibration: input (batch, time, *shape) of each input node that targets may choose by,
            e.g. the places of cores.

    Raises:
        LoweringError: no spiking neuron is left for the chip.
    """
    findings, graph = Findings(), network.graph
    split = split_host(graph, findings.of("split-host"), real_input=network.real_input)
    arriving = None if calibration is None else arriving_at(split, calibration)
    return Lowering(graph, graph, findings, split, integer_graph=split.chip, calibration=arriving)


def arriving_at(split: HostSplit | None, spikes: Spikes) -> Spikes:
    """Return what the chip's part is fed: the host's first spikes, or the spikes as they are."""
    return spikes if split is None or split.front is None else execute(split.front, spikes).output


def fullest_bin(spikes: Spikes) -> int:
    """Return the most spikes in one bin of an input, at least 1; of real numbers 1."""
    arrays = list(spikes.values()) if isinstance(spikes, Mapping) else [spikes]
    most = 1
    for array in map(np.asarray, arrays):
        if array.dtype.kind in "iu" or (
            array.dtype.kind == "f" and np.array_equal(array, np.round(array))
        ):
            most = max(most, int(np.abs(array).max(initial=0)))
    return most


def steps_of(spikes: Spikes) -> int:
    """Return how many steps spikes of shape (batch, time, *shape) have."""
    array = next(iter(spikes.values())) if isinstance(spikes, Mapping) else spikes
    return int(np.shape(array)[1]) if np.ndim(array) > 1 else 1


def sized_for_runs(fixed_point: FixedPoint, runs: Spikes, split: HostSplit) -> FixedPoint:
    """Return the pass that makes membranes wide enough for what arrives at the chip's part."""
    counts = 1 if split.front is not None else fullest_bin(runs)
    steps = max(steps_of(runs), fixed_point.steps or 1, 1)
    return replace(fixed_point, input_count=max(counts, fixed_point.input_count), steps=steps)


def lower(
    imported: Graph,
    *,
    weights: IntegerWeights | None = None,
    fixed_point: FixedPoint | None = None,
    real_input: bool = False,
    calibration: Spikes | None = None,
    mismatch: float = 1e-3,
    runs: Spikes | None = None,
) -> Lowering:
    """Lower an imported graph as far as it goes.

    Args:
        runs: the input of the runs to come, whose fullest bin and whose length the membranes are
            made wide enough for; without, for one spike a bin and what `fixed_point` says.
        real_input: the input is real numbers, so what leads to the first spikes stays on the host.
        calibration: spikes (batch, time, *shape) of each input node to choose fraction bits by,
            layer by layer: the fewest that change at most a share `mismatch` of a layer's spikes.
            Targets choose by them too, e.g. the places of cores.

    Raises:
        LoweringError: the graph has no discrete form under its dialect.
    """
    findings = Findings()
    discrete = to_discrete(imported, findings)
    split = arriving = None
    try:
        split = split_host(discrete, findings.of("split-host"), real_input=real_input)
        if runs is not None:
            fixed_point = sized_for_runs(fixed_point or FixedPoint(), runs, split)
        *folding, rounding = integer_pipeline(weights, fixed_point)
        folded = run_passes(split.chip, folding, findings)
        if calibration is not None:
            arriving = arriving_at(split, calibration)
            assert isinstance(rounding, FixedPoint)
            rounding = calibrated(folded, rounding, arriving, findings.of("calibrate"), mismatch)
        integer = run_passes(folded, [rounding], findings)
    except LoweringError as refusal:
        return Lowering(imported, discrete, findings, split, refusal=refusal)
    return Lowering(
        imported, discrete, findings, split, integer_graph=integer, calibration=arriving
    )
