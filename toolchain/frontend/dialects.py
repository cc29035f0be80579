"""Determine the dialect of a NIR graph: from options, metadata, its numbers, or defaults.

NIR writes differential equations and no time step. Each choice is taken from, in this order:
the options; the file's metadata (`dt`); numbers in the file that only one convention writes; the
default. Each choice that no option made gives a note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np

from .. import ir
from ..errors import InputError
from ..ir import Dialect, IFConvention, Integrator, Node, Reset, WInConvention
from .raw import Scalar

DEFAULT_DT = 1e-4
_FIRST_HARD_RESET = (1, 0, 6)
"""The version of the package nir that put v_reset where v - v_threshold had been (NIR #129)."""
_EXACT = 1e-5
"""Relative error within which numbers are one: a few roundings of float32."""

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class DialectOptions:
    """The user's choices; None leaves one to the file or the default. Strings are accepted.

    dt: time step in the file's own unit of time (seconds for most producers).
    fires_at_threshold: neurons fire at v >= threshold rather than above it (spikingjelly).

    Raises:
        InputError: a value is not one of the legal ones.
    """

    dt: float | None = None
    integrator: Integrator | None = None
    reset: Reset | None = None
    if_convention: IFConvention | None = None
    fires_at_threshold: bool = False
    w_in: WInConvention | None = None

    def __post_init__(self) -> None:
        if self.dt is not None and not (np.isfinite(self.dt) and self.dt > 0):
            raise InputError(
                "option dt",
                got=repr(self.dt),
                expected="a time above 0",
                remedy="give the step in the file's unit, e.g. 1e-4 for seconds",
            )
        for name, kind in (
            ("integrator", Integrator),
            ("reset", Reset),
            ("if_convention", IFConvention),
            ("w_in", WInConvention),
        ):
            object.__setattr__(self, name, _choice(name, getattr(self, name), kind))


def _choice(name: str, value: str | None, kind: type[Choice]) -> Choice | None:
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        raise InputError(
            f"option {name}",
            got=repr(value),
            expected=f"one of {', '.join(kind)}",
            remedy="choose the convention of the program that wrote the graph",
        ) from None


@dataclass(frozen=True, slots=True)
class Hint:
    """What numbers in the file reveal: a time step, and the convention that wrote them.

    confirmed: whether two independent constants agree on it; one may be round by chance.
    """

    dt: float
    pattern: str
    confirmed: bool
    integrator: Integrator | None = None
    if_convention: IFConvention | None = None

    @property
    def why(self) -> str:
        """How sure the hint is, as notes say it."""
        if self.confirmed:
            return f"recognised by {self.pattern}"
        return f"assumed: {self.pattern} makes it round, but no second constant confirms it"


def dialect_of(
    nodes: Mapping[str, Node],
    *,
    metadata: Mapping[str, Scalar],
    version: str | None,
    without_reset: Collection[str],
    options: DialectOptions,
) -> Dialect:
    """Return the dialect of a graph.

    without_reset: the spiking neurons for which the file has no v_reset.
    """
    notes: list[str] = []
    ours = metadata.get("producer") == "axonc"
    neurons = [node for node in nodes.values() if isinstance(node, ir.ContinuousNeuron)]
    hint = _hint(neurons, options.dt)
    dt = _dt(neurons, nodes, metadata, options, hint, notes)
    integrator = options.integrator
    if integrator is None:
        integrator = hint.integrator if hint and hint.integrator else Integrator.EULER
        if any(_taus(node) for node in neurons) and not ours:
            why = hint.why if hint and hint.integrator else "assumed"
            notes.append(f"The integrator is {integrator}: {why}.")
    if_convention = options.if_convention
    if if_convention is None:
        known = hint.if_convention if hint else None
        if_convention = known or IFConvention.PER_STEP
        if any(isinstance(node, ir.IF | ir.I) for node in neurons):
            why = hint.why if hint and known else "assumed"
            notes.append(
                f"Integrators without leak (I, IF) count their input {if_convention}: {why}."
            )
    reset = options.reset or _reset(nodes, version, without_reset, ours, notes)
    _note_unused_reset(nodes, reset, without_reset, notes)
    w_in = options.w_in or WInConvention.FILTERED
    if any(isinstance(node, ir.CubaLI | ir.CubaLIF) for node in neurons) and not (
        ours or options.w_in
    ):
        notes.append("w_in is filtered by the synapse, as NIR's text has it: assumed.")
    return Dialect(dt, integrator, reset, if_convention, w_in, tuple(notes))


def _dt(
    neurons: Iterable[Node],
    nodes: Mapping[str, Node],
    metadata: Mapping[str, Scalar],
    options: DialectOptions,
    hint: Hint | None,
    notes: list[str],
) -> float:
    written = metadata.get("dt")
    if written is not None and (
        isinstance(written, str) or not np.isfinite(written) or not written > 0
    ):
        notes.append(f"The metadata's dt is {written!r}, which is no time step; it was ignored.")
        written = None
    told = None if written is None else float(written)
    if options.dt is not None:
        if told is not None and not np.isclose(told, options.dt, rtol=_EXACT):
            notes.append(f"The file's metadata says dt = {told:g}; {options.dt:g} was asked for.")
        return options.dt
    if told is not None:
        notes.append(f"dt = {told:g} was read from the file's metadata.")
        return told
    if hint is not None:
        notes.append(f"dt = {hint.dt:g} was {hint.why}.")
        return hint.dt
    taus = [tau for node in neurons for tau in _taus(node)]
    if taus or any(isinstance(node, ir.Delay) for node in nodes.values()):
        text = f"dt = {DEFAULT_DT:g} was assumed: the file does not say."
        if taus and min(float(tau.min()) for tau in taus) >= 1:
            text += (
                " Its time constants are all 1 or more, which looks like steps or milliseconds:"
                " give dt in the same unit."
            )
        notes.append(text)
    return DEFAULT_DT


def _reset(
    nodes: Mapping[str, Node],
    version: str | None,
    without_reset: Collection[str],
    ours: bool,
    notes: list[str],
) -> Reset:
    if not without_reset:
        resets = [node.v_reset for node in nodes.values() if hasattr(node, "v_reset")]
        if resets and not any(np.any(v_reset) for v_reset in resets) and not ours:
            notes.append(
                "The reset is hard, as v_reset says: all 0, which snnTorch, spikingjelly and sinabs"
                " write for a subtracting reset too; if so, ask for it."
            )
        return Reset.HARD
    if _parsed_version(version) >= _FIRST_HARD_RESET:
        notes.append(f"The reset is hard, to 0: nir {version} means that by a missing v_reset.")
        return Reset.HARD
    by = f"nir {version}" if version else "an unnamed version of nir"
    notes.append(
        f"The reset subtracts the threshold: the file, written by {by}, has no v_reset, and NIR"
        " meant that until 1.0.5. Producers with a hard reset wrote the same: if so, ask for it."
    )
    spiking = sum(hasattr(node, "v_reset") for node in nodes.values())
    if len(without_reset) < spiking:
        notes.append(f"{spiking - len(without_reset)} populations do have a v_reset.")
    return Reset.SUBTRACT


def _note_unused_reset(
    nodes: Mapping[str, Node], reset: Reset, without_reset: Collection[str], notes: list[str]
) -> None:
    if reset in (Reset.HARD, Reset.HARD_NEXT):
        return
    names = [
        repr(name)
        for name, node in nodes.items()
        if name not in without_reset and np.any(getattr(node, "v_reset", 0) != 0)
    ]
    if names:
        notes.append(f"The reset '{reset}' does not use the v_reset of {', '.join(names)}.")


def _parsed_version(version: str | None) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version or "")
    return tuple(int(part) for part in found.groups()) if found else (0,)


