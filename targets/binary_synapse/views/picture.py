"""A picture of the mesh with its load."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._picture_file import save_picture
from ..program.program import BinaryProgram
from ..simulator.run import Totals
from .tables import core_rows, link_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection

_TOWARDS = {"north": (0, -1), "east": (1, 0), "south": (0, 1), "west": (-1, 0)}
_SIDE = 0.56
_MOST_INCHES = 30.0
_MOST_PARTS = 16
_LEGIBLE_INCHES = 0.6
"""Of a column: below, cores get no text."""


def draw_mesh(parts: Sequence[tuple[BinaryProgram, Totals]], path: Path) -> None:
    """Write a picture: a square a core, coloured by utilisation; an arrow a link, by flits a cycle.

    A network in several parts gets one mesh for each, up to _MOST_PARTS; its title tells how many
    there are. Only the corner of the mesh that holds cores or traffic is drawn. The format follows
    the ending of `path` (svg, png, pdf).

    Raises:
        InputError: the file cannot be written, or its ending names no format.
    """
    from matplotlib.figure import Figure  # slow to import

    machine = parts[0][0].architecture
    shown = [
        (
            core_rows(program, totals),
            [row for row in link_rows(program, totals) if row["output"] in _TOWARDS],
        )
        for program, totals in parts[:_MOST_PARTS]
    ]
    everything = [row for cores, links in shown for row in cores + links]
    columns = 1 + max(row["column"] for row in everything)
    rows = 1 + max(row["row"] for row in everything)
    across = ceil(sqrt(len(shown)))
    down = ceil(len(shown) / across)
    inches = min(1.15, _MOST_INCHES / max(across * columns, down * rows))
    # Beside a mesh: its labels; beside all of them: the colour bars.
    width, height = max(2.6, 0.7 + inches * columns), max(2.6, 0.9 + inches * rows)
    figure = Figure(figsize=(2.0 + across * width, 0.5 + down * height), layout="constrained")
    busiest = max(core["utilisation"] for cores, _ in shown for core in cores)
    fullest = max((link["load"] for _, links in shown for link in links), default=0.0)
    all_axes = figure.subplots(down, across, squeeze=False).ravel()
    for unused in all_axes[len(shown) :]:
        unused.remove()
    arrows = None
    for number, (axes, (cores, links)) in enumerate(zip(all_axes, shown, strict=False)):
        axes.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6), aspect="equal")
        axes.set(xlabel="column", ylabel="row", xticks=range(columns), yticks=range(rows))
        if len(parts) > 1:
            axes.set_title(f"part {number}: {_layers(cores)}", fontsize=8)
        legible = inches >= _LEGIBLE_INCHES
        squares = _squares(axes, cores, max(1.0, 100 * busiest), legible=legible)
        if links:
            arrows = _arrows(axes, links, 1000 * fullest)
    used = sum(len(cores) for cores, _ in shown)
    corner = f"in {columns} x {rows} of the {machine.mesh.columns} x {machine.mesh.rows} mesh"
    title = f"{machine.name}: {used} cores {corner}"
    if len(parts) > 1:
        some = f"the first {len(shown)} of " if len(shown) < len(parts) else ""
        title = f"{machine.name}: {some}{len(parts)} parts, one after another, {corner}"
    figure.suptitle(title, fontsize=10)
    drawn = list(all_axes[: len(shown)])
    figure.colorbar(squares, ax=drawn, label="cycles at work, %", shrink=0.7, pad=0.02)
    if arrows is not None:
        figure.colorbar(arrows, ax=drawn, label="flits a 1000 cycles", shrink=0.7, pad=0.02)
    save_picture(figure, path)


def _layers(cores: list[dict[str, Any]]) -> str:
    """Return the layers that cores hold, shortened to what fits above a mesh."""
    names = list(dict.fromkeys(core["layer"] for core in cores))
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _squares(
    axes: Axes, cores: list[dict[str, Any]], most: float, *, legible: bool
) -> PatchCollection:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    squares = PatchCollection(
        [Rectangle((c["column"] - _SIDE / 2, c["row"] - _SIDE / 2), _SIDE, _SIDE) for c in cores],
        cmap="Blues",
        edgecolor="0.3",
        linewidth=0.6,
    )
    used = 100 * np.array([core["utilisation"] for core in cores])
    squares.set_array(used)
    squares.set_clim(0, most)
    axes.add_collection(squares)
    for core, share in zip(cores, used, strict=True) if legible else ():
        axes.text(
            core["column"],
            core["row"],
            f"{_short(core['layer'])}\n{share:.2g} %",
            ha="center",
            va="center",
            fontsize=6,
            color="white" if share > 0.6 * most else "black",
        )
    return squares


def _arrows(axes: Axes, links: list[dict[str, Any]], most: float) -> PatchCollection:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import FancyArrow

    patches = []
    for link in links:
        dx, dy = _TOWARDS[link["output"]]
        # From square to square; the two directions of a link run beside each other.
        x = link["column"] + dx * (_SIDE / 2 + 0.02) - 0.09 * dy
        y = link["row"] + dy * (_SIDE / 2 + 0.02) + 0.09 * dx
        length = 1 - _SIDE - 0.04
        patches.append(
            FancyArrow(x, y, dx * length, dy * length, width=0.05, length_includes_head=True)
        )
    arrows = PatchCollection(patches, cmap="YlOrRd", edgecolor="0.4", linewidth=0.3)
    load = 1000 * np.array([link["load"] for link in links])
    arrows.set_array(load)
    arrows.set_clim(0, max(most, 1e-9))
    axes.add_collection(arrows)
    return arrows


def _short(name: str) -> str:
    """Return a layer's name in at most two lines of a square."""
    if len(name) <= 10:
        return name
    return f"{name[:10]}\n{name[10:20]}" if len(name) <= 20 else f"{name[:9]}\n…{name[-9:]}"
