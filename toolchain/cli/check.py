"""`axonc check`: what becomes of each node, before anything is run."""

from __future__ import annotations

import argparse
from typing import Any

from ._arguments import add_json, add_model, command, lowered, print_dialect, print_json

_EPILOG = """\
verdicts:
  exact         computes the same integers as the stage before
  approximate   rounded; the detail says why and by how much
  host          stays off the chip
  unsupported   refused; the detail says why and what to do

examples:
  axonc check model.nir
  axonc check model.nir --target loihi --json
  axonc check old.nir --dt 1e-4 --reset subtract
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(
        subparsers, "check", execute, "say what becomes of each node on a target", _EPILOG
    )
    add_model(parser)
    parser.add_argument("--target", default="reference", help="default: reference")
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the verdicts; 1 when the graph cannot be lowered."""
    from axonc.targets import Verdict, describe

    from ..driver import verdicts
    from ..report import print_verdicts

    lowering = lowered(options)
    rows = verdicts(lowering, options.target)
    refused = any(row.verdict is Verdict.UNSUPPORTED for row in rows)
    dialect = lowering.imported.dialect
    assert dialect is not None
    if options.json:
        print_json(
            {
                "model": str(options.model),
                "target": options.target,
                "lowerable": not refused and lowering.refusal is None,
                "nodes": describe(rows, options.target),
                "assumed": {
                    "dt": dialect.dt,
                    "integrator": dialect.integrator,
                    "reset": dialect.reset,
                    "if_convention": dialect.if_convention,
                    "notes": list(dialect.notes),
                },
            }
        )
    else:
        print_dialect(lowering)
        print_verdicts(rows, options.target)
    return 1 if refused or lowering.refusal else 0
