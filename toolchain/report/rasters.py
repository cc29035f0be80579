"""Spike rasters of one image, engine beside engine, so that people see that they are equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .svg import BAD, GRID, INK, MUTED, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN_NEURONS = 40

Sample = Mapping[str, Mapping[str, np.ndarray]]
"""engine -> node -> bool (time, *node shape), the spikes of one image."""


def raster_plot(sample: Sample, names: Mapping[str, str], *, against: str) -> str:
    """Draw every layer (rows) on every engine (columns), one mark a spike.

    Up to 40 neurons of a layer are drawn, evenly spaced among those that spike anywhere. Bins in
    which an engine differs from the engine `against` are marked in the colour of faults, and the
    number of such bins among all neurons of the layer stands above each panel.

    names: what to call the engines.
    """
    engines, layers = list(sample), list(next(iter(sample.values())))

    def paint(figure: Figure) -> None:
        grid = figure.subplots(len(layers), len(engines), squeeze=False)
        figure.subplots_adjust(
            left=0.055,
            right=0.995,
            top=1 - 0.5 / height,
            bottom=0.35 / height,
            wspace=0.1,
            hspace=0.3,
        )
        for row, layer in enumerate(layers):
            everywhere = {engine: _flat(sample[engine][layer]) for engine in engines}
            shown = _shown(list(everywhere.values()))
            truth = everywhere[against]
            for column, engine in enumerate(engines):
                axes = grid[row][column]
                _panel(axes, everywhere[engine][:, shown], truth[:, shown])
                differing = int(np.count_nonzero(everywhere[engine] != truth))
                told = "" if engine == against else f"{differing:,} differ"
                axes.set_title(
                    told, fontsize=8.5, pad=3, color=BAD if differing else MUTED, loc="left"
                )
                if column == 0:
                    axes.set_ylabel(f"{layer} ({truth.shape[1]:,})", fontsize=9, color=INK)
                if row == 0:
                    axes.text(
                        0, 1.2, names.get(engine, engine), transform=axes.transAxes, fontsize=9.5
                    )
                if row == len(layers) - 1:
                    axes.set_xlabel("step", fontsize=9)

    width = 0.5 + 1.25 * len(engines)
    height = 0.85 + 1.3 * len(layers)
    return draw(paint, size_in=(width, height), label="Spikes of one image by layer and engine")


def picture(spikes: np.ndarray) -> str | None:
    """Draw spikes (time, *shape) summed over time as a picture; None where there is no picture.

    A flat input is taken as square where it can be; channels are added up.
    """
    counts = spikes.astype(np.int64).sum(axis=0)
    if counts.ndim == 1:
        side = round(counts.size**0.5)
        if side * side != counts.size:
            return None
        counts = counts.reshape(side, side)
    elif counts.ndim == 3:
        counts = counts.sum(axis=0)
    if counts.ndim != 2:
        return None
    most = max(int(counts.max()), 1)

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        for level in range(1, most + 1):
            _cells(axes, (counts == level).T, INK, alpha=level / most)
        axes.set_xlim(0, counts.shape[1])
        axes.set_ylim(counts.shape[0], 0)
        axes.set_xticks([])
        axes.set_yticks([])

    size = (1.6, 1.6 * counts.shape[0] / counts.shape[1])
    return draw(paint, size_in=size, label="Input spikes of one image, summed over time")


def _flat(raster: np.ndarray) -> np.ndarray:
    return raster.astype(bool).reshape(len(raster), -1)


def _shown(rasters: list[np.ndarray]) -> np.ndarray:
    """Return which neurons to draw: evenly spaced among those that spike, in order."""
    spiking = np.flatnonzero(np.any([raster.any(axis=0) for raster in rasters], axis=0))
    candidates = spiking if len(spiking) else np.arange(rasters[0].shape[1])
    count = min(_SHOWN_NEURONS, len(candidates))
    return candidates[np.linspace(0, len(candidates) - 1, count).round().astype(int)]


def _panel(axes: Axes, spikes: np.ndarray, truth: np.ndarray) -> None:
    steps, neurons = spikes.shape
    _cells(axes, spikes & truth, INK)
    _cells(axes, spikes != truth, BAD)
    axes.set_xlim(0, steps)
    axes.set_ylim(neurons, 0)
    axes.set_xticks([0, steps])
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=8, pad=2)
    first, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(GRID)


def _cells(axes: Axes, marked: np.ndarray, colour: str, alpha: float = 1.0) -> None:
    """Fill the marked unit squares of a grid (x, y): one path for all, which keeps files small."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners = np.argwhere(marked)[:, None, :]
    if not len(corners):
        return
    square = np.array([[0.06, 0.06], [0.94, 0.06], [0.94, 0.94], [0.06, 0.94], [0.06, 0.06]])
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    outline = Path((corners + square).reshape(-1, 2), np.tile(codes, len(corners)))
    axes.add_patch(PathPatch(outline, facecolor=colour, edgecolor="none", alpha=alpha))
