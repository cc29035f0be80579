"""`axonc compile`: write the integer graph, its text and the verdicts."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._arguments import (
    add_json,
    add_model,
    add_target,
    command,
    lowered,
    print_dialect,
    print_json,
    refuse_on_reference,
)

if TYPE_CHECKING:
    from ..ir import Graph

_EPILOG = """\
Writes into DIR: integer.axonc (the graph that runs, safe to read back), integer.txt (the same as
text, for people and diffs) and, for a target, the graph as the target runs it; where the target
reports its cores, cores.csv: used and available by core and resource.

examples:
  axonc compile model.nir --out build
  axonc compile model.nir --target loihi --out build --format net --picture
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(
        subparsers, "compile", execute, "lower a network to integers or to a target", _EPILOG
    )
    add_model(parser)
    add_target(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--format",
        metavar="F",
        help="also write DIR/network.F for another tool (loihi: net, for lava-dl's netx)",
    )
    parser.add_argument(
        "--picture", action="store_true", help="also draw DIR/chip.svg: which core holds what"
    )
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Compile and write."""
    from axonc.targets import REFERENCE, describe, load_target

    from ..driver import Deployment, verdicts
    from ..files import make_folder
    from ..report import print_figures

    refuse_on_reference(options, "format", "picture")
    chip = None if options.target == REFERENCE else load_target(options.target)
    if chip and options.format:
        chip.require_format(options.format)
    if chip and options.picture:
        chip.require_picture(of_run=False)
    lowering = lowered(options)
    program = Deployment(lowering, chip).program if chip else None
    out: Path = options.out
    make_folder(out)
    written = _write_graph(lowering.integer, out, "integer")
    summary: dict[str, str] = {}
    if chip and program:
        summary = {"latency_steps": str(program.latency_steps), **dict(program.summary())}
        written += _write_graph(program.graph, out, chip.name)
        if rows := program.cores():
            written.append(out / "cores.csv")
            _write_rows(rows, written[-1])
        if options.format:
            written.append(out / f"network.{options.format}")
            chip.write_format(program, options.format, written[-1])
        if options.picture:
            written.append(out / "chip.svg")
            chip.draw(program, None, written[-1])
    if options.json:
        rows = describe(verdicts(lowering, options.target), options.target)
        print_json(
            {
                "target": options.target,
                "written": [str(path) for path in written],
                "program": summary,
                "nodes": rows,
            }
        )
    else:
        print_dialect(lowering)
        print_figures(
            summary | {"written": ", ".join(map(str, written))}, f"{options.model} compiled"
        )
    return 0


def _write_graph(graph: Graph, folder: Path, name: str) -> list[Path]:
    from ..files import write_text
    from ..ir import graph_text, save_graph

    binary, text = folder / f"{name}.axonc", folder / f"{name}.txt"
    save_graph(graph, binary)
    write_text(text, graph_text(graph))
    return [binary, text]


def _write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    from ..files import write_text

    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, table.getvalue())
