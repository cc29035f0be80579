"""`axonc train`: train a binary spiking network from a TOML file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import InputError
from ._arguments import add_json, command, print_json

_EPILOG = """\
The folder DIR gets checkpoint.pt (after every epoch, and on Ctrl-C) and metrics.csv. --resume goes
on where the checkpoint stands, with its settings, and reaches the weights of an unbroken run.

examples:
  axonc train --out runs/digits                       the demo's network on 5,000 digits
  axonc train --config digits.toml --out runs/digits
  axonc train --out runs/digits --resume
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = command(subparsers, "train", execute, "train a binary spiking network", _EPILOG)
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="default: the demo's")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=None, help="overrides the file's seed")
    parser.add_argument("--epochs", type=int, default=None, help="overrides the file's epochs")
    parser.add_argument("--resume", action="store_true", help="go on from DIR/checkpoint.pt")
    parser.add_argument("--overwrite", action="store_true", help="start anew in a used folder")
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="processes that prepare batches ahead of time; changes no result",
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="torch threads (default: torch's own choice)"
    )
    parser.add_argument(
        "--plots",
        action="store_true",
        help="draw accuracy, sign flips, gradients and rates into DIR/training.png",
    )
    parser.add_argument("--tensorboard", action="store_true", help="write DIR/tensorboard too")
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Train."""
    from dataclasses import replace

    from ..report import print_figures, training_bar
    from ._training import require_training

    models = require_training()
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.exists() and not (options.resume or options.overwrite):
        raise InputError(
            f"folder {options.out}",
            got="a folder that holds a checkpoint already",
            expected="a new folder",
            remedy="--resume goes on with it, --overwrite starts anew",
        )
    if options.config:
        config = models.TrainingConfig.from_toml(options.config)
    elif options.resume:
        config = models.load_network(checkpoint)[1]
    else:
        config = models.TrainingConfig.demo(0)
    overrides = {
        key: getattr(options, key)
        for key in ("seed", "epochs")
        if getattr(options, key) is not None
    }
    config = replace(config, **overrides)
    try:
        with training_bar(quiet=options.json) as progress:
            result = models.train(
                config,
                options.out,
                resume=options.resume,
                progress=progress,
                workers=options.workers,
                threads=options.threads,
            )
    except KeyboardInterrupt:
        remedy = f"{checkpoint} holds the run so far, axonc train --resume goes on with it"
        raise KeyboardInterrupt(remedy) from None
    if options.plots:
        models.plot_history(result.history, options.out / "training.png")
    if options.tensorboard:
        models.write_tensorboard(result.history, options.out / "tensorboard")
    figures = {
        "checkpoint": str(checkpoint),
        "test_accuracy": result.test_accuracy,
        "validation_accuracy": result.validation_accuracy,
        "wall_s": result.seconds,
    }
    if options.json:
        print_json(figures)
    else:
        print_figures(figures, "trained")
    return 0
