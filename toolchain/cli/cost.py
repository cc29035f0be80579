"""`axonc cost`: memory, synaptic operations and energy, each figure with its source."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ._arguments import add_json, add_model, add_target, command, lowered, print_dialect, print_json

_EPILOG = """\
Without --input only memory is reported. With spikes the network is run, and activity
and energy are means per inference (one sample of the batch).

examples:
  axonc cost model.nir --target binary_synapse
  axonc cost model.nir --target loihi --input spikes.npz --json
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(subparsers, "cost", execute, "say what a network costs on a target", _EPILOG)
    add_model(parser)
    add_target(parser, required=True)
    parser.add_argument("--input", type=Path, metavar="IN.npz", help="spikes to run it on")
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the cost report."""
    from ..driver import cost_of
    from ..report import cost_json, print_cost
    from ..spike_files import read_spikes

    spikes = read_spikes(options.input) if options.input else None
    lowering = lowered(options, spikes)
    report = cost_of(lowering, options.target, spikes)
    if options.json:
        print_json(cost_json(report))
    else:
        print_dialect(lowering)
        print_cost(report)
    return 0
