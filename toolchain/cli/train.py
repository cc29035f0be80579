"""`axonc train`: train a binary spiking network from a TOML file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from axonc.models import presets

from ..errors import InputError
from ._arguments import add_json, command, print_json

_EPILOG = """\
The folder DIR gets checkpoint.pt (after every epoch, and on Ctrl-C) and metrics.csv. --resume goes
on where the checkpoint stands, with its settings, and reaches the weights of an unbroken run.

examples:
  axonc train --out runs/digits                       the demo's network on 5,000 digits
  axonc train --config digits.toml --out runs/digits
  axonc train --config digits.toml --check            what is understood of it; trains nothing
  axonc train --out runs/digits --resume
  axonc train --preset cifar10-vgg11-bso --data cifar-10-batches-bin --out runs/bso
  torchrun --nproc-per-node 2 --no-python axonc train --out runs/digits

presets, the settings of papers (a TOML file each; --show prints it, a start for your own):
{presets}
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    names = "\n".join(f"  {name:28}{title}" for name, title in presets.titles().items())
    epilog = _EPILOG.format(presets=names)
    parser = command(subparsers, "train", execute, "train a binary spiking network", epilog)
    settings = parser.add_mutually_exclusive_group()
    settings.add_argument("--config", type=Path, metavar="FILE.toml", help="default: the demo's")
    settings.add_argument("--preset", metavar="NAME", help="settings of a paper, listed below")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, metavar="DIR", help="folder of checkpoint and metrics")
    action.add_argument(
        "--show", action="store_true", help="print all settings as TOML, and train nothing"
    )
    action.add_argument(
        "--check",
        action="store_true",
        help="print what is understood of the data and the network, and train nothing",
    )
    parser.add_argument("--data", metavar="PATH", help="overrides data.path, where the files are")
    parser.add_argument("--seed", type=int, default=None, help="overrides the file's seed")
    parser.add_argument("--epochs", type=int, default=None, help="overrides the file's epochs")
    parser.add_argument(
        "--precision",
        choices=["float32", "bfloat16"],
        help="overrides the file's precision of the synapses' products",
    )
    parser.add_argument(
        "--compile", action="store_true", default=None, help="train with torch.compile"
    )
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
    from ..report import print_figures, training_bar
    from ._training import require_training

    models = require_training()
    if options.show:
        print(_settings(options, models).to_toml(), end="")
        return 0
    if options.check:
        return _check(_settings(options, models), options.json, models)
    # Under torchrun every process runs this; the first one speaks, and looks at the folder.
    first = os.environ.get("RANK", "0") == "0"
    checkpoint = options.out / "checkpoint.pt"
    if first and checkpoint.exists() and not (options.resume or options.overwrite):
        raise InputError(
            f"folder {options.out}",
            got="a folder that holds a checkpoint already",
            expected="a new folder",
            remedy="--resume goes on with it, --overwrite starts anew",
        )
    config = _settings(options, models)
    try:
        with training_bar(quiet=options.json or not first) as progress:
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
    if not first:
        return 0
    if options.plots:
        models.plot_history(result.history, options.out / "training.png")
    if options.tensorboard:
        models.write_tensorboard(result.history, options.out / "tensorboard")
    size = models.model_size(result.network)
    figures = {
        "checkpoint": str(checkpoint),
        "test_accuracy": result.test_accuracy,
        "validation_accuracy": result.validation_accuracy,
        "parameters": size.parameters,
        "size_bits": size.size_bits,
        "wall_s": result.seconds,
    }
    if options.json:
        print_json(figures)
    else:
        print_figures(figures, "trained")
    return 0


def _check(config: Any, json: bool, models: Any) -> int:
    from ..report import print_figures, print_rows

    found = models.understood(config)
    if json:
        print_json({**found.figures, "splits": found.splits})
    else:
        print_figures(found.figures, "understood")
        print_rows("samples", found.splits)
    return 0


def _settings(options: argparse.Namespace, models: Any) -> Any:
    """Return the TrainingConfig that the options ask for."""
    from dataclasses import replace

    if options.config:
        config = models.TrainingConfig.from_toml(options.config)
    elif options.preset:
        config = models.TrainingConfig.preset(options.preset)
    elif options.resume and options.out:
        config = models.load_network(options.out / "checkpoint.pt")[1]
    else:
        config = models.TrainingConfig.demo(0)
    if options.data is not None:
        config = replace(config, data=replace(config.data, path=options.data))
    names = ("seed", "epochs", "precision", "compile")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return replace(config, **given)