# -- recognising -------------------------------------------------------------------------------


def _taus(node: Node) -> list[np.ndarray]:
    names = ("tau", "tau_mem", "tau_syn")
    return [value for name in names if isinstance(value := getattr(node, name, None), np.ndarray)]


def _hint(neurons: list[ir.ContinuousNeuron], dt: float | None) -> Hint | None:
    """Return the convention under which r and w_in of every population imply one time step."""
    leaky = [node for node in neurons if _taus(node)]
    taus = [tau.reshape(-1) for node in leaky for _, tau in _gains(node)]
    distinct = np.unique(np.round(np.log(np.concatenate(taus or [np.ones(1)])), 4))
    confirmed = dt is not None or len(distinct) > 1
    found = _agreeing(leaky, _euler_steps, dt)
    if found is not None:
        return Hint(found, "r = tau/dt", confirmed, Integrator.EULER)
    found = _agreeing(leaky, _delta_steps, dt)
    if found is not None:
        pattern = "r = tau/dt * exp(-dt/tau)"
        return Hint(found, pattern, confirmed, Integrator.EXPONENTIAL_DELTA)
    integrators = [node for node in neurons if isinstance(node, ir.IF | ir.I)]
    found = _agreeing(integrators, _per_second_steps, dt)
    if found is not None:
        return Hint(found, "r = 1/dt", dt is not None, None, IFConvention.PER_SECOND)
    return None


