"""The emulator is the chip, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from axonc.targets.loihi import Network, Population, Sign, SynapseGroup, emulate
from axonc.targets.loihi import emulator as emulator_module


@pytest.mark.parametrize("seed", range(60))
def test_equals_the_chip_written_out_by_hand(seed, build):
    network, inputs = build.random_network(seed)
    names = [p.name for p in network.populations]
    got, expected = emulate(network, inputs, names), build.chip_by_hand(network, inputs)
    for name in names:
        np.testing.assert_array_equal(got.spikes[name], expected.spikes[name])
        np.testing.assert_array_equal(got.potentials[name], expected.potentials[name])
        assert got.counters[name]["spikes"] == expected.spikes[name].sum()


@pytest.mark.parametrize("seed", range(8))
def test_cutting_batch_and_time_into_parts_changes_nothing(seed, build, monkeypatch):
    network, inputs = build.random_network(seed)
    names = [p.name for p in network.populations]
    whole = emulate(network, inputs, names)
    monkeypatch.setattr(emulator_module, "CHUNK_VALUES", 40)
    monkeypatch.setattr(emulator_module, "PART_VALUES", 320)
    parts = emulate(network, inputs, names)
    for name in names:
        np.testing.assert_array_equal(whole.spikes[name], parts.spikes[name])
        np.testing.assert_array_equal(whole.potentials[name], parts.potentials[name])
    assert whole.counters == parts.counters
    assert whole.operations == parts.operations


def one_neuron(weights, *, du=4095, dv=0, vth=131071, bias=0, exponent=0):
    """A neuron with one input a weight (8 bits, mixed signs: even numbers)."""
    array = lambda x: np.array([x], np.int64)  # noqa: E731
    weight = np.array([weights], np.int32)
    return Network(
        {"in": (len(weights),)},
        (Population("p", (1,), array(du), array(dv), array(vth), array(bias), array(0), 1),),
        (SynapseGroup("s", "in", "p", weight, 8, Sign.MIXED, exponent, array(0), ("s",)),),
        {"out": "p"},
    )


def always(inputs, steps):
    return {"in": np.ones((1, steps, inputs), np.uint8)}


def test_the_threshold_is_strict():
    for vth, fires in ((19, True), (20, False)):
        emulation = emulate(one_neuron([20], vth=vth), always(1, 1))
        assert emulation.spikes["p"].all() == fires


def test_the_current_loses_one_part_in_4096_even_with_du_0():
    pulse = {"in": np.zeros((1, 5, 1), np.uint8)}
    pulse["in"][0, 0] = 1
    emulation = emulate(one_neuron([64], du=0), pulse, ["p"])
    steps_of_v = np.diff(emulation.potentials["p"][0, :, 0], prepend=0)
    assert steps_of_v.tolist() == [4096, 4095, 4094, 4093, 4092]


def test_the_current_wraps_and_the_membrane_clips_and_both_are_counted():
    # 254 * 2^10 * 2^6 = 1.98 * 2^23: beyond the current's range, which goes round.
    emulation = emulate(one_neuron([254], exponent=10), always(1, 1), ["p"])
    assert emulation.potentials["p"].item() == (254 << 16) - (1 << 24)
    assert emulation.counters["p"]["current_wraps"] == 1
    emulation = emulate(one_neuron([-250], exponent=8), always(1, 4), ["p"])
    assert emulation.potentials["p"][0, -1, 0] == -(1 << 23) + 1
    assert emulation.counters["p"]["membrane_clips"] > 0


def test_an_exponent_shifts_the_sum_and_rounds_it_down():
    # 6 >> 2 = 1 and -6 >> 2 = -2, but (6 - 6) >> 2 = 0: the sum is shifted, not each weight.
    for weights, expected in (([6], 1), ([-6], -2), ([6, -6], 0)):
        emulation = emulate(one_neuron(weights, exponent=-2), always(len(weights), 1), ["p"])
        assert emulation.potentials["p"].item() == expected << 6


def test_operations_count_present_synapses_only():
    emulation = emulate(one_neuron([2, 0, -2]), always(3, 7))
    assert emulation.operations["s"] == 2 * 7


def test_getting_ready_counts_nothing():
    first = one_neuron([2], vth=0, bias=64)  # spikes in every step, by its bias alone
    second = one_neuron([2])
    chain = Network(
        first.inputs,
        (first.populations[0], replace(second.populations[0], name="q", depth=2)),
        (first.synapses[0], replace(second.synapses[0], name="t", source="p", target="q")),
        {"out": "q"},
    )
    emulation = emulate(chain, {"in": np.zeros((1, 5, 1), np.uint8)})
    assert emulation.operations == {"s": 0, "t": 5}
    assert emulation.counters["p"]["spikes"] == 5


def test_active_updates_have_something_to_compute():
    network = one_neuron([2], dv=4095)
    spikes = {"in": np.array([0, 1, 0, 0], np.uint8).reshape(1, 4, 1)}
    assert emulate(network, spikes).counters["p"]["active_updates"] == 2  # the sum, then v != 0
