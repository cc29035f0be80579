"""A picture of the mesh with its load."""

from __future__ import annotations

from pathlib import Path

from .program import BinaryProgram
from .simulator.run import Totals
from .tables import core_rows, link_rows

_TOWARDS = {"north": (0, -1), "east": (1, 0), "south": (0, 1), "west": (-1, 0)}


def draw_mesh(program: BinaryProgram, totals: Totals, path: Path) -> None:
    """Write a picture: a square a core, darker with utilisation; an arrow a link, wider with load.

    The format follows the ending of `path` (svg, png, pdf).
    """
    from matplotlib.figure import Figure  # slow to import

    mesh = program.architecture.mesh
    figure = Figure(figsize=(2 + 0.9 * mesh.columns, 1.2 + 0.9 * mesh.rows), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-0.7, mesh.columns - 0.3), ylim=(mesh.rows - 0.3, -0.7), aspect="equal")
    axes.set_xlabel("column")
    axes.set_ylabel("row")
    axes.set_title(f"{program.architecture.name}: share of cycles at work, flits a cycle")
    layers = list(dict.fromkeys(block.layer for block in program.blocks))
    for row in core_rows(program, totals):
        at = (row["column"], row["row"])
        axes.text(
            *at, f"{row['layer'][:10]}\n{100 * row['utilisation']:.0f} %", ha="center",
            va="center", fontsize=6,
            bbox={
                "boxstyle": "square", "facecolor": f"C{layers.index(row['layer']) % 10}",
                "alpha": 0.15 + 0.7 * min(1.0, row["utilisation"]),
            },
        )  # fmt: skip
    links = [row for row in link_rows(program, totals) if row["output"] in _TOWARDS]
    heaviest = max((row["load"] for row in links), default=1)
    for row in links:
        dx, dy = _TOWARDS[row["output"]]
        # The two directions of a link run beside each other.
        x, y = row["column"] + 0.3 * dx - 0.08 * dy, row["row"] + 0.3 * dy + 0.08 * dx
        axes.annotate(
            "", (x + 0.4 * dx, y + 0.4 * dy), (x, y),
            arrowprops={"arrowstyle": "->", "lw": 0.3 + 3 * row["load"] / max(heaviest, 1e-9)},
        )  # fmt: skip
    figure.savefig(path)
