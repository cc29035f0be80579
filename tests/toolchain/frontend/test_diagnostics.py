"""Choices that cannot be right are refused, suspicious ones are noted."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import DialectOptions, load_graph
from axonc.toolchain.frontend.reach import silent_populations
from axonc.toolchain.ir import Dialect, Integrator
from axonc.toolchain.reference import execute


def notes(source, **options):
    return load_graph(source, options=DialectOptions(**options)).dialect.notes


def test_a_time_constant_shorter_than_dt(chain, lif):
    source = chain(3, 3, lif=lif(3, tau=5e-4))
    message = (
        r"lif' \(LIF\), tau: got values down to 0.0005, shorter than dt = 0.001, expected at least"
        " dt: forward Euler would turn the state's sign in each step. Give the dt and unit of time"
    )
    with pytest.raises(InputError, match=message):
        load_graph(source, options=DialectOptions(dt=1e-3))
    load_graph(source, options=DialectOptions(dt=1e-3, integrator="exponential"))


def test_a_time_constant_of_one_step_in_float32(chain):
    tau = np.full(3, 7e-4, np.float32)  # slightly below 7e-4
    one = np.ones(3, np.float32)
    source = chain(3, 3, lif=nir.LIF(tau, one, 0 * one, one / 2, 0 * one))
    load_graph(source, options=DialectOptions(dt=7e-4))


def test_a_subtracting_reset_needs_a_positive_threshold(chain, lif):
    source = chain(3, 3, lif=lif(3, v_threshold=-1.0, v_reset=-2.0))
    with pytest.raises(InputError, match="above 0: the subtracting reset would raise"):
        load_graph(source, options=DialectOptions(reset="subtract"))
    assert not any("reset to above" in note for note in notes(source))


def test_a_reset_above_the_threshold(chain, lif):
    text = "node 'lif' (LIF): 3 of 3 neurons are reset to above their threshold and fire on unless"
    assert any(note.startswith(text) for note in notes(chain(3, 3, lif=lif(3, v_reset=0.7))))


def test_a_population_that_never_reaches_its_threshold(chain, lif):
    source = chain(4, 3, fc=nir.Linear(np.full((3, 4), 0.1)), lif=lif(3))
    assert notes(source, dt=1e-3)[-1] == (
        "node 'lif' (LIF) never reaches its threshold even if all its inputs spike in every step:"
        " check dt = 0.001, integrator = euler, if_convention = per-step."
    )
    strong = chain(4, 3, fc=nir.Linear(np.full((3, 4), 0.2)), lif=lif(3))
    assert not any("threshold" in note for note in notes(strong, dt=1e-3))


def test_the_wrong_convention_of_integrators_is_noticed(shared):
    path = shared / "fixtures/nir/cnn_sinabs.nir"
    found = notes(path, if_convention="per-second", reset="hard")
    assert sum("steps to reach its threshold" in note for note in found) >= 3
    assert not any("threshold even" in note for note in notes(path, reset="hard"))


def test_every_connection_is_looked_through(chain):
    """Conv, pool, scale, flatten and matrix: a full input just reaches, a weaker one does not."""

    def network(threshold):
        one = np.ones(2)
        return chain(
            (2, 4, 4),
            2,
            conv=nir.Conv2d((4, 4), np.ones((4, 1, 3, 3)), 1, 1, 1, 2, np.full(4, 0.5)),
            sum=nir.SumPool2d(*(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))),
            mean=nir.AvgPool2d(*(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))),
            scale=nir.Scale(np.full((4, 1, 1), -2.0)),
            flat=nir.Flatten({"input": np.array([4, 1, 1])}, 0, -1),
            fc=nir.Affine(np.full((2, 4), -1.0), one),
            lif=nir.LIF(one * 0.02, one, 0 * one, one * threshold, 0 * one),
        )

    highest = 4 * 2 * (4 * 9.5) + 1
    assert any("never reaches" in note for note in notes(network(highest)))
    assert not any("never reaches" in note for note in notes(network(highest * 0.99)))


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    integrator=st.sampled_from(list(Integrator)),
    scale=st.floats(0.01, 2.0),
)
def test_a_population_called_silent_is_silent(seed, integrator, scale):
    rng = np.random.default_rng(seed)
    ranges = {"tau": (2, 30), "r": (0.5, 2), "v_leak": (0, 0.2), "v_threshold": (0.5, 1)}
    parameters = {name: rng.uniform(*ends, 3) for name, ends in ranges.items()}
    graph = load_graph(
        nir.NIRGraph(
            {
                "input": nir.Input({"input": np.array([5])}),
                "fc": nir.Affine(rng.normal(0, scale, (3, 5)), rng.normal(0, scale, 3)),
                "lif": nir.LIF(**parameters, v_reset=np.zeros(3)),
                "output": nir.Output({"output": np.array([3])}),
            },
            [("input", "fc"), ("fc", "lif"), ("lif", "output")],
        ),
        options=DialectOptions(dt=1.0, integrator=integrator),
    )
    if silent_populations(graph, Dialect(1.0, integrator)):
        spikes = rng.random((4, 50, 5)) < rng.random((4, 1, 1))
        assert not execute(graph, spikes).spike_counts["lif"].any()
