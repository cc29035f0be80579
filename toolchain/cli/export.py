"""`axonc export`: a trained checkpoint becomes a NIR graph."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ._arguments import add_json, command, print_json

_EPILOG = """\
forms:
  int8          weights -1, +1 as int8, then a Scale: exact, and the binary structure is visible
  folded-float  weights alpha*sign in float32, for readers that do not know Scale

example:
  axonc export runs/digits/checkpoint.pt --out digits.nir
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(subparsers, "export", execute, "export a trained network as NIR", _EPILOG)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT.pt")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.nir")
    parser.add_argument("--form", choices=["int8", "folded-float"], default="int8")
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Export."""
    from ._training import require_training

    models = require_training()
    network, _ = models.load_network(options.checkpoint)
    models.export_nir(network, options.out, form=options.form)
    if options.json:
        print_json({"checkpoint": str(options.checkpoint), "written": str(options.out)})
    else:
        print(f"written {options.out}")
    return 0
