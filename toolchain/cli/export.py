"""`axonc export`: a trained checkpoint, or a norse network of the user's own, becomes NIR."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import InputError
from ._arguments import add_json, command, print_json

_EPILOG = """\
FILE.py:NAME is a torch module of norse cells, or a function that returns one, in a Python file of
your own, which is run. The graph is executed beside the module on the sample, and written only if
it computes the same.

forms (of checkpoints):
  int8          weights -1, +1 as int8, then a Scale: exact, and the binary structure is visible
  folded-float  weights alpha*sign in float32, for readers that do not know Scale

examples:
  axonc export runs/digits/checkpoint.pt --out digits.nir
  axonc export my_network.py:network --sample spikes.npz --out network.nir
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(subparsers, "export", execute, "export a trained network as NIR", _EPILOG)
    parser.add_argument("network", metavar="CHECKPOINT.pt|FILE.py:NAME")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.nir")
    parser.add_argument("--form", choices=["int8", "folded-float"])
    parser.add_argument(
        "--sample",
        type=Path,
        metavar="IN.npz",
        help="FILE.py:NAME: spikes to prove the graph on, like those that the network will see",
    )
    parser.add_argument(
        "--dt", type=float, help="FILE.py:NAME: time step in s (default: its cells')"
    )
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Export."""
    from ._training import require_training

    file, _, name = options.network.rpartition(":")
    is_python = file.endswith(".py") or options.network.endswith(".py")
    _require_options(options, is_python)
    models = require_training()
    report = {"checkpoint": options.network, "written": str(options.out)}
    if is_python:
        report = {"network": options.network, "written": str(options.out)}
        report |= _export_user_network(models, Path(file), name, options)
    else:
        network, _ = models.load_network(Path(options.network))
        models.export_nir(network, options.out, form=options.form or "int8")
    if options.json:
        print_json(report)
    else:
        print(f"written {options.out}")
    return 0


def _export_user_network(
    models: Any, file: Path, name: str, options: argparse.Namespace
) -> dict[str, Any]:
    from ..report import print_figures
    from ..spike_files import read_raster

    sample = read_raster(options.sample).swapaxes(0, 1)
    network = models.load_user_network(file, name)
    proof = models.export_norse(network, options.out, sample, dt=options.dt)
    if not options.json:
        figures = {
            f"{node}: differing spikes": f"{differing} of {proof.compared[node]}"
            for node, differing in proof.differing.items()
        }
        figures |= {
            f"{node}: largest error": f"{error:.1g} of the largest value"
            for node, error in proof.largest_error.items()
        }
        figures |= dict.fromkeys(
            (f"{node}: silent" for node in proof.silent), "the sample proves little about it"
        )
        print_figures(figures, f"{options.network} against the graph")
    return {
        "differing": proof.differing,
        "compared": proof.compared,
        "largest_error": proof.largest_error,
        "silent": list(proof.silent),
    }


def _require_options(options: argparse.Namespace, is_python: bool) -> None:
    wrong = [
        f"--{key}"
        for key in (("form",) if is_python else ("sample", "dt"))
        if getattr(options, key) is not None
    ]
    if wrong:
        raise InputError(
            f"export of {options.network}",
            got=" and ".join(wrong),
            expected="--form for a checkpoint, --sample and --dt for FILE.py:NAME",
            remedy="leave it out",
        )
    if options.network.endswith(".py"):
        raise InputError(
            options.network,
            got="a Python file alone",
            expected="FILE.py:NAME",
            remedy="name the network in it, or the function that returns it",
        )
    if is_python and options.sample is None:
        raise InputError(
            f"export of {options.network}",
            got="no --sample",
            expected="spikes (batch, time, *shape) to prove the graph on",
            remedy="save some with numpy.savez('spikes.npz', spikes=array)",
        )
