"""Discrete neurons become integer neurons: the choice of fraction bits, width and decay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..errors import InternalError
from ..ir import (
    SPIKES,
    Affine,
    Conv,
    Graph,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    LeakyState,
    Neuron,
    Node,
    Range,
    Reset,
    Rounding,
    SizedFor,
    Stage,
    arriving_range,
    compact,
    narrowest_type,
)
from .base import Pass
from .findings import Findings
from .options import by_node, choice, number
from .range_analysis import membrane_range
from .refusals import Refusal, refuse_what_has_no_integer_form

_WIDEST_DECAY = 12  # bits of a decay's fraction, what Loihi has
_WIDEST_FRACTION = 16  # where it is chosen
_MOST_FRACTION_BITS = 24  # where it is asked for
_WIDEST_MEMBRANE = 41  # so that no sum of an int64 reference overflows
_SAME_DECAY = 2e-7  # files hold tau in float32: 1 - dt/tau carries its error of 2^-24, relative


@dataclass(frozen=True)
class RoundedNeuron:
    """A population before and after rounding.

    real: in units of one synapse of weight 1. needed_bits: of its membrane. counts, steps: the runs
    that its width suffices for, None where it does for any. raised: by neuron, how many times its
    gain its synapses count. refusals: why the integer form cannot be used.
    """

    real: Neuron
    neuron: IntegerNeuron
    needed_bits: int
    counts: int | None
    steps: int | None
    raised: np.ndarray
    refusals: tuple[Refusal, ...]

    def report(self, name: str, horizon_steps: int, findings: Findings) -> None:
        """Add to `findings` what rounding changes."""
        membrane, theta = self.neuron.membrane, self.real.threshold
        assert theta is not None
        causes = []
        error = np.abs(membrane.decay - self.real.decay)
        if np.any(error > _SAME_DECAY):
            causes.append(f"decay rounded to {membrane.shift} bits, off by {error.max():.2g}")
        bound = _rounding_error(self.real, self.neuron.fraction_bits, horizon_steps)
        if np.any(bound > 0):
            share = float(np.max(bound / np.maximum(np.abs(theta), 1e-12)))
            causes.append(
                f"rounding moves the potential by at most {100 * share:.2g} % of threshold"
            )
        if np.any(self.raised > 1):
            where = np.argwhere(np.broadcast_to(self.raised, self.real.shape) > 1)
            causes.append(
                f"the gain of {_neurons(where)} is so small that the bias decides alone, and was "
                f"raised up to {self.raised.max():.2g} times"
            )
        if self.needed_bits > membrane.bits:
            causes.append(f"the membrane saturates, for it would need {self.needed_bits} bits")
        form = f"{membrane.bits}-bit membrane, {self.neuron.fraction_bits} fraction bits"
        if self.counts is not None or self.steps is not None:
            form += f", enough for {self._runs()}"
        if causes:
            findings.approximate(name, f"{form}: " + "; ".join(causes))
        else:
            findings.exact(name, form)

    def _runs(self) -> str:
        """Return which runs the width suffices for."""
        if self.counts is None:
            return f"{self.steps} steps"
        return SizedFor.text(self.counts, self.steps)


@dataclass(frozen=True)
class FixedPoint(Pass):
    """Give every neuron integer parameters; connections must have integer weights already.

    The membrane is counted in units of one synapse of weight 1: v' = v / (gain * current_gain).
    Then, with F fraction bits,

        threshold = floor(theta' * 2^F)   so that u > theta' exactly where the integer u > threshold
        bias      = round(leak' * 2^F)    half to even
        decay     = m / 2^s               exact with the smallest s, else nearest with s = 12

    Gains must not be negative (see positive-gains). Where all synapses together move a potential by
    less than `tolerance` of what bias or reset bring, as behind a BatchNorm factor near 0, the gain
    is raised until they move it by so much; else one such neuron would widen all membranes. The
    width B is the smallest that the range
    analysis proves sufficient for any spike train with at most `input_count` spikes in a bin; a
    membrane without leak, which no width holds for ever, gets what `steps` steps need (at least
    `horizon_steps`) and saturates there. The graph keeps both as `sized_for`.

    F is what `fraction_bits_of` says of a node, else `fraction_bits`, else the smallest for which
    rounding moves a neuron's distance to its threshold by at most `tolerance` of it.
    """

    name: ClassVar[str] = "fixed-point"
    takes: ClassVar[Stage] = Stage.DISCRETE
    gives: ClassVar[Stage] = Stage.INTEGER

    fraction_bits: int | None = number(
        None,
        "fraction bits of membrane potentials (none: chosen by population)",
        least=0,
        most=_MOST_FRACTION_BITS,
    )
    fraction_bits_of: tuple[tuple[str, int], ...] = by_node("fraction bits of single populations")
    membrane_bits: int | None = number(
        None, "width of every membrane (none: by its range)", least=2, most=_WIDEST_MEMBRANE
    )
    tolerance: float = number(
        1 / 256, "how far rounding may move a potential, as a share of the threshold", least=0
    )
    horizon_steps: int = number(
        64, "steps that a membrane without leak is wide enough for", least=1, most=1 << 40
    )
    rounding: Rounding = choice(Rounding.TOWARD_ZERO, "how a decayed potential is rounded")
    input_count: int = number(1, "most spikes in one bin of an input", least=1, most=1 << 31)
    steps: int | None = number(
        None, "steps of the longest run (none: horizon-steps)", least=1, most=1 << 40
    )

    def apply(self, graph: Graph, findings: Findings) -> Graph:
        refuse_what_has_no_integer_form(graph, findings)
        findings.raise_if_unsupported(graph, "made integer")
        made: dict[str, Node] = {}
        limited = False
        for name, node in graph.of_type(Neuron).items():
            rounded = self.rounded(graph, name, node)
            made[name] = rounded.neuron
            limited = limited or rounded.steps is not None
            for refusal in rounded.refusals:
                findings.unsupported(name, *refusal)
            rounded.report(name, self.horizon_steps, findings)
        findings.raise_if_unsupported(graph, "made integer")
        for name, connection in graph.nodes.items():
            if isinstance(connection, (Affine, Conv)):
                made[name] = _integer_connection(connection)
        sized_for = SizedFor(self.input_count, self._steps if limited else None)
        return replace(graph.with_nodes(made, Stage.INTEGER), sized_for=sized_for)

    def rounded(self, graph: Graph, name: str, node: Neuron) -> RoundedNeuron:
        """Return the integer form of one population of `graph`; `neuron_refusals` must be empty."""
        scale = node.gain * (1.0 if node.current_gain is None else node.current_gain)
        silent = scale == 0
        unit = np.where(silent, 1.0, scale)
        arriving = arriving_range(graph, name, self.input_count)
        raised = self._raised(_in_units_of(node, unit), arriving)
        normal = _in_units_of(node, unit * raised)
        theta, leak, v_reset = normal.threshold, normal.leak, normal.v_reset
        assert theta is not None and v_reset is not None
        fraction = dict(self.fraction_bits_of).get(name, self._fraction(normal))
        bits, needed_bits, holds, refusals = self._width(normal, arriving, fraction)
        counts = self.input_count if _depends_on_counts(graph, name) else None
        one, top = 1 << fraction, (1 << bits - 1) - 1
        threshold = np.minimum(np.floor(theta * one), top)
        threshold = np.where(silent, top, threshold)
        membrane = _leaky_state(node.decay, -top - 1, top, self.rounding)
        current = None
        if node.current_decay is not None:
            current = _leaky_state(node.current_decay, -top - 1, top, self.rounding)
        neuron = IntegerNeuron(
            shape=node.shape,
            threshold=compact(threshold.astype(np.int64)),
            bias=compact(np.round(leak * one).astype(np.int64)),
            v_reset=compact(np.round(v_reset * one).astype(np.int64)),
            membrane=membrane,
            current=current,
            fraction_bits=fraction,
            reset=node.reset,
        )
        steps = None if holds else self._steps
        return RoundedNeuron(normal, neuron, needed_bits, counts, steps, raised, refusals)

    @property
    def _steps(self) -> int:
        """The steps that a membrane is wide enough for if no width is for ever."""
        return max(self.horizon_steps, self.steps or 0)

    def _raised(self, node: Neuron, arriving: Range | None) -> np.ndarray:
        """Return by how much each gain is raised: 1, or what makes synapses a `tolerance` of bias.

        In units of one synapse: bias and reset, and all that the synapses can bring, each added up
        over the membrane's memory.
        """
        assert node.v_reset is not None
        if arriving is None or self.tolerance == 0:
            return np.ones(1)
        settled = node.settling_gain(self._steps)
        brought = np.maximum(np.abs(arriving.low), np.abs(arriving.high))
        brought = np.maximum(brought * node.current_settling_gain(self._steps), 1) * settled
        fixed = np.maximum(np.abs(node.leak) * settled, np.abs(node.v_reset))
        return np.maximum(fixed * self.tolerance / brought, 1)

    def _width(
        self, node: Neuron, arriving: Range | None, fraction: int
    ) -> tuple[int, int, bool, tuple[Refusal, ...]]:
        """Return the bits of a membrane, those needed, whether for ever, and what is wrong."""
        refusals: list[Refusal] = []
        if arriving is None:
            refusals.append(
                Refusal(
                    "the sums that reach it have no bound: a loop without a neuron feeds it",
                    "put a spiking neuron into the loop",
                )
            )
            arriving = SPIKES
        assert node.v_reset is not None
        lowest, highest, holds = membrane_range(node, arriving, self._steps)
        farthest = max(np.max(highest), -np.min(lowest), np.max(np.abs(node.v_reset)))
        # A fraction of one unit more on either side: bias and reset are rounded by half a unit.
        reach = int(farthest * (1 << fraction)) + 2
        bits = max(reach.bit_length() + 1, 2)
        needed_bits = bits
        if self.membrane_bits is not None:
            bits = self.membrane_bits
        if bits > _WIDEST_MEMBRANE:
            refusals.append(
                Refusal(
                    f"its membrane would need {bits} bits, {_WIDEST_MEMBRANE} are the most; "
                    f"{_neurons(_widest(node, lowest, highest))} needs most",
                    "scale weights and threshold down, or fix the fraction bits (--fraction-bits)",
                )
            )
            bits = _WIDEST_MEMBRANE
        return bits, needed_bits, holds, tuple(refusals)

    def _fraction(self, node: Neuron) -> int:
        """Return F: the smallest with rounding errors below tolerance * |threshold|."""
        if self.fraction_bits is not None:
            return self.fraction_bits
        assert node.threshold is not None and node.v_reset is not None
        theta = np.abs(node.threshold)
        for fraction in range(_WIDEST_FRACTION):
            if np.all(
                _rounding_error(node, fraction, self.horizon_steps) <= self.tolerance * theta
            ):
                return fraction
        return _WIDEST_FRACTION


def _in_units_of(node: Neuron, synapse: np.ndarray) -> Neuron:
    """Return the neuron with its potentials counted in what one synapse of weight 1 brings."""
    assert node.threshold is not None and node.v_reset is not None
    return replace(
        node,
        gain=np.ones(1),
        current_gain=None if node.current_gain is None else np.ones(1),
        threshold=node.threshold / synapse,
        leak=node.leak / synapse,
        v_reset=node.v_reset / synapse,
    )


def _widest(node: Neuron, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Return where the membrane reaches farthest, (1, axes)."""
    assert node.v_reset is not None
    reach = np.maximum(np.maximum(highest, -lowest), np.abs(node.v_reset))
    spread = np.broadcast_to(reach, node.shape)
    return np.array([np.unravel_index(np.argmax(spread), node.shape)])


def _neurons(where: np.ndarray) -> str:
    """Return which neurons are meant, in words. where: (neurons, axes)."""
    first = ", ".join(map(str, where[0].tolist()))
    return f"neuron {first}" if len(where) == 1 else f"neuron {first} and {len(where) - 1} more"


def _depends_on_counts(graph: Graph, name: str) -> bool:
    """Whether more spikes in a bin of an input bring more to a population, in the same step."""
    one, two = arriving_range(graph, name, 1), arriving_range(graph, name, 2)
    if one is None or two is None:
        return False
    return not (np.array_equal(one.low, two.low) and np.array_equal(one.high, two.high))


def _rounding_error(node: Neuron, fraction: int, horizon_steps: int) -> np.ndarray:
    """Return a bound, in synapses of weight 1, on how far rounding moves u from its real value.

    Each step rounds the decayed potential (by less than one unit, unless nothing decays) and the
    bias (by its own error); the errors add up over the membrane's memory. The threshold's floor
    changes nothing where the potential itself stays on the grid, but for a subtracting reset, which
    takes that much too little off at every spike.
    """
    unit = 2.0**-fraction
    decays = (node.decay != 0) & (node.decay != 1)
    per_step = decays * unit + np.abs(node.leak - np.round(node.leak / unit) * unit)
    if node.reset is not Reset.HARD:
        assert node.threshold is not None
        per_step = per_step + node.threshold - np.floor(node.threshold / unit) * unit
    if node.current_decay is not None:
        per_step = per_step + unit * node.current_settling_gain(horizon_steps)
    bound: np.ndarray = per_step * node.settling_gain(horizon_steps)
    return bound


def _leaky_state(decay: np.ndarray, low: int, high: int, rounding: Rounding) -> LeakyState:
    for shift in range(_WIDEST_DECAY + 1):
        multiplier = np.round(decay * 2.0**shift)
        if np.all(np.abs(multiplier / 2.0**shift - decay) < _SAME_DECAY):
            break
    return LeakyState(compact(multiplier.astype(np.int64)), shift, low, high, rounding)


def _integer_connection(node: Affine | Conv) -> IntegerAffine | IntegerConv:
    if node.weight.dtype.kind != "i" or node.bias is not None:
        raise InternalError("connection with real weights or a bias; run integer-weights first")
    kind = narrowest_type(node.weight)
    if isinstance(node, Affine):
        return IntegerAffine(node.weight, kind)
    return IntegerConv(node.weight, kind, node.window, node.groups)
