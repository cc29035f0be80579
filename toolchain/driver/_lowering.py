"""A graph in every stage that it reaches."""

from __future__ import annotations

from dataclasses import dataclass

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


def lower(
    imported: Graph,
    *,
    weights: IntegerWeights | None = None,
    fixed_point: FixedPoint | None = None,
    real_input: bool = False,
    calibration: Spikes | None = None,
    mismatch: float = 1e-3,
) -> Lowering:
    """Lower an imported graph as far as it goes.

    Args:
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
