"""Neurons and delays, one time step at a time: slow and obvious, the oracle for everything else.

Each class holds the state of one node for one batch; calling it with the summed input a[t] of
shape (batch, *shape) advances it by a step and returns what the node sends. `potential` is then
u[t], the membrane potential before reset.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from ..errors import InputError
from ..ir import (
    IF,
    LI,
    LIF,
    ContinuousNeuron,
    CubaLI,
    CubaLIF,
    Dialect,
    I,
    IFConvention,
    IntegerNeuron,
    Integrator,
    Neuron,
    Reset,
    Threshold,
    WInConvention,
)
from .linear import Real

SomeNeuron = TypeVar("SomeNeuron", ContinuousNeuron, Neuron)


def in_type(node: SomeNeuron, real: Real) -> SomeNeuron:
    """Return the neuron with its parameters in another floating type.

    Thresholds are rounded down, so that `u > threshold` is what it was for every u of that type.
    """
    found = {field.name: getattr(node, field.name) for field in fields(node)}
    arrays: dict[str, Any] = {
        name: rounded_down(value, real) if "threshold" in name else value.astype(real)
        for name, value in found.items()
        if isinstance(value, np.ndarray)
    }
    return replace(node, **arrays)


def rounded_down(value: np.ndarray, real: Real) -> np.ndarray:
    """Return the largest numbers of type `real` that are not above `value`."""
    nearest = value.astype(real)
    lower: np.ndarray = np.where(nearest > value, np.nextafter(nearest, real(-np.inf)), nearest)
    return lower


def fire(
    u: np.ndarray,
    threshold: np.ndarray,
    v_reset: np.ndarray | float,
    reset: Reset,
    held: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Compare and reset: return (z[t], the potential compared, v[t], what the next step holds).

    held: where a delayed reset acts in this step; unused by the other resets.
    """
    if reset is Reset.HARD_NEXT:
        u = _reset_where(held, u, v_reset)
        z = u > threshold
        return z, u, u, z
    compared = u
    if reset is Reset.SUBTRACT_NEXT:
        u = compared = u - held * threshold
    elif reset is Reset.SUBTRACT_HELD:
        compared = u - held * threshold
    z = compared > threshold
    if reset is Reset.HARD:
        return z, compared, _reset_where(z, u, v_reset), held
    if reset is Reset.SUBTRACT_NEXT:
        return z, compared, u, z
    v = u - z * threshold
    return z, compared, v, v > threshold


def _reset_where(z: np.ndarray, u: np.ndarray, v_reset: np.ndarray | float) -> np.ndarray:
    v: np.ndarray = u * ~z  # a choice by np.where mispredicts a branch at every spike
    return v + v_reset * z if np.any(v_reset) else v


class ContinuousStepper:
    """A NIR neuron under a dialect (the equations are those of NIR's neuron docs).

    euler:              x <- x + dt/tau * (rest - x + gain * input)
    exponential:        x <- rest + e * (x - rest) + (1 - e) * gain * input,   e = exp(-dt/tau)
    exponential-delta:  x <- rest + e * (x - rest) + dt/tau * gain * input
    exponential-jump:   x <- rest + e * (x - rest) + gain * input
    without leak (I, IF):  v <- v + r * input, times dt under the per-second convention

    A synaptic current jumps by w_in * input instead where the dialect's w_in says so. It moves
    first, the membrane then sees the current of the same step.
    """

    def __init__(
        self, node: ContinuousNeuron, dialect: Dialect, batch: int, real: Real = np.float64
    ) -> None:
        self.node, self.dialect = in_type(node, real), dialect
        self.current = np.zeros((batch, *node.shape), real)
        self.v = np.zeros((batch, *node.shape), real)
        self.potential = self.v
        self.held = np.zeros((batch, *node.shape), bool)

    def __call__(self, a: np.ndarray) -> np.ndarray:
        node, dialect = self.node, self.dialect
        match node:
            case Threshold():
                self.potential = a
                return a > node.threshold
            case I() | IF():
                per_second = dialect.if_convention is IFConvention.PER_SECOND
                u = self.v + (dialect.dt if per_second else 1.0) * node.r * a
            case LI() | LIF():
                u = self._leak(self.v, node.tau, node.v_leak, node.r, a)
            case CubaLI() | CubaLIF():
                if dialect.w_in is WInConvention.JUMP:
                    self.current = self._leak(self.current, node.tau_syn, 0.0, node.w_in, 0 * a)
                    self.current = self.current + node.w_in * a
                else:
                    self.current = self._leak(self.current, node.tau_syn, 0.0, node.w_in, a)
                u = self._leak(self.v, node.tau_mem, node.v_leak, node.r, self.current)
            case _:  # pragma: no cover  the classes above are all there are
                raise TypeError(node.kind)
        if not isinstance(node, (IF, LIF, CubaLIF)):
            self.v = self.potential = u
            return u
        z, self.potential, self.v, self.held = fire(
            u, node.v_threshold, node.v_reset, dialect.reset, self.held
        )
        return z

    def _leak(
        self,
        x: np.ndarray,
        tau: np.ndarray,
        rest: np.ndarray | float,
        gain: np.ndarray,
        a: np.ndarray,
    ) -> np.ndarray:
        ratio = self.dialect.dt / tau
        if self.dialect.integrator is Integrator.EULER:
            return x + ratio * (rest - x + gain * a)
        e = np.exp(-ratio)
        match self.dialect.integrator:
            case Integrator.EXPONENTIAL_DELTA:
                gain = ratio * gain
            case Integrator.EXPONENTIAL:
                gain = (1 - e) * gain
        return rest + e * (x - rest) + gain * a


