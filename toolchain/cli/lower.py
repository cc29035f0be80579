"""`axonc lower`: passes at work, one after another."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._arguments import add_dialect, add_model_path, command, loaded, print_json

if TYPE_CHECKING:
    from ..ir import Graph
    from ..passes import Pass

_EPILOG = """\
A pipeline is text: names of passes in order, options in braces. A graph is read in stage
`imported`; `discretize` makes it discrete, `fixed-point` integer. As soon as it is discrete, what
stays on the host is cut off, and the passes go on with the chip's part. Without --passes the
pipeline of all other commands runs.

examples:
  axonc lower model.nir --time-passes
  axonc lower model.nir --print-after integer-weights
  axonc lower model.nir --passes 'discretize,merge-connections' --print-after all
  axonc lower model.nir --passes \\
    'discretize,average-to-sum,sink-scales,fold-bias,integer-weights{bits=4},fixed-point' \\
    --output four_bits.axonc
"""


@dataclass(frozen=True)
class _Applied:
    """One pass that ran: how long it took and what it left."""

    name: str
    wall_s: float
    nodes: int
    edges: int


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(
        subparsers, "lower", execute, "lower a network pass by pass", _EPILOG, add_help=False
    )
    parser.add_argument("-h", "--help", action=_Help, help="show this help and all passes")
    add_model_path(parser, "a NIR graph; zoo:NAME for one that comes with axonc")
    add_dialect(parser)
    parser.add_argument(
        "--passes", metavar="TEXT", help="the pipeline to run (default: that of all commands)"
    )
    parser.add_argument(
        "--print-after", metavar="PASS", help="print the graph after this pass, or after `all`"
    )
    parser.add_argument(
        "--time-passes", action="store_true", help="print the time of each pass and what it left"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.axonc",
        help="write the lowered graph here (FILE.txt: as text) instead of printing it",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")


def execute(options: argparse.Namespace) -> int:
    """Run the passes and print or write what came out."""
    from ..ir import Stage, graph_text
    from ..passes import (
        Discretize,
        Findings,
        integer_pipeline,
        parse_pipeline,
        pipeline_text,
        run_passes,
        split_host,
    )

    passes: tuple[Pass, ...] = (Discretize(), *integer_pipeline())
    if options.passes is not None:
        passes = parse_pipeline(options.passes)
    _require_print_after(options.print_after, passes)
    graph, findings, applied = loaded(options), Findings(), list[_Applied]()
    started = time.perf_counter()

    def between(step: Pass, made: Graph) -> None:
        nonlocal started
        wall_s = time.perf_counter() - started
        applied.append(_Applied(step.name, wall_s, len(made.nodes), len(made.edges)))
        if options.print_after in (step.name, "all") and not options.json:
            print(f"-- after {step}\n{graph_text(made)}", end="")
        started = time.perf_counter()

    for step in passes:
        graph = run_passes(graph, [step], findings, between=between)
        if step.takes is Stage.IMPORTED and graph.stage is Stage.DISCRETE:
            split = split_host(graph, findings.of("split-host"), real_input=options.real_input)
            graph = split.chip
            started = time.perf_counter()
    if options.output:
        _write(graph, options.output)
    if options.json:
        print_json(
            {
                "pipeline": pipeline_text(passes),
                "stage": graph.stage,
                "passes": [asdict(one) for one in applied],
                "findings": [asdict(finding) for finding in findings],
                "graph": graph_text(graph),
            }
        )
        return 0
    if not options.output and options.print_after is None:
        print(graph_text(graph), end="")
    if options.time_passes:
        _print_times(applied)
    return 0


def _require_print_after(wanted: str | None, passes: tuple[Pass, ...]) -> None:
    from ..errors import InputError

    names = [step.name for step in passes]
    if wanted not in (None, "all", *names):
        raise InputError(
            "--print-after",
            got=repr(wanted),
            expected=f"a pass of the pipeline, or all: {', '.join(dict.fromkeys(names))}",
            remedy="put the pass into --passes",
        )


class _Help(argparse.Action):
    """Print the help and the passes, which are imported for it alone."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.print_help()
        print("\npasses, with their options and defaults:")
        _print_passes()
        parser.exit()


def _print_passes() -> None:
    from ..passes import PASSES, pass_named
    from ..passes.options import text_of

    for name in PASSES:
        kind = pass_named(name)
        first = (kind.__doc__ or "").strip().splitlines()[0]
        print(f"  {name}  ({kind.takes} to {kind.gives})\n      {first}")
        for option in kind.options():
            print(f"      {option.name}={text_of(option.default)}  {option.meaning}")
            print(f"          {option.expected}")


def _print_times(applied: list[_Applied]) -> None:
    from ..report import print_rows

    rows = [
        {"pass": one.name, "time_ms": 1e3 * one.wall_s, "nodes": one.nodes, "edges": one.edges}
        for one in applied
    ]
    print_rows("Passes in order", rows)


def _write(graph: Graph, path: Path) -> None:
    from ..files import write_text
    from ..ir import graph_text, save_graph

    if path.suffix == ".txt":
        write_text(path, graph_text(graph))
    else:
        save_graph(graph, path)
    print(f"wrote {path}", file=sys.stderr)
