"""A picture of the chips: position, population and use of every core."""

from __future__ import annotations

from math import ceil, sqrt
from pathlib import Path

from .._picture_file import save_picture
from .mapping import ChipMapping


def draw_chips(mapping: ChipMapping, path: Path) -> None:
    """Write a picture of `mapping` to `path`; its suffix selects the format (svg, png, pdf).

    A tile is a square of four cores. The colour is that of the population; the number in a core,
    and its opacity, are the use of its fullest resource in percent.

    Raises:
        InputError: the file cannot be written, or its suffix names no format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import tab10
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    mesh, cores = mapping.partition.chip.mesh, mapping.cores
    across = int(ceil(sqrt(mesh.cores_per_tile)))
    names = list(dict.fromkeys(core.population for core in cores))
    colour = {name: tab10(i % 10) for i, name in enumerate(names)}
    columns = 1 + max(core.tile[0] for core in cores)
    rows = 1 + max(core.tile[1] for core in cores)
    columns, rows = _whole(columns, mesh.columns), _whole(rows, mesh.rows)
    figure = Figure(figsize=(1 + columns * 0.6, 1.5 + rows * 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlim=(0, columns), ylim=(rows, 0), aspect="equal")
    seated: dict[tuple[int, int], int] = {}
    for core in cores:
        place = seated[core.tile] = seated.get(core.tile, -1) + 1
        corner = (core.tile[0] + place % across / across, core.tile[1] + place // across / across)
        load = max(used / room for used, room in core.used.values())
        alpha = 0.25 + 0.75 * min(load, 1.0)
        side = 0.92 / across
        axes.add_patch(Rectangle(corner, side, side, color=colour[core.population], alpha=alpha))
        middle = (corner[0] + side / 2, corner[1] + side / 2)
        axes.annotate(f"{100 * load:.0f}", middle, ha="center", va="center", fontsize=5)
    axes.set_xticks(range(0, columns + 1, mesh.columns))
    axes.set_yticks(range(0, rows + 1, mesh.rows))
    axes.set_xticks(range(columns + 1), minor=True)
    axes.set_yticks(range(rows + 1), minor=True)
    axes.grid(color="0.4")
    axes.grid(which="minor", color="0.8", linewidth=0.4)
    axes.set_title(
        f"{len(cores)} cores on {mapping.placement.chips} x {mapping.partition.chip.title}, "
        f"{mapping.placement.mean_hops:.2f} hops a message\n"
        "in each core: its fullest resource, in percent",
        fontsize=9,
    )
    handles = [Patch(color=colour[name], label=name) for name in names]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(names), 6))
    save_picture(figure, path)


def _whole(count: int, unit: int) -> int:
    return -(-count // unit) * unit
