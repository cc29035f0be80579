"""One layer of a spiking network: synapses, normalisation, gate, neurons.

    current[t] = gate( norm( synapses( pool(spikes_in[t]) ) + sums[t] ) )
    spikes[t]  = neurons( current[t] + shortcuts[t] )

Convolutions, and all that follows them, keep their tensors with the channels innermost in memory
(torch's channels_last), in which a CPU's convolutions and BatchNorm copy less.

A layer without neurons is a branch, whose current others add to theirs, or whose sums, where it is
bare synapses; or a read-out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..methods.agmm import ForwardGate
from ..methods.mpd_agl import MembraneRectangle, mean_gain
from ..nn.batchnorm import TemporalBatchNorm
from ..nn.binarize import BinaryConv2d, BinaryLinear
from ..nn.neurons import Cell, over_time


class SpikingLayer(nn.Module):
    """Turn spikes (time, batch, *shape) into a current, and the current into spikes.

    dropout: share of input spikes left out in training, the same ones in every time step.
    pool: average or maximum pooling in front of the synapses, or None.
    synapses: binary or floating-point, linear or convolutional.
    norm, gate, cell: None leaves that part out.
    """

    def __init__(
        self,
        synapses: nn.Linear | nn.Conv2d,
        *,
        norm: TemporalBatchNorm | None = None,
        gate: ForwardGate | None = None,
        cell: Cell | None = None,
        pool: nn.Module | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.pool, self.synapses, self.norm, self.gate = pool, synapses, norm, gate
        self.cell, self.dropout = cell, dropout
        if not self.flattens:
            synapses.weight.data = synapses.weight.to(memory_format=torch.channels_last)

    @property
    def binary(self) -> bool:
        """Whether every synapse of the layer is one bit."""
        return isinstance(self.synapses, BinaryLinear | BinaryConv2d)

    @property
    def flattens(self) -> bool:
        """Whether the layer reads its input as one vector, whatever shape that has."""
        return isinstance(self.synapses, nn.Linear)

    def current(self, spikes: Tensor, sums: Sequence[Tensor] = ()) -> Tensor:
        """Compute (time, batch, *shape_out) currents; all time steps go through at once.

        sums: of bare synapses, of the current's shape, added in front of BatchNorm.
        """
        time, batch = spikes.shape[:2]
        if self.dropout and self.training:
            spikes = spikes * functional.dropout(torch.ones_like(spikes[:1]), self.dropout)
        flat = spikes.flatten(0, 1)
        if self.pool is not None:
            flat = self.pool(flat)
        if not self.flattens:
            flat = flat.contiguous(memory_format=torch.channels_last)
        elif flat.dim() > 2:
            flat = flat.flatten(1)
        current: Tensor = self.synapses(flat).to(spikes.dtype).unflatten(0, (time, batch))
        for added in sums:
            current = current + added
        gate = self.gate
        if self.norm is not None and gate is not None and gate.of_norm:
            normed: Tensor = self.norm(current, gate.factor(self.norm.bias))
            return normed
        if self.norm is not None:
            current = self.norm(current)
        return current if gate is None else gate(current)

    def fire(self, current: Tensor) -> Tensor:
        """Run the neurons from rest through a current (time, batch, *shape)."""
        if self.cell is None:
            raise TypeError("a layer without neurons does not fire")
        surrogate = self.cell.surrogate
        if isinstance(surrogate, MembraneRectangle) and not surrogate.measured:
            deviation = self.current_deviation()
            if deviation is not None:
                surrogate.adapt(deviation, self.cell.k, self.cell.decay)
        return over_time(self.cell, current)

    def current_deviation(self) -> Tensor | None:
        """Derive the current's standard deviation, (steps,) or (1,), from BatchNorm and gate.

        None without BatchNorm: nothing is known about the current then.
        """
        if self.norm is None:
            return None
        deviation = mean_gain(self.norm.weight) * self.norm.scale
        if self.gate is not None and not self.gate.config.gradient_only:
            return deviation * self.gate.constant().mean(1).to(deviation.dtype)
        return deviation.reshape(1)
