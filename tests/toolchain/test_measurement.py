"""Rounding that destroys a network is said loudly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from axonc.toolchain.cli import main
from axonc.toolchain.comparison import Measurement, accuracy, spike_mismatch
from axonc.toolchain.driver import lower, measure
from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.passes import IntegerWeights


@pytest.fixture(scope="module")
def braille(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    """100 recordings of a fingertip on Braille letters: bool (100, 256, 12), and labels."""
    with np.load(shared / "data/braille7_spikes.npz") as file:
        packed, labels = file["spikes_packed"][:100], file["label"][:100]
    bits = np.unpackbits(packed.reshape(100, -1), axis=1)[:, : 256 * 12]
    return bits.reshape(100, 256, 12).astype(bool), labels


def test_eight_bits_keep_the_braille_network_and_two_destroy_it(
    shared: Path, braille: tuple[np.ndarray, np.ndarray]
) -> None:
    graph = load_graph(shared / "fixtures/nir/braille_subtract.nir")
    spikes, labels = braille
    good = measure(lower(graph), spikes, labels)
    assert good.float_accuracy is not None and good.float_accuracy >= 0.94
    assert good.alarm is None
    bad = measure(lower(graph, weights=IntegerWeights(2)), spikes, labels)
    assert bad.alarm is not None
    assert bad.alarm.startswith("rounding destroys this network: accuracy falls from 9")


def test_check_warns_on_standard_error(
    shared: Path,
    braille: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.savez(tmp_path / "in.npz", spikes=braille[0][:20], labels=braille[1][:20])
    model = shared / "fixtures/nir/braille_subtract.nir"
    command = ["check", str(model), "--weight-bits", "2", "--input", str(tmp_path / "in.npz")]
    assert main([*command, "--json"]) == 0
    printed = capsys.readouterr()
    assert "WARNING: rounding destroys this network: accuracy falls" in printed.err
    assert "of its spike bins differ" in printed.out


def test_labels_must_match_the_samples(shared: Path) -> None:
    lowering = lower(load_graph(shared / "fixtures/nir/braille_subtract.nir"))
    with pytest.raises(InputError, match=r"labels: got shape \(3,\), expected one for each"):
        measure(lowering, np.zeros((1, 5, 12), bool), np.zeros(3))


def test_mismatch_counts_bins_over_all_nodes() -> None:
    one = {"a": np.zeros((2, 3, 4), bool), "b": np.zeros((2, 3, 1), bool)}
    other = {"a": np.zeros((1, 3, 4), bool), "b": np.ones((1, 3, 1), bool)}
    assert spike_mismatch(one, other, ["a", "b"]) == 3 / 15


def test_accuracy_breaks_ties_towards_the_lowest_class() -> None:
    output = np.zeros((2, 4, 3), bool)
    output[0, :2, 1:] = True
    assert accuracy(output, np.array([1, 0])) == 1.0


@pytest.mark.parametrize(
    ("figures", "loud"),
    [
        (dict(agreement=1.0, float_accuracy=0.90, int_accuracy=0.849), True),
        (dict(agreement=0.5, float_accuracy=0.90, int_accuracy=0.851), False),
        (dict(agreement=0.949, float_accuracy=None, int_accuracy=None), True),
        (dict(agreement=0.951, float_accuracy=None, int_accuracy=None), False),
    ],
)
def test_a_loss_of_five_points_is_an_alarm(figures: dict[str, float], loud: bool) -> None:
    """With labels accuracy is what counts, without them agreement."""
    assert (Measurement(mismatch={}, **figures).alarm is not None) is loud