class NeuronStepper:
    """A discrete `Neuron`; the equation is in its docstring."""

    def __init__(self, node: Neuron, batch: int, real: Real = np.float64) -> None:
        self.node = in_type(node, real)
        self.v = np.zeros((batch, *node.shape), real)
        if self.node.v_start is not None:
            self.v += self.node.v_start
        self.current = np.zeros((batch, *node.shape), real)
        self.potential = self.v
        self.held = np.zeros((batch, *node.shape), bool)

    def __call__(self, a: np.ndarray) -> np.ndarray:
        node = self.node
        if node.current_decay is None:
            self.current = a
        else:
            self.current = node.current_decay * self.current + node.current_gain * a
        u = node.decay * self.v
        u += node.gain * self.current
        u += node.leak
        if node.threshold is None:
            self.v = self.potential = u
            return u
        v_reset = 0.0 if node.v_reset is None else node.v_reset
        z, self.potential, self.v, self.held = fire(
            u, node.threshold, v_reset, node.reset, self.held
        )
        return z


class IntegerNeuronStepper:
    """An `IntegerNeuron`, in int64; the equation is in its docstring.

    overflows: how many states (currents and membranes) have been saturated or wrapped so far.
    """

    def __init__(self, node: IntegerNeuron, batch: int) -> None:
        self.node = node
        self.v = np.zeros((batch, *node.shape), np.int64)
        self.current = np.zeros_like(self.v)
        self.potential = self.v
        self.overflows = 0

    def __call__(self, a: np.ndarray) -> np.ndarray:
        node = self.node
        i = a << node.fraction_bits
        if node.current is not None:
            exact = node.current.leak(self.current) + i
            i = self.current = node.current.fit(exact)
            self.overflows += int(np.count_nonzero(i != exact))
        exact = node.membrane.leak(self.v) + i + node.bias
        u = node.membrane.fit(exact)
        self.overflows += int(np.count_nonzero(u != exact))
        z: np.ndarray = u > node.threshold
        self.potential = u
        after = node.v_reset if node.reset is Reset.HARD else u - node.threshold
        self.v = np.where(z, after, u)
        return z


class DelayStepper:
    """y[t] = x[t - steps], each neuron with its own number of steps, zero before the start.

    longest: the steps of the whole run.
    """

    def __init__(
        self, name: str, steps: np.ndarray, shape: tuple[int, ...], batch: int, longest: int
    ) -> None:
        if np.any(steps != np.round(steps)):
            raise InputError(
                f"delay node {name!r}",
                got=f"a delay of {steps.flat[np.argmax(steps != np.round(steps))]:g} steps",
                expected="whole steps of dt",
                remedy="choose a dt that divides every delay, or discretise the graph first",
            )
        steps = np.minimum(steps, longest)  # what comes after the last step need not be kept
        self.steps = np.broadcast_to(steps.astype(np.int64), shape)
        self.past = np.zeros((int(self.steps.max()) + 1, batch, *shape))
        self.t = 0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        length = len(self.past)
        self.past[self.t % length] = x
        slots = (self.t - self.steps) % length
        delayed = np.take_along_axis(self.past, slots[None, None], axis=0)[0]
        self.t += 1
        return delayed.astype(x.dtype)
