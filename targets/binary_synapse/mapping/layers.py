"""Layers on their way to cores: what feeds them, how they are split, when they have their turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..program.program import HOST, Bank, Block, Box, Projection
from ..program.projections import ConvProjection, DenseProjection, Grid
from ..program.unrolling import UnrolledProjection
from .tiling import Tiling


@dataclass(frozen=True)
class Layer:
    """A neuron node, everything that feeds it, and its split over cores; or a part of it.

    resumes, hands_on: of a part with some of the chunks, whether an earlier part has begun its sums
    and a later one ends them.
    """

    name: str
    grid: Grid
    projections: tuple[Projection, ...]
    tiling: Tiling
    resumes: bool = False
    hands_on: bool = False

    def with_boxes(self, boxes: tuple[Box, ...]) -> Layer:
        """Return some boxes of the layer."""
        return replace(self, tiling=replace(self.tiling, boxes=boxes))

    def with_chunks(self, first: int, last: int) -> Layer:
        """Return some chunks of the layer, from `first` to before `last`."""
        chunks = self.tiling.chunks
        return replace(
            self,
            tiling=replace(self.tiling, chunks=chunks[first:last]),
            resumes=first > 0,
            hands_on=last < len(chunks),
        )

    def fed_back(self) -> Layer:
        """Return the layer with its own spikes coming from outside, as those of `returned`."""
        others = {id(p): _fed_back(p, self.name) for p in self.projections}
        chunks = tuple(
            tuple(Bank(others[id(bank.projection)], bank.accepts) for bank in chunk)
            for chunk in self.tiling.chunks
        )
        tiling = replace(self.tiling, chunks=chunks)
        return replace(self, projections=tuple(others.values()), tiling=tiling)


def returned(name: str) -> str:
    """Return the source that a layer's own spikes come from where parts of it lie elsewhere."""
    return f"{name} (back)"


def _fed_back(projection: Projection, layer: str) -> Projection:
    if projection.path.source != layer:
        return projection
    if isinstance(projection, UnrolledProjection):
        inner = _fed_back(projection.convolution, layer)
        assert isinstance(inner, ConvProjection)
        return UnrolledProjection(inner)
    return replace(projection, path=replace(projection.path, source=returned(layer)))


def waves_of(layers: Iterable[Layer]) -> dict[str, int]:
    """Return the turn of the owners of each layer, given in the order of execution.

    Helpers go one turn earlier. Sources that are none of the layers are inputs.
    """
    waves: dict[str, int] = {}
    for layer in layers:
        paths = [projection.path for projection in layer.projections]
        before = [waves.get(path.source, -1) for path in paths if path.delay == 0]
        waves[layer.name] = max(before, default=-1) + 1 + (len(layer.tiling.chunks) > 1)
    return waves


def make_blocks(layers: Iterable[Layer]) -> list[Block]:
    """Return the blocks of some layers, each in a core of its own; owners before their helpers."""
    layers = list(layers)
    waves = waves_of(layers)
    blocks: list[Block] = []
    for layer in layers:
        for box in layer.tiling.boxes:
            owner = len(blocks)
            for number, chunk in enumerate(layer.tiling.chunks):
                banks = tuple(bank for whole in chunk if (bank := _into(whole, box)).accepts.volume)
                if number > 0 and not banks:
                    continue  # no source of this chunk reaches the box
                blocks.append(
                    Block(
                        layer=layer.name,
                        grid=layer.grid,
                        box=box,
                        banks=banks,
                        wave=waves[layer.name] - (number > 0),
                        core=len(blocks),
                        helps=owner if number > 0 else HOST if layer.hands_on else None,
                        resumes=layer.resumes and number == 0,
                    )
                )
    return blocks


def _into(bank: Bank, box: Box) -> Bank:
    """Return the bank with those of its sources that can reach `box`."""
    projection = bank.projection
    if isinstance(projection, DenseProjection):
        return bank
    whole = projection if isinstance(projection, ConvProjection) else projection.convolution
    return Bank(projection, bank.accepts & _accepted(whole, box))


def _accepted(projection: ConvProjection, box: Box) -> Box:
    """Return the smallest box of sources that reaches `box`."""
    kernel, groups = projection.kernel, projection.groups
    outputs, inputs = kernel.shape[0] // groups, kernel.shape[1]
    first, last = box.channels
    channels = (first // outputs * inputs, ((last - 1) // outputs + 1) * inputs)
    return Box(
        channels,
        projection.row_taps.reaching(*box.rows),
        projection.column_taps.reaching(*box.columns),
    )
