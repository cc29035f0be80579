"""A picture of the mesh with its load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .program import BinaryProgram
from .simulator.run import Totals
from .tables import core_rows, link_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection

_TOWARDS = {"north": (0, -1), "east": (1, 0), "south": (0, 1), "west": (-1, 0)}
_SIDE = 0.56
_MOST_INCHES = 30.0
_LEGIBLE_INCHES = 0.6
"""Of a column: below, cores get no text."""


def draw_mesh(program: BinaryProgram, totals: Totals, path: Path) -> None:
    """Write a picture: a square a core, coloured by utilisation; an arrow a link, by flits a cycle.

    Only the corner of the mesh that holds cores or traffic is drawn; its title says which. The
    format follows the ending of `path` (svg, png, pdf).
    """
    from matplotlib.figure import Figure  # slow to import

    cores = core_rows(program, totals)
    links = [row for row in link_rows(program, totals) if row["output"] in _TOWARDS]
    columns = 1 + max(row["column"] for row in cores + links)
    rows = 1 + max(row["row"] for row in cores + links)
    inches = min(1.15, _MOST_INCHES / max(columns, rows))
    figure = Figure(
        figsize=(max(5.0, 2.6 + inches * columns), max(3.4, 1.3 + inches * rows)),
        layout="constrained",
    )
    axes = figure.subplots()
    axes.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6), aspect="equal")
    axes.set(xlabel="column", ylabel="row", xticks=range(columns), yticks=range(rows))
    mesh = program.architecture.mesh
    axes.set_title(
        f"{program.architecture.name}: {len(cores)} cores in {columns} x {rows} of the "
        f"{mesh.columns} x {mesh.rows} mesh",
        fontsize=10,
    )
    squares = _squares(axes, cores, legible=inches >= _LEGIBLE_INCHES)
    figure.colorbar(squares, label="cycles at work, %", shrink=0.7, pad=0.02)
    if links:
        arrows = _arrows(axes, links)
        figure.colorbar(arrows, label="flits a 1000 cycles", shrink=0.7, pad=0.02)
    figure.savefig(path)


def _squares(axes: Axes, cores: list[dict[str, Any]], *, legible: bool) -> PatchCollection:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    squares = PatchCollection(
        [Rectangle((c["column"] - _SIDE / 2, c["row"] - _SIDE / 2), _SIDE, _SIDE) for c in cores],
        cmap="Blues", edgecolor="0.3", linewidth=0.6,
    )  # fmt: skip
    used = 100 * np.array([core["utilisation"] for core in cores])
    squares.set_array(used)
    squares.set_clim(0, max(1.0, used.max()))
    axes.add_collection(squares)
    for core, share in zip(cores, used, strict=True) if legible else ():
        axes.text(
            core["column"], core["row"], f"{_short(core['layer'])}\n{share:.2g} %", ha="center",
            va="center", fontsize=6, color="white" if share > 0.6 * used.max() else "black",
        )  # fmt: skip
    return squares


def _arrows(axes: Axes, links: list[dict[str, Any]]) -> PatchCollection:
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
    arrows.set_clim(0, max(load.max(), 1e-9))
    axes.add_collection(arrows)
    return arrows


def _short(name: str) -> str:
    """Return a layer's name in at most two lines of a square."""
    if len(name) <= 10:
        return name
    return f"{name[:10]}\n{name[10:20]}" if len(name) <= 20 else f"{name[:9]}\n…{name[-9:]}"
