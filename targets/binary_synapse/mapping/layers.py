"""Layers on their way to cores: what feeds them, how they are split, when they have their turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from axonc.toolchain.ir import Graph

from ..program.box import Box, Grid
from ..program.program import HOST, Bank, Block
from ..program.projections import Projection
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

    def fed_back(self, source: str) -> Layer:
        """Return the layer with its own spikes coming from outside, as those of `source`."""
        others = {
            id(p): p.coming_from(source) if p.path.source == self.name else p
            for p in self.projections
        }
        chunks = tuple(
            tuple(Bank(others[id(bank.projection)], bank.accepts) for bank in chunk)
            for chunk in self.tiling.chunks
        )
        tiling = replace(self.tiling, chunks=chunks)
        return replace(self, projections=tuple(others.values()), tiling=tiling)


def returned(graph: Graph, name: str) -> str:
    """Return the source that a layer's own spikes come from where parts of it lie elsewhere."""
    return graph.fresh(f"{name} (back)")


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
    return Bank(bank.projection, bank.accepts & bank.projection.reaching(box))
