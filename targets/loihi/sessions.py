"""Samples on Lava: how they follow one another, and rasters in Lava's axis order and time.

Samples follow one another in one session without a pause: every population is cleared in the step
in which the sample's first step reaches it, depth steps after it entered. Where spikes are delayed
beyond that wave (loops, delays) a sample could reach into the next one, so each has a session of
its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from axonc.toolchain.ir import Shape

from .network import Network


class Sessions:
    """One network and its input: spikes {input: bits of shape (batch, time, *shape)}.

    pause: steps of silence that are added to each sample.
    """

    def __init__(self, network: Network, spikes: Mapping[str, np.ndarray], pause: int = 0) -> None:
        self.network, self.spikes = network, spikes
        self.batch, self.steps = next(iter(spikes.values())).shape[:2]
        self.depths = {n: 0 for n in network.inputs} | {
            p.name: p.depth for p in network.populations
        }
        delays = [
            int(np.max(g.delay)) + 1 + self.depths[g.source] - self.depths[g.target]
            for g in network.synapses
        ]
        self.count = self.batch if max(delays) > 0 else 1
        self.samples = self.batch // self.count
        """How many samples a session has."""
        self.stride = self.steps + pause
        self.session_steps = self.stride * self.samples + max(self.depths.values())
        self.images = _images(network)
        names = [*network.inputs, *(p.name for p in network.populations)]
        self.index = {name: index for index, name in enumerate(names)}

    @property
    def period(self) -> int:
        """Steps between two resets; longer than the session where it has one sample."""
        return self.stride if self.count == 1 else self.session_steps + 1

    def shape(self, name: str) -> Shape:
        """Return the shape that a population has in Lava: (width, height, channels), or flat."""
        if image := self.images.get(name):
            return image[::-1]
        return (prod(self.network.shape_of(name)),)

    def order(self, name: str) -> np.ndarray:
        """Return for each neuron, in Lava's order, its place in the graph's order."""
        image = self.images.get(name)
        size = prod(self.network.shape_of(name))
        return np.arange(size).reshape(image or (size,)).transpose().reshape(-1)

    def inputs(self) -> dict[str, np.ndarray]:
        """Return the packed rasters that go in, by `input/INDEX/SESSION`."""
        found: dict[str, np.ndarray] = {}
        for name, raster in self.spikes.items():
            ordered = raster.reshape(self.batch, self.steps, -1)[:, :, self.order(name)]
            for part in range(self.count):
                rows = np.zeros((self.session_steps, ordered.shape[2]), bool)
                slots = rows[: self.samples * self.stride].reshape(
                    self.samples, self.stride, ordered.shape[2]
                )
                slots[:, : self.steps] = ordered[part * self.samples : (part + 1) * self.samples]
                found[f"input/{self.index[name]}/{part}"] = np.packbits(rows, axis=0)
        return found

    def read(self, folder: Path, what: str, name: str) -> np.ndarray:
        """Return one recording as (batch, time, [u and v,] *shape), the depth taken off."""
        depth = self.depths[name]
        parts = [
            np.load(folder / str(part) / f"{what}_{self.index[name]}.npy", allow_pickle=False)[
                depth : depth + self.samples * self.stride
            ]
            for part in range(self.count)
        ]
        rows = np.concatenate(parts)
        rows = rows.reshape(self.batch, self.stride, *rows.shape[1:])[:, : self.steps]
        ordered = np.empty_like(rows)
        ordered[..., self.order(name)] = rows
        return ordered.reshape(*rows.shape[:-1], *self.network.shape_of(name))


def _images(network: Network) -> dict[str, Shape]:
    """Return which populations are images (channels, height, width) to the convolutions on them."""
    found: dict[str, Shape] = {}
    for group in network.synapses:
        if group.kernel is not None:
            found.setdefault(group.source, group.kernel.input_shape)
            found.setdefault(group.target, group.kernel.output_shape)
    return found
