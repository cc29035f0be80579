"""`axonc check`: what becomes of each node, before anything is run."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ._arguments import add_json, add_model, add_target, command, lowered, print_dialect, print_json

_EPILOG = """\
verdicts:
  exact         computes the same integers as the stage before
  approximate   rounded; the detail says why and by how much
  host          stays off the chip
  unsupported   refused; the detail says why and what to do

examples:
  axonc check model.nir
  axonc check model.nir --target loihi --json
  axonc check model.nir --input spikes.npz     measure what rounding changes, layer by layer
  axonc check old.nir --dt 1e-4 --reset subtract
  axonc check model.net --target loihi         a network trained in lava-dl
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(
        subparsers, "check", execute, "say what becomes of each node on a target", _EPILOG
    )
    add_model(parser)
    add_target(parser)
    parser.add_argument(
        "--input",
        type=Path,
        metavar="IN.npz",
        help="spikes to measure rounding on; with a key `labels` accuracy is reported too",
    )
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the verdicts; 1 when the graph cannot be lowered."""
    from axonc.targets import REFERENCE, Verdict, describe

    from ..driver import measure, verdicts
    from ..report import print_verdicts
    from ..spike_files import read_labelled_spikes

    given = read_labelled_spikes(options.input) if options.input else None
    lowering = lowered(options, None if given is None else given[0])
    measurement = None
    rows = verdicts(lowering, options.target)
    refused = any(row.verdict is Verdict.UNSUPPORTED for row in rows)
    if given and lowering.refusal is None:
        target = REFERENCE if refused else options.target
        measurement = measure(lowering, *given, target=target)
        rows = verdicts(lowering, options.target, measurement)
    dialect = lowering.imported.dialect
    if options.json:
        print_json(
            {
                "model": str(options.model),
                "target": options.target,
                "lowerable": not refused and lowering.refusal is None,
                "refusal": None if lowering.refusal is None else str(lowering.refusal),
                "nodes": describe(rows, options.target),
                "findings": [asdict(finding) for finding in lowering.findings],
                "measured": None if measurement is None else asdict(measurement),
                "assumed": None
                if dialect is None
                else {
                    "dt": dialect.dt,
                    "integrator": dialect.integrator,
                    "reset": dialect.reset,
                    "if_convention": dialect.if_convention,
                    "w_in": dialect.w_in,
                    "notes": list(dialect.notes),
                },
            }
        )
    else:
        print_dialect(lowering)
        print_verdicts(rows, options.target)
    if lowering.refusal is not None and not refused:
        print(f"axonc: {lowering.refusal}", file=sys.stderr)  # of the graph, not of a node
    if measurement is None and any(row.verdict is Verdict.APPROXIMATE for row in rows):
        print(
            "axonc: what rounding does to the spikes was not measured: give some by --input IN.npz,"
            " with labels for accuracy",
            file=sys.stderr,
        )
    if measurement is not None and measurement.alarm:
        print(f"axonc: WARNING: {measurement.alarm}", file=sys.stderr)
    return 1 if refused or lowering.refusal else 0
