"""What NIR leaves open: the choices that turn its differential equations into one time step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .discrete import Reset


class Integrator(StrEnum):
    """How a leaky state with time constant tau moves on by one step dt."""

    EULER = "euler"
    """decay 1 - dt/tau, gain r*dt/tau: norse, snnTorch, spyx."""
    EXPONENTIAL = "exponential"
    """decay exp(-dt/tau), gain r*(1 - exp(-dt/tau)): exact for an input held over the step."""
    EXPONENTIAL_DELTA = "exponential-delta"
    """decay exp(-dt/tau), gain r*dt/tau: the input is a pulse, not leaked in its own step
    (rockpool)."""
    EXPONENTIAL_JUMP = "exponential-jump"
    """decay exp(-dt/tau), gain r: the state jumps by the whole input (sinabs, norm_input=False)."""


class IFConvention(StrEnum):
    """What r of an integrator without leak multiplies."""

    PER_STEP = "per-step"
    """v += r * x each step: norse, snnTorch, sinabs, lava-dl."""
    PER_SECOND = "per-second"
    """v += dt * r * x each step, the differential equation taken literally: spikingjelly."""


class WInConvention(StrEnum):
    """What w_in of a synaptic current means (CubaLI, CubaLIF)."""

    FILTERED = "filtered"
    """tau_syn di/dt = -i + w_in x, moved on as the integrator says: NIR's text, snnTorch."""
    JUMP = "jump"
    """i jumps by w_in for each unit of input, whatever tau_syn is: norse's LIFCell files."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One reading of a NIR graph.

    dt: the time step, in the file's own unit of time (seconds for most producers).
    notes: what was assumed rather than read, one sentence each, to be shown to the user.
    """

    dt: float
    integrator: Integrator = Integrator.EULER
    reset: Reset = Reset.HARD
    if_convention: IFConvention = IFConvention.PER_STEP
    w_in: WInConvention = WInConvention.FILTERED
    notes: tuple[str, ...] = ()
