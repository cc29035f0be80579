"""Neurons as norse cells, with any surrogate gradient.

All take one time step at a time, as norse's `SNNCell` does; `over_time` runs one through a whole
sequence. With k = dt/tau_mem (k = 1 and no leak for IF):

    u[t] = v[t-1] + k * (x[t] + v_leak - v[t-1])       LIF, PLIF: forward Euler, norse's LIFBox
    u[t] = v[t-1] + x[t]                               IF: norse's IAF
    z[t] = 1 if u[t] > v_threshold else 0
    v[t] = v_reset if z[t] else u[t]                   hard reset
    v[t] = u[t] - z[t] * v_threshold                   soft reset

The input is multiplied by k. A paper's u = lambda*u + x with threshold 1 is the same neuron with
tau_mem = dt/(1 - lambda) and threshold k = 1 - lambda here.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ._norse import (
    IAFFeedForwardState,
    IAFParameters,
    LIFBoxFeedForwardState,
    LIFBoxParameters,
    SNNCell,
    reset_subtract,
    reset_value,
)
from .sequence import Recurrence, run_sequence
from .surrogates import Surrogate


class LIFCell(SNNCell):  # type: ignore[misc]
    """Step leaky integrate-and-fire neurons: (batch, *shape) currents to spikes and new state.

    p: norse's LIFBoxParameters; `method` and `alpha` are not used, the surrogate stands for them.
    surrogate: the gradient of the threshold.
    dt: seconds.
    detach_reset: keep the gradient out of the reset.
    """

    def __init__(self, p: Any, surrogate: Surrogate, dt: float = 1e-3, detach_reset: bool = False):
        super().__init__(self._step, self.initial_state, p, dt=dt)
        self.surrogate = surrogate
        self.detach_reset = detach_reset
        self._v_leak, self._v_reset = _unless_zero(p.v_leak), _unless_zero(p.v_reset)

    def initial_state(self, current: Tensor) -> Any:
        """Start every neuron at rest, v = v_leak."""
        return LIFBoxFeedForwardState(v=torch.zeros_like(current) + self.p.v_leak)

    @property
    def parameters_now(self) -> Any:
        """norse's parameters at this moment; a learned time constant is filled in here."""
        return self.p

    @property
    def k(self) -> float:
        """The factor of the input, dt/tau_mem, as it is now."""
        return float(self.dt * self.parameters_now.tau_mem_inv)

    @property
    def decay(self) -> float:
        """The share of a potential that is left after one step."""
        return 1 - self.k

    def recurrence(self) -> tuple[Tensor, Recurrence]:
        """Describe the step for `sequence`: its factor k, and the rest."""
        p = self.parameters_now
        soft = p.reset_method is reset_subtract
        return self.dt * p.tau_mem_inv, Recurrence(
            True, self._v_leak, p.v_th, self._v_reset, soft, self.detach_reset, self.surrogate
        )

    def forward(self, current: Tensor, state: Any = None, step: int = 0) -> tuple[Tensor, Any]:
        """Advance by one step; `step` is its number, for surrogates that change over time."""
        if state is None:
            state = self.state_fallback(current)
        return self._step(current, state, self.parameters_now, self.dt, step)

    def _step(
        self, current: Tensor, state: Any, p: Any, dt: float, step: int = 0
    ) -> tuple[Tensor, Any]:
        u = state.v + dt * p.tau_mem_inv * (current + p.v_leak - state.v)
        spikes = self.surrogate(u - p.v_th, step)
        fired = spikes.detach() if self.detach_reset else spikes
        return spikes, LIFBoxFeedForwardState(v=p.reset_method(fired, u, p.v_reset, p.v_th))


