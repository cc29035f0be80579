"""The dialect: asked, read, recognised or assumed, and always said."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from axonc.toolchain.errors import InputError
from axonc.toolchain.frontend import DialectOptions, load_graph
from axonc.toolchain.ir import IFConvention, Integrator, Reset


def dialect(source, **options):
    return load_graph(source, options=DialectOptions(**options)).dialect


@pytest.fixture
def network(chain, lif):
    return lambda **parameters: chain(3, 3, lif=lif(3, **parameters))


def test_defaults_are_told(network):
    found = dialect(network())
    assert (found.dt, found.integrator, found.reset) == (1e-4, Integrator.EULER, Reset.HARD)
    assert found.notes == (
        "dt = 0.0001 was assumed: the file does not say.",
        "The integrator is euler: assumed.",
        "The reset is hard, as v_reset says: all 0, which snnTorch, spikingjelly and sinabs write"
        " for a subtracting reset too; if so, ask for it.",
    )


def test_options_win_and_need_no_note(network):
    found = dialect(network(), dt=1e-3, integrator="exponential", reset="subtract-next")
    assert (found.dt, found.integrator, found.reset) == (
        1e-3,
        Integrator.EXPONENTIAL,
        Reset.SUBTRACT_NEXT,
    )
    assert found.notes == ()


def test_dt_is_read_from_the_metadata(network, written):
    source = network()
    source.metadata = {"dt": 1e-3, "producer": "axonc", "note": "anything", "list": np.arange(3)}
    for way in (source, written(source)):
        found = dialect(way)
        assert found.dt == 1e-3
        assert found.notes == ("dt = 0.001 was read from the file's metadata.",)
    assert dialect(source, dt=1e-4).notes == (
        "The file's metadata says dt = 0.001; 0.0001 was asked for.",
    )


@pytest.mark.parametrize("dt", [0.0, -1.0, np.nan, "soon"])
def test_a_senseless_dt_in_the_metadata_is_ignored(network, dt):
    source = network()
    source.metadata = {"dt": dt}
    found = dialect(source)
    assert found.dt == 1e-4
    assert "which is no time step; it was ignored." in found.notes[0]


@pytest.mark.parametrize("dt", [1e-3, 2e-4, 0.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dt_is_recognised_by_the_gain_of_a_leak(dt, dtype, chain):
    tau = (np.array([3.0, 17.0, 20.5]) * dt).astype(dtype)
    one = np.ones(3, dtype)
    node = nir.CubaLIF(tau * 2, tau, tau / dtype(dt), 0 * one, one, 0 * one, tau * 2 / dtype(dt))
    found = dialect(chain(3, 3, node=node))
    assert found.dt == pytest.approx(dt, rel=1e-12)
    assert f"dt = {dt:g} was recognised by r = tau/dt." in found.notes


def test_the_rockpool_gain_is_recognised(network):
    tau, dt = 2.5e-3, 1e-4
    found = dialect(network(tau=tau, r=tau / dt * np.exp(-dt / tau)))
    assert (found.dt, found.integrator) == (dt, Integrator.EXPONENTIAL_DELTA)
    assert any(n.startswith("dt = 0.0001 was assumed: r = tau/dt * exp") for n in found.notes)


def test_spyx_neurons_take_their_input_whole(chain, lif):
    tau = np.array([2.0, 3.5, 20.0], np.float32)
    node = nir.LIF(tau, 1 - 1 / tau, 0 * tau, tau**0, 0 * tau)
    graph = load_graph(chain(3, 3, node=node))
    assert graph.dialect.dt == 1.0
    assert np.array_equal(graph.nodes["node"].r, tau)  # tau/dt
    assert graph.dialect.notes[0] == (
        "r = 1 - dt/tau with dt = 1 in all neurons, as spyx writes them: their input was taken"
        " whole, as in spyx."
    )
    plain = load_graph(chain(3, 3, lif=lif(3, tau=2.0, r=0.5)))
    assert np.all(plain.nodes["lif"].r == 0.5)  # one number could be chance


def test_gains_that_disagree_tell_nothing(chain, lif):
    source = chain(1, 1, a=lif(1, tau=0.02, r=20.0), b=lif(1, tau=0.02, r=2.0))
    assert dialect(source).notes[0] == "dt = 0.0001 was assumed: the file does not say."


def test_integrators_that_count_seconds_are_recognised(chain):
    one = np.ones(3)
    source = chain(3, 3, node=nir.IF(one * 1e3, one, 0 * one))
    found = dialect(source)
    assert (found.dt, found.if_convention) == (1e-3, IFConvention.PER_SECOND)
    told = "Integrators without leak (I, IF) count their input per-second: assumed: r = 1/dt"
    assert any(note.startswith(told) for note in found.notes)
    assert dialect(source, dt=1e-4).if_convention is IFConvention.PER_STEP


def test_time_constants_in_steps_are_suspected(network):
    text = dialect(network(tau=20.0)).notes[0]
    assert "Its time constants are all 1 or more, which looks like steps or milliseconds" in text


def without_reset(file, version):
    del file["node/nodes/lif/v_reset"]
    del file["version"]
    if version is not None:
        file["version"] = version


@pytest.mark.parametrize(
    ("version", "reset"),
    [
        ("0.2.0", Reset.SUBTRACT),
        ("1.0.5", Reset.SUBTRACT),
        (None, Reset.SUBTRACT),
        ("1.0.6", Reset.HARD),
        ("1.0.10", Reset.HARD),
    ],
)
def test_a_missing_v_reset_means_what_it_meant_then(version, reset, network, written):
    path = written(network(), lambda file: without_reset(file, version))
    found = dialect(path)
    assert found.reset is reset
    assert any("v_reset" in note for note in found.notes)
    assert dialect(path, reset="hard").reset is Reset.HARD


def test_a_v_reset_that_the_reset_ignores_is_told(network):
    found = dialect(network(v_reset=-0.3), reset="subtract")
    assert "The reset 'subtract' does not use the v_reset of 'lif'." in found.notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dt": 0}, "option dt: got 0, expected a time above 0. Give the step"),
        (
            {"integrator": "rk4"},
            "option integrator: got 'rk4', expected one of euler, exponential, exponential-delta,"
            " exponential-jump. Choose the convention of the program that wrote the graph.",
        ),
        ({"reset": "none"}, "option reset: got 'none', expected one of hard, hard-next, "),
        ({"if_convention": "x"}, "option if_convention: got 'x', expected one of per-step, "),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        DialectOptions(**options)


def test_one_pair_of_round_numbers_confirms_no_step(network):
    found = dialect(network(tau=20e-3, r=2.0))
    assert "dt = 0.01 was assumed: r = tau/dt makes it round" in " ".join(found.notes)
    assert "recognised" not in " ".join(found.notes)
