from dataclasses import replace
from pathlib import Path

import pytest

from axonc.models import TrainingConfig, TrainingInputError, presets
from axonc.models.config import NetworkConfig
from axonc.models.methods.agmm import GateConfig, Mean
from axonc.models.networks.registry import build_network


def test_toml_round_trip() -> None:
    config = replace(
        TrainingConfig.demo(7),
        network=NetworkConfig(hidden=(30, 20)),
        gate=GateConfig(mean=Mean.CHANNEL, alpha_init=1e-5),
    )
    assert TrainingConfig.from_text(config.to_toml()) == config


def test_a_file_may_say_only_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('epochs = 3\n[gate]\nmean = "channel"\n[neuron]\ntau_s = 1\n')
    config = TrainingConfig.from_toml(file)
    assert (config.epochs, config.gate.mean, config.neuron.tau_s) == (3, Mean.CHANNEL, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "epoch = 3",
            "settings: got unknown key 'epoch', expected a setting of axonc. "
            "Did you mean 'epochs'?",
        ),
        (
            "[optimizer]\nlearning_rat = 3",
            "settings: got unknown key 'optimizer.learning_rat', expected a setting of axonc. "
            "Did you mean 'learning_rate'?",
        ),
        (
            "learning_rate = 3",
            "settings: got unknown key 'learning_rate', expected a setting of axonc. "
            "Put it into the table [optimizer].",
        ),
        (
            "[gate]\nmean = 'chanel'",
            "settings: got gate.mean = 'chanel', expected one of layer, channel, sample, "
            "sample-channel. Did you mean 'channel'?",
        ),
        (
            "epochs = 'ten'",
            "settings: got epochs = 'ten', expected a value of type int. Correct the value.",
        ),
        (
            "epochs = true",
            "settings: got epochs = True, expected a value of type int. Correct the value.",
        ),
        ("gate = 3", "settings: got gate = 3, expected a value of type table. Correct the value."),
        ("epochs = 0", "setting epochs: got 0, expected a number above 0. Correct it."),
        ("data.bins = 0", "setting data.bins: got 0, expected a number above 0. Correct it."),
        (
            "data.side = -1",
            "setting data.side: got -1, expected a number from 0 to 16384. Correct it.",
        ),
        *(
            (
                f"{table}.{name} = {value}",
                f"setting {table}.{name}: got {got}, expected a number {expected}. Correct it.",
            )
            for table, name, value, got, expected in [
                ("optimizer", "weight_decay", "-3", "-3.0", "from 0 to 1e+06"),
                ("optimizer", "label_smoothing", "5", "5.0", "from 0 below 1"),
                ("optimizer", "momentum", "5", "5.0", "from 0 below 1"),
                ("optimizer", "mse_share", "-4", "-4.0", "from 0 to 1"),
                ("optimizer", "learning_rate", "1e25", "1e+25", "from 0 to 1e+20"),
                ("network", "dropout", "1.5", "1.5", "from 0 below 1"),
                ("network", "hidden", "[0]", "0", "from 1 to 1.67772e+07"),
                ("surrogate", "slope", "-4", "-4.0", "above 0"),
                ("bso", "beta1", "1", "1.0", "from 0 below 1"),
            ]
        ),
        (
            "seed = -1",
            "setting seed: got -1, expected a number from 0 below 9.22337e+18. Correct it.",
        ),
        (
            "[neuron]\nkind = 'plif'\ntau_s = 1e-3",
            "setting neuron.tau_s: got 0.001 with neuron.dt_s = 0.001, expected more than dt_s. "
            "Raise tau_s, or lower dt_s.",
        ),
        (
            "neuron.tau_s = 5e-4",
            "setting neuron.tau_s: got 0.0005 with neuron.dt_s = 0.001, expected dt_s or more. "
            "Raise tau_s, or lower dt_s.",
        ),
        (
            "batch_size = 1\nencoder.steps = 1",
            "setting batch_size: got 1, in 1 parts, with encoder.steps = 1, expected two samples a "
            "part or more: BatchNorm needs two values a neuron. "
            "Raise batch_size or encoder.steps, or lower accumulate.",
        ),
        (
            "[neuron]\nthreshold = nan",
            "setting neuron.threshold: got nan, expected a number above 0. Correct it.",
        ),
    ],
)
def test_bad_settings(text: str, message: str) -> None:
    with pytest.raises(TrainingInputError) as error:
        TrainingConfig.from_text(text)
    assert str(error.value) == message


def test_broken_toml_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingInputError, match=r"settings: got broken TOML \(Invalid value"):
        TrainingConfig.from_text("epochs = ")
    with pytest.raises(TrainingInputError, match="No such file.*expected a readable TOML file"):
        TrainingConfig.from_toml(tmp_path / "none.toml")


SHAPES = {
    "cifar10": (3, 32, 32),
    "cifar100": (3, 32, 32),
    "image-folder": (3, 64, 64),
    "cifar10-dvs": (10, 2, 48, 48),
    "dvs-gesture": (16, 2, 128, 128),
}


@pytest.mark.parametrize("name", presets.titles())
def test_presets_build_their_networks(name: str) -> None:
    config = TrainingConfig.preset(name)
    network = build_network(config, SHAPES[config.data.name], 10)
    assert network.steps == config.encoder.steps
    assert name.startswith(config.data.name) or config.data.name == "image-folder"


def test_every_preset_says_what_it_follows() -> None:
    for name, title in presets.titles().items():
        method = title.split(":")[0].lower()
        assert name.endswith(method.removeprefix("t-")), name
        assert title.endswith(("2025)", "2026)"))


def test_unknown_preset() -> None:
    with pytest.raises(TrainingInputError) as error:
        TrainingConfig.preset("cifar10-vgg11-bs")
    assert str(error.value) == (
        "preset: got 'cifar10-vgg11-bs', expected settings that come with axonc. "
        "Did you mean 'cifar10-vgg11-bso'?"
    )