class PLIFCell(LIFCell):
    """Step LIF neurons whose time constant is learned, one for the layer (Fang et al. 2021).

    k = dt/tau_mem = sigmoid(w), so that 0 < k < 1 whatever the optimiser does; w starts at the
    value that gives `p.tau_mem_inv`, which must lie between 0 and 1/dt.
    """

    def __init__(self, p: Any, surrogate: Surrogate, dt: float = 1e-3, detach_reset: bool = False):
        super().__init__(p, surrogate, dt, detach_reset)
        k = dt * float(p.tau_mem_inv)
        self.w = nn.Parameter(torch.tensor(math.log(k / (1 - k))))

    @property
    def parameters_now(self) -> Any:
        return self.p._replace(tau_mem_inv=torch.sigmoid(self.w) / self.dt)


class IFCell(SNNCell):  # type: ignore[misc]
    """Step integrate-and-fire neurons: norse's IAF, v += x per step.

    p: norse's IAFParameters. soft_reset: subtract the threshold (IAFParameters cannot say so).
    """

    k = decay = 1.0

    def __init__(
        self,
        p: Any,
        surrogate: Surrogate,
        dt: float = 1e-3,
        detach_reset: bool = False,
        soft_reset: bool = False,
    ):
        super().__init__(self._step, self.initial_state, p, dt=dt)
        self.surrogate = surrogate
        self.detach_reset = detach_reset
        self.reset_method = reset_subtract if soft_reset else reset_value
        self._v_reset = _unless_zero(p.v_reset)

    def initial_state(self, current: Tensor) -> Any:
        """Start every neuron at v = 0."""
        return IAFFeedForwardState(v=torch.zeros_like(current))

    def recurrence(self) -> tuple[Tensor, Recurrence]:
        """Describe the step for `sequence`: its factor k, and the rest."""
        soft = self.reset_method is reset_subtract
        return torch.ones(()), Recurrence(
            False, None, self.p.v_th, self._v_reset, soft, self.detach_reset, self.surrogate
        )

    def forward(self, current: Tensor, state: Any = None, step: int = 0) -> tuple[Tensor, Any]:
        """Advance by one step; `step` is its number, for surrogates that change over time."""
        if state is None:
            state = self.state_fallback(current)
        return self._step(current, state, self.p, self.dt, step)

    def _step(
        self, current: Tensor, state: Any, p: Any, dt: float, step: int = 0
    ) -> tuple[Tensor, Any]:
        u = state.v + current
        spikes = self.surrogate(u - p.v_th, step)
        fired = spikes.detach() if self.detach_reset else spikes
        return spikes, IAFFeedForwardState(v=self.reset_method(fired, u, p.v_reset, p.v_th))


Cell = LIFCell | IFCell


def _unless_zero(potential: Tensor) -> Tensor | None:
    """Return a potential, or None for 0, with which nothing need be added."""
    return potential if bool(potential) else None


def over_time(cell: Cell, currents: Tensor) -> Tensor:
    """Run a cell from rest through currents (time, batch, *shape); return spikes of that shape.

    Where a gradient is wanted, the steps are taken as one operation, which gives the same spikes
    and the same gradient faster (see `sequence`).
    """
    if torch.is_grad_enabled():
        return run_sequence(currents, *cell.recurrence())
    return step_by_step(cell, currents)


def step_by_step(cell: Cell, currents: Tensor) -> Tensor:
    """Do what `over_time` does by calling the cell once for each time step."""
    state, spikes = None, torch.empty_like(currents)
    for step, current in enumerate(currents):
        spikes[step], state = cell(current, state, step)
    return spikes


def lif_parameters(
    tau_s: float, threshold: float, *, v_reset: float = 0.0, soft_reset: bool = False
) -> Any:
    """Make norse's LIFBoxParameters; tau in seconds, no leak potential."""
    return LIFBoxParameters(
        tau_mem_inv=torch.tensor(1.0 / tau_s),
        v_leak=torch.tensor(0.0),
        v_th=torch.tensor(threshold),
        v_reset=torch.tensor(v_reset),
        reset_method=reset_subtract if soft_reset else reset_value,
    )


def if_parameters(threshold: float, *, v_reset: float = 0.0) -> Any:
    """Make norse's IAFParameters."""
    return IAFParameters(v_th=torch.tensor(threshold), v_reset=torch.tensor(v_reset))
