"""`axonc compile`: write the integer graph, its text and the verdicts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ._arguments import add_json, add_model, add_target, command, lowered, print_dialect, print_json

_EPILOG = """\
Writes into DIR: integer.axonc (the graph that runs, safe to read back), integer.txt (the same as
text, for people and diffs) and, for a target, the graph as the target runs it.

examples:
  axonc compile model.nir --out build
  axonc compile model.nir --target loihi --out build
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(
        subparsers, "compile", execute, "lower a network to integers or to a target", _EPILOG
    )
    add_model(parser)
    add_target(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Compile and write."""
    from axonc.targets import REFERENCE, describe, load_target

    from ..driver import verdicts
    from ..ir import graph_text, save_graph
    from ..report import print_figures
    from ..spike_files import unwritable

    lowering = lowered(options)
    graphs = {"integer": lowering.integer}
    summary: dict[str, str] = {}
    if options.target != REFERENCE:
        program = lowering.program(load_target(options.target))
        graphs[options.target] = program.graph
        summary = {"latency_steps": str(program.latency_steps), **dict(program.summary())}
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, graph in graphs.items():
            save_graph(graph, options.out / f"{name}.axonc")
            (options.out / f"{name}.txt").write_text(graph_text(graph))
    except OSError as error:
        raise unwritable(options.out, error) from None
    written = sorted(
        str(options.out / f"{name}.{end}") for name in graphs for end in ("axonc", "txt")
    )
    if options.json:
        rows = describe(verdicts(lowering, options.target), options.target)
        print_json(
            {"target": options.target, "written": written, "program": summary, "nodes": rows}
        )
    else:
        print_dialect(lowering)
        print_figures(summary | {"written": ", ".join(written)}, f"{options.model} compiled")
    return 0