def _agreeing(
    nodes: Iterable[Node], steps_of: Callable[[Node], list[np.ndarray]], dt: float | None
) -> float | None:
    """Return the step on which all numbers agree, if chance is unlikely."""
    return _same_step([step.reshape(-1) for node in nodes for step in steps_of(node)], dt)


def _same_step(steps: list[np.ndarray], dt: float | None) -> float | None:
    """Return the time step that all numbers equal, `dt` if it is given, else a round one."""
    if not steps:
        return None
    all_steps = np.concatenate(steps).astype(np.float64)
    step = float(np.median(all_steps))
    if not np.isfinite(step) or step <= 0 or np.ptp(all_steps) > _EXACT * step:
        return None
    if dt is not None:
        return dt if abs(step - dt) <= _EXACT * dt else None
    return round_step(step)


def _per_second_steps(node: Node) -> list[np.ndarray]:
    """Solve r = 1/dt for dt; smaller r than 100 are plain gains."""
    r = node.r if isinstance(node, ir.IF | ir.I) else np.zeros(1)
    return [1 / r] if np.all(r >= 100) else []


def round_step(step: float) -> float | None:
    """Return the number of one or two digits that `step` is, None if it is none."""
    rounded = float(f"{step:.1e}")
    return rounded if abs(step - rounded) <= _EXACT * rounded else None


def _gains(node: Node) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the (gain, time constant) pairs of a leaky neuron whose gain is not 1."""
    pairs = [("r", "tau"), ("r", "tau_mem"), ("w_in", "tau_syn")]
    found = [(getattr(node, g), getattr(node, t)) for g, t in pairs if hasattr(node, t)]
    return [(gain, tau) for gain, tau in found if not np.all(gain == 1)]


def _euler_steps(node: Node) -> list[np.ndarray]:
    """Solve gain = tau/dt for dt; nothing where it would be longer than tau."""
    return [tau / gain if np.all(gain >= 1) else np.array([np.nan]) for gain, tau in _gains(node)]


def _delta_steps(node: Node) -> list[np.ndarray]:
    """Solve gain = tau/dt * exp(-dt/tau) for dt, by Newton's method on x exp(x) = 1/gain."""
    steps = []
    for gain, tau in _gains(node):
        target = 1 / np.where(gain > 1, gain, np.nan).astype(np.float64)
        x = target / (1 + target)
        for _ in range(20):
            x = x - (x * np.exp(x) - target) / ((1 + x) * np.exp(x))
        steps.append(x * tau)
    return steps
