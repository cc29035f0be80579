import subprocess
import sys

import nir
import numpy as np
import pytest

from axonc.models import TrainingConfig, dataset, encode, predict, zoo
from axonc.models.errors import TrainingInputError
from axonc.models.networks.registry import build_network


@pytest.mark.parametrize("name", zoo.names())
def test_each_network_is_binary_and_documented(name: str) -> None:
    graph = nir.read(zoo.model_path(name))
    weights = [n.weight for n in graph.nodes.values() if isinstance(n, nir.Affine | nir.Conv2d)]
    assert weights
    assert all(w.dtype == np.int8 and set(np.unique(w)) <= {-1, 0, 1} for w in weights)
    config = TrainingConfig.from_toml(zoo.config_path(name))
    card = zoo.model_path(name).with_suffix(".md").read_text(encoding="utf-8")
    assert f"| seed | {config.seed} |" in card
    assert f"python -m axonc.models.zoo.make {name}" in card
    assert card.rstrip().splitlines()[-1].count(",") == config.epochs - 1


def test_the_zoo_is_small() -> None:
    assert sum(zoo.model_path(name).stat().st_size for name in zoo.names()) < 2_000_000


def test_the_digits_network_fits_its_settings() -> None:
    config = TrainingConfig.from_toml(zoo.config_path("mnist5k-mlp"))
    assert config == TrainingConfig.demo(0)
    network = build_network(config, (1, 28, 28), 10)
    graph = nir.read(zoo.model_path("mnist5k-mlp"))
    for name in network.wiring:
        weight = graph.nodes[f"{name}_synapses"].weight
        assert weight.shape == tuple(network.layer(name).synapses.weight.shape)


def test_the_digits_network_reads_digits() -> None:
    """Run the shipped graph layer by layer on a hundred test images, in NumPy alone."""
    config = TrainingConfig.from_toml(zoo.config_path("mnist5k-mlp"))
    test = dataset(config).test
    spikes = encode(config, test.images[:100], "test").astype(np.float64)
    graph = nir.read(zoo.model_path("mnist5k-mlp"))
    for name in ("hidden1", "hidden2", "output"):
        synapses, neurons = graph.nodes[f"{name}_synapses"], graph.nodes[name]
        current = spikes @ synapses.weight.astype(np.float64).T + synapses.bias
        current = current * graph.nodes[f"{name}_scale"].scale
        v, fired = np.zeros_like(current[:, 0]), []
        for t in range(current.shape[1]):
            v = v + float(graph.metadata["dt"]) / neurons.tau * (current[:, t] - v)
            fired.append(v > neurons.v_threshold)
            v = np.where(fired[-1], neurons.v_reset, v)
        spikes = np.stack(fired, 1).astype(np.float64)
    assert (predict(spikes.sum(1)) == test.labels[:100]).mean() >= 0.92


def test_the_zoo_needs_no_torch() -> None:
    code = "import sys; from axonc.models import zoo; zoo.names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_unknown_network() -> None:
    with pytest.raises(TrainingInputError) as error:
        zoo.model_path("mnist-mlp")
    assert str(error.value) == (
        "zoo: got the network 'mnist-mlp', expected a network of the zoo. "
        "Did you mean 'mnist5k-mlp'?"
    )
