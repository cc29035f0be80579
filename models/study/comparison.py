"""`python -m axonc.models.study`: the training methods against one another, over seeds.

Every variant trains the same network on the same data; only what its name says differs. A run is
one line of `runs.jsonl` (its settings' digest, accuracies and whole history), so that a study that
was stopped goes on where it stood. `report.md` and the plots are drawn from that file alone.

Settings are compared on test accuracy after the last epoch; nothing is chosen by it. Given several
learning rates, each variant takes the one of the best mean validation accuracy over seeds of their
own (`tuning.jsonl`), which are none of the study's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..config import (
    DataConfig,
    EncoderConfig,
    Encoding,
    NetworkConfig,
    NeuronConfig,
    OptimizerConfig,
    OptimizerKind,
    SurrogateConfig,
    SurrogateKind,
    TrainingConfig,
)
from ..errors import DivergenceError, TrainingInputError, nearest
from ..methods.adali import AdaLiConfig
from ..methods.agmm import Alpha, GateConfig, Mean
from ..training.loop import train
from .report import best_rates, write_report

_OFF, _GATE = GateConfig(enabled=False), GateConfig()
_THRESHOLD = 0.25
_MPD = SurrogateConfig(SurrogateKind.MPD_AGL)
_TDBN = NeuronConfig(threshold=_THRESHOLD, tdbn=True)
_ADALI = SurrogateConfig(SurrogateKind.ADALI)

_TUNING_SEED = 100

# The published boundaries are for a threshold of 1.
_SIDE = (1.5 * _THRESHOLD, 0.3 * _THRESHOLD)
_BOUNDARIES = AdaLiConfig(left=_SIDE, right=_SIDE)

VARIANTS: dict[str, dict[str, Any]] = {
    "vanilla": {"gate": _OFF},
    "float": {"gate": _OFF, "network": {"binary": False}},
    "agmm": {"gate": _GATE},
    "agmm-channel": {"gate": replace(_GATE, mean=Mean.CHANNEL)},
    "agmm-per-step": {"gate": replace(_GATE, per_step=True)},
    "agmm-free": {"gate": replace(_GATE, alpha=Alpha.FREE, alpha_init=1.0)},
    "agmm-fixed": {"gate": replace(_GATE, alpha=Alpha.FIXED, alpha_init=1.0)},
    "agmm-gradient-only": {"gate": replace(_GATE, gradient_only=True)},
    "tdbn": {"gate": _OFF, "neuron": _TDBN},
    "mpd-agl": {"gate": _OFF, "neuron": _TDBN, "surrogate": _MPD},
    "measured-width": {"gate": _OFF, "surrogate": SurrogateConfig(SurrogateKind.MEASURED)},
    "adali": {"gate": _OFF, "surrogate": _ADALI},
    "adali-automatic": {
        "gate": _OFF,
        "surrogate": _ADALI,
        "adali": replace(_BOUNDARIES, automatic=True),
    },
    "agmm+mpd-agl": {"gate": _GATE, "neuron": _TDBN, "surrogate": _MPD},
    "agmm+adali": {"gate": _GATE, "surrogate": _ADALI},
    "rectangle": {"gate": _OFF, "surrogate": SurrogateConfig(SurrogateKind.RECTANGLE, 0.5)},
    "superspike": {"gate": _OFF, "surrogate": SurrogateConfig(SurrogateKind.SUPERSPIKE)},
    "bso": {"gate": _OFF},
}
"""What each variant changes in the base settings."""


@dataclass(frozen=True)
class Run:
    """One training run of a study."""

    variant: str
    optimizer: str
    learning_rate: float
    seed: int
    config: TrainingConfig

    @property
    def digest(self) -> str:
        """A name of the settings: a run of equal settings need not be made again."""
        return hashlib.blake2b(self.config.to_toml().encode(), digest_size=12).hexdigest()


def base(
    data: DataConfig,
    epochs: int,
    events: int = 0,
    channels: tuple[int, ...] = (24, 48),
    hidden: tuple[int, ...] = (200,),
) -> TrainingConfig:
    """Return the network of the study: strided convolutions and fully connected layers behind them.

    The first layer and the classifier stay in floating point, as in the papers.

    events: time steps of data that are event frames already; 0 draws 4 steps of spikes from images.
    """
    encoder = EncoderConfig(Encoding.EVENTS, events) if events else EncoderConfig(steps=4)
    return TrainingConfig(
        epochs=epochs,
        data=data,
        encoder=encoder,
        network=NetworkConfig(
            "conv", hidden=hidden, channels=channels, binary_ends=False, spike_readout=False
        ),
        neuron=NeuronConfig(threshold=_THRESHOLD),
        surrogate=SurrogateConfig(SurrogateKind.TRIANGLE, width=2 * _THRESHOLD),
        adali=_BOUNDARIES,
    )


def pairs(
    variants: Sequence[str], optimizers: Sequence[str], adam_variants: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """List the variants and the optimisers that train them.

    adam_variants: those that Adam trains too; empty: all but bso, which is an optimiser itself.
    """
    return [
        (variant, optimizer)
        for variant in variants
        for optimizer in optimizers
        if optimizer != OptimizerKind.ADAM
        or (variant != "bso" and variant in (adam_variants or variants))
    ]


def configure(
    start: TrainingConfig, variant: str, optimizer: str, learning_rate: float, seed: int
) -> Run:
    """Describe one run: the base settings, changed as the variant says."""
    kind = OptimizerKind.BSO if variant == "bso" else OptimizerKind(optimizer)
    changes = dict(VARIANTS[variant])
    network = replace(start.network, **changes.pop("network", {}))
    config = replace(
        start, seed=seed, network=network, optimizer=OptimizerConfig(kind, learning_rate), **changes
    )
    return Run(variant, optimizer, learning_rate, seed, config)


def execute(run: Run) -> dict[str, Any]:
    """Train once and return the line for `runs.jsonl`; a run whose loss diverged scores 0."""
    settings = {
        "variant": run.variant,
        "optimizer": run.optimizer,
        "learning_rate": run.learning_rate,
        "seed": run.seed,
        "digest": run.digest,
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = train(run.config, folder)
        except DivergenceError:
            return settings | {"test_accuracy": 0.0, "validation_accuracy": 0.0, "history": []}
    return settings | {
        "test_accuracy": result.test_accuracy,
        "validation_accuracy": result.validation_accuracy,
        "wall_s": result.seconds,
        "history": [
            {key: float(f"{value:.6g}") for key, value in row.items()} for row in result.history
        ],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a study, or what is left of it, and write its report."""
    options = _parser().parse_args(arguments)
    try:
        variants = _variants("--variants", options.variants) or list(VARIANTS)
        adam_variants = _variants("--adam-variants", options.adam_variants)
        data = DataConfig(
            options.data,
            options.path,
            validation=options.validation,
            train_limit=options.train,
            bins=options.events or DataConfig.bins,
        )
        rates = {"sgd": options.sgd, "adam": options.adam}
        trained = pairs(variants, [name for name in rates if rates[name]], adam_variants)
        start = base(data, options.epochs, options.events, options.channels, options.hidden)
        tuning = [
            configure(start, variant, optimizer, rate, seed)
            for seed in range(_TUNING_SEED, _TUNING_SEED + options.tuning_seeds)
            for variant, optimizer in trained
            if len(rates[optimizer]) > 1
            for rate in rates[optimizer]
        ]
        tuned = _run_all(tuning, options.out / "tuning.jsonl")
        best = best_rates(tuned) | {
            pair: rates[pair[1]][0] for pair in trained if len(rates[pair[1]]) == 1
        }
        runs = [
            configure(start, *pair, best[pair], seed)
            for seed in range(options.seeds)  # outermost: a part of a study is a smaller study
            for pair in trained
        ]
        lines = _run_all(runs, options.out / "runs.jsonl")
        write_report(lines, tuned, options.out, options.target)
    except TrainingInputError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def _variants(option: str, text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in VARIANTS:
            raise TrainingInputError(
                option,
                got=repr(name),
                expected="variants of the study",
                remedy=nearest(name, VARIANTS),
            )
    return names


def _run_all(todo: Sequence[Run], file: Path) -> list[dict[str, Any]]:
    """Run what the file does not hold yet, add it there, and return the lines of all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {line["digest"]: line for line in known}
    for number, run in enumerate(todo, start=1):
        if run.digest not in done:
            line = execute(run)
            done[run.digest] = line
            with file.open("a") as stream:
                stream.write(json.dumps(line) + "\n")
        accuracy = done[run.digest]["validation_accuracy"]
        name = f"{run.variant}, {run.optimizer} {run.learning_rate:g}, seed {run.seed}"
        where = f"{file.stem} {number}/{len(todo)}"
        print(f"{where}  {name}: validation {100 * accuracy:.2f} %", flush=True)
    return [done[run.digest] for run in todo]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m axonc.models.study", description=__doc__)

    def rates(text: str) -> list[float]:
        return [float(rate) for rate in text.split(",") if rate]

    def sizes(text: str) -> tuple[int, ...]:
        return tuple(int(size) for size in text.split(",") if size)

    parser.add_argument("--out", type=Path, required=True, help="folder of results and report")
    parser.add_argument("--data", default="mnist5k", help="data set (default mnist5k)")
    parser.add_argument("--path", default="", help="its files, where it needs any")
    parser.add_argument(
        "--events", type=int, default=0, help="time steps of event data (default 0: images)"
    )
    parser.add_argument("--train", type=int, default=4000, help="training images used; 0: all")
    parser.add_argument("--validation", type=int, default=500, help="training images held out")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--channels", type=sizes, default=(24, 48), help="of the convolutions")
    parser.add_argument("--hidden", type=sizes, default=(200,), help="neurons of the hidden layers")
    parser.add_argument(
        "--tuning-seeds", type=int, default=2, help="seeds that choose among several rates"
    )
    parser.add_argument("--sgd", type=rates, default=[0.3], help="learning rates, comma-separated")
    parser.add_argument("--adam", type=rates, default=[1e-3], help="the same; empty: no Adam")
    parser.add_argument("--variants", default="", help=f"of {', '.join(VARIANTS)}; default all")
    parser.add_argument("--adam-variants", default="", help="those Adam trains too; default all")
    parser.add_argument("--target", type=float, default=0.8, help="accuracy to count epochs to")
    return parser
