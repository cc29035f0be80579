"""A spiking network as a table of layers: everything else reads the same table.

Forward pass, recording, telemetry and export all walk `SpikingNetwork.wiring`, so that there is
nothing to trace and nothing that a tracer could miss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .layers import SpikingLayer

INPUT = "input"


@dataclass(frozen=True)
class Wire:
    """Where a layer's input comes from.

    source: the layer whose spikes the synapses read, or "input".
    sums: bare synapses whose sums are added to this layer's own, in front of its BatchNorm.
    shortcuts: layers whose currents (not spikes) are added to this layer's, as in Bi-Real Net.
    """

    source: str
    shortcuts: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()

    @property
    def added(self) -> tuple[str, ...]:
        """The layers that this one adds something of."""
        return (*self.shortcuts, *self.sums)


class SpikingNetwork(nn.Module):
    """Layers by name, in an order in which each comes after what it reads.

    input_shape: of one sample in one time step, as `(neurons,)` or `(channels, height, width)`.
    steps: time steps of one presentation.

    The last layer is the read-out: spike counts if it has neurons, else currents averaged over
    time. With more read-out neurons than classes, neuron i votes for class i % classes.
    """

    def __init__(
        self,
        layers: Mapping[str, tuple[Wire, SpikingLayer]],
        *,
        input_shape: tuple[int, ...],
        classes: int,
        steps: int,
    ):
        super().__init__()
        self.wiring = {name: wire for name, (wire, _) in layers.items()}
        self.layers = nn.ModuleDict({name: layer for name, (_, layer) in layers.items()})
        self.input_shape, self.classes, self.steps = input_shape, classes, steps
        self._check()

    def _check(self) -> None:
        known: set[str] = set()
        for name, wire in self.wiring.items():
            sources = {wire.source} - {INPUT}
            if missing := (sources | set(wire.added)) - known:
                raise ValueError(f"layer {name!r} reads {sorted(missing)}, which comes later")
            known.add(name)

    def layer(self, name: str) -> SpikingLayer:
        """Return the layer of that name."""
        layer = self.layers[name]
        assert isinstance(layer, SpikingLayer)
        return layer

    @property
    def output(self) -> str:
        """The read-out layer's name."""
        return next(reversed(self.wiring))

    @property
    def counts_spikes(self) -> bool:
        """Whether the read-out counts spikes (True) or averages currents (False)."""
        return self.layer(self.output).cell is not None

    def forward(self, spikes: Tensor, record: dict[str, Tensor] | None = None) -> Tensor:
        """Return class scores (batch, classes) for spikes (time, batch, *input_shape).

        record: filled with every layer's spikes, (time, batch, *shape), by layer name.
        """
        needed = {name for wire in self.wiring.values() for name in wire.added}
        currents: dict[str, Tensor] = {}  # of the layers that others add to theirs
        fired = {INPUT: spikes}
        for name, wire in self.wiring.items():
            layer = self.layer(name)
            sums = [currents[name] for name in wire.sums]
            current = layer.current(fired[wire.source], sums)
            for shortcut in wire.shortcuts:
                current = current + currents[shortcut]
            if name in needed:
                currents[name] = current
            if layer.cell is not None:
                fired[name] = layer.fire(current)
        if record is not None:
            record.update((name, fired[name]) for name in self.wiring if name in fired)
        if self.counts_spikes:
            return votes(fired[self.output].sum(0), self.classes)
        return votes(current.mean(0), self.classes)


def votes(readout: Tensor, classes: int) -> Tensor:
    """Sum a read-out (batch, groups*classes) over its groups: (batch, classes)."""
    if readout.shape[1] == classes:
        return readout
    return readout.view(len(readout), -1, classes).sum(1)


@torch.no_grad()
def binary_signs(network: SpikingNetwork) -> dict[str, Tensor]:
    """Return each binary layer's weight signs, True for +1 (sign(0) = +1), by layer name."""
    layers = {name: network.layer(name) for name in network.wiring}
    return {name: layer.synapses.weight >= 0 for name, layer in layers.items() if layer.binary}
