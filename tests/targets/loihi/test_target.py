"""The contract of a target, the costs, and bad input."""

import numpy as np
import pytest

from axonc.targets import load_target
from axonc.targets.loihi import Loihi
from axonc.toolchain.errors import InputError
from axonc.toolchain.reference import execute


@pytest.fixture
def program(build):
    rng = np.random.default_rng(0)
    weights = [(rng.integers(0, 2, s) * 2 - 1).astype(np.int8) for s in ((12, 20), (4, 12))]
    graph = build.affine_graph(weights, [build.integer_neuron(12, 3), build.integer_neuron(4, 2)])
    return Loihi().compile(graph)


@pytest.fixture
def spikes():
    return np.random.default_rng(1).random((5, 10, 20)) < 0.3


def test_it_is_found_by_name():
    assert isinstance(load_target("loihi"), Loihi)


def test_a_run_tells_what_was_asked_and_counts_like_the_reference(program, spikes):
    run = Loihi().run(program, spikes, probes=["lif1", "in"])
    reference = execute(program.graph, spikes, probes=["lif1"])
    assert set(run.spikes) == {"out", "lif1", "in"}
    np.testing.assert_array_equal(run.spikes["in"], spikes)
    assert run.latency_steps == program.latency_steps == 2
    operations = 12 * spikes.sum() + 4 * reference.spikes["lif1"].sum()
    assert run.synaptic_operations == operations
    assert run.layers["lif1"]["neuron_updates"] == 5 * 10 * 12
    assert run.layers["lif1"]["spikes"] == reference.spikes["lif1"].sum()
    assert run.cycles is None


def test_energy_is_counts_times_figures(program, spikes):
    target = Loihi()
    run = target.run(program, spikes)
    report = target.cost(program, run)
    davies, fit = report.energy
    active = sum(run.layers[n]["active_updates"] for n in ("lif1", "lif2")) / 5
    inner, outer = (run.layers[n]["spikes"] / 5 for n in ("lif1", "lif2"))
    updates = 10 * 16
    operations = run.synaptic_operations / 5
    expected = operations * 23.6 + active * 81 + (updates - active) * 52 + inner * 1.7
    assert davies.total_pj == pytest.approx(expected)
    expected = operations * 35.5 + active * 21.6 + updates * 51.2 + (inner + outer) * 69.3
    assert fit.total_pj == pytest.approx(expected + inner * 111)
    assert davies.static_power_w == 0.104
    assert any("barrier" in note for note in report.notes)


def test_a_step_takes_what_the_busiest_core_takes(program, spikes):
    target = Loihi()
    run = target.run(program, spikes)
    davies, fit = target.cost(program, run).time
    steps = 5 * 10
    first = {name: count / steps for name, count in run.layers["lif1"].items()}
    active, idle = first["active_updates"], 12 - first["active_updates"]
    operations = 12 * spikes.sum() / steps
    arriving, sent = spikes.sum() / steps, first["spikes"]
    assert davies.parts_ns == pytest.approx(
        {
            "synaptic operations": operations * 3.5,
            "neuron updates": active * 8.4 + idle * 5.3,
            "spikes and messages": sent * 2.1,
            "longest way of a message": 0.0,  # both cores are in one tile
            "barrier": 113.0,
        }
    )
    core = operations * 3.8 + active * 9.7 + idle * 6.0 + sent * (30 + 5.1) + arriving * 16
    assert fit.step_ns == pytest.approx(core + 600)
    assert davies.steps == 12 and davies.inference_ns == pytest.approx(12 * davies.step_ns)


def test_time_beyond_one_chip_has_no_total(build):
    weight = np.ones((130 * 8, 4), np.int8)
    graph = build.affine_graph([weight], [build.integer_neuron(1040, np.arange(1040))])
    program = Loihi().compile(graph)
    assert program.mapping.core_count > 128
    report = Loihi().cost(program, Loihi().run(program, np.ones((1, 3, 4), bool)))
    for estimate in report.time:
        assert estimate.step_ns is None and estimate.unpriced == ("barrier between chips",)
        assert estimate.parts_ns["synaptic operations"] > 0


def test_no_energy_is_made_up_for_loihi_2(program, spikes, build):
    target = Loihi(chip_name="loihi2")
    second = target.compile(program.graph)
    report = target.cost(second, target.run(second, spikes))
    assert report.energy == () and report.time == ()
    assert "no energy and no time: for Intel Loihi 2 no figures are published" in report.notes


def test_cost_without_a_run_is_memory_alone(program):
    report = Loihi().cost(program)
    assert report.memory_bits.total > 0
    assert report.synaptic_operations is None and report.energy == ()


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (np.full((1, 2, 20), 2), "got values from 2 to 2, expected 0 and 1"),
        (np.full((1, 2, 20), 0.5), "got values from 0.5 to 0.5, expected 0 and 1"),
        (np.zeros((1, 2, 19), bool), r"got shape \(1, 2, 19\), expected \(batch, time, 20\)"),
        (np.zeros((1, 0, 20), bool), r"got shape \(1, 0, 20\)"),
    ],
)
def test_spikes_that_do_not_fit_are_refused(spikes, message, program):
    with pytest.raises(InputError, match=message):
        Loihi().run(program, spikes)


def test_unknown_engines_probes_and_chips_are_refused(program, spikes):
    with pytest.raises(InputError, match="got 'nxsdk', expected one of emulator, lava"):
        Loihi().run(program, spikes, engine="nxsdk")
    with pytest.raises(InputError, match="got 'fc1', expected names of spiking nodes"):
        Loihi().run(program, spikes, probes=["fc1"])
    with pytest.raises(InputError, match="got 'loihi3', expected one of loihi1, loihi2"):
        _ = Loihi(chip_name="loihi3").chip


def test_strict_makes_an_overflow_an_error(build):
    weight = np.full((1, 2000), -1, np.int8)
    neuron = build.integer_neuron(1, 5, multiplier=1, shift=0, bits=40)
    graph = build.affine_graph([weight], [neuron])
    spikes = np.ones((1, 70, 2000), bool)
    relaxed = Loihi().run(Loihi().compile(graph), spikes)
    assert relaxed.counters["overflows"] == 5  # 2000 * 64 * 65.5 steps reach 2^23
    with pytest.raises(InputError, match="got 5 overflows of currents or membranes"):
        Loihi(strict=True).run(Loihi().compile(graph), spikes)


def test_installing_the_emulator_is_refused():
    with pytest.raises(InputError, match="an engine that is built in"):
        Loihi().install_engine("emulator")
